import type { Database } from '@roman/db'
import { createPending, type IdRange, type Pending } from './pending.ts'
import { type Batch, GENESIS, type Head, type Seal } from './seal.ts'

/** Something that answers queries: one connection, or a pool of them. */
export type Client = Pick<Database['pool'], 'query'>

/** bigint as PostgreSQL sends it. A CHECK keeps seals to exact numbers; without it nothing is said rather than something wrong. */
const wholeNumber = (text: unknown): number => {
  const value = Number(text)
  if (!Number.isSafeInteger(value))
    throw new Error(`${text} is no number that a seal can have: the CHECK of ops.audit_seals is gone.`)
  return value
}

export const isStored = async (client: Client, { seal_number, chain_hash }: Head): Promise<boolean> => {
  const { rowCount } = await client.query('SELECT FROM ops.audit_seals WHERE seal_number = $1 AND chain_hash = $2', [
    seal_number,
    chain_hash,
  ])
  return rowCount === 1
}

/** What a sealer that begins has to wait for, from the seals alone: nothing about it is kept elsewhere. */
export const readPending = async (
  client: Client,
  { settled_id, through_id }: Head,
  settleAfterMs: number,
): Promise<Pending> => {
  const { rows } = await client.query(
    `SELECT id FROM ops.audit_seals s CROSS JOIN LATERAL unnest(s.event_ids) AS id
     WHERE s.through_id > $1 AND id > $1 ORDER BY id`,
    [settled_id],
  )
  const sealed = rows.map(({ id }) => wholeNumber(id))
  return createPending({ settled_id, through_id, sealed, nowMs: performance.now() }, settleAfterMs)
}

/**
 * The transactions that are writing to the table: each takes this lock before it takes an id, and gives it up after it
 * has become visible to others. Prepared transactions are among them. Who only reads, however long, is not.
 */
export const readWriters = async (client: Client): Promise<Set<string>> => {
  const { rows } = await client.query({
    name: 'roman-audit-writers',
    text: `SELECT virtualtransaction FROM pg_catalog.pg_locks
      WHERE locktype = 'relation' AND relation = 'ops.roman_events'::regclass AND mode = 'RowExclusiveLock'
        AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())`,
  })
  return new Set(rows.map(({ virtualtransaction }) => virtualtransaction))
}

/**
 * Stored events in these ranges, the lowest `limit` of them. None above what the sequence has given out: an id that
 * somebody chose must not make all ids below it look missed.
 */
export const readBatch = async (
  client: Client,
  ranges: readonly IdRange[],
  limit: number,
): Promise<Batch & Pick<Seal, 'sealed_at_us'>> => {
  // As bytes in one row: the sealer shares its processor with those who write.
  const { rows } = await client.query({
    name: 'roman-audit-events',
    text: `
      SELECT string_agg(int8send(id), '') AS ids, string_agg(hash, '') AS hashes,
             (extract(epoch FROM statement_timestamp()) * 1000000)::bigint AS now_us
      FROM (
        SELECT found.id, found.hash
        FROM unnest($1::bigint[], $2::bigint[]) AS r (low, high)
        CROSS JOIN LATERAL (
          SELECT e.id, coalesce(e.content_hash, sha256(convert_to(ops.audit_content(e), 'UTF8'))) AS hash
          FROM ops.roman_events e
          WHERE e.id BETWEEN r.low AND least(r.high, (SELECT last_value FROM ops.roman_events_id_seq))
          ORDER BY e.id LIMIT $3
        ) found
        ORDER BY found.id LIMIT $3
      ) batch`,
    values: [ranges.map(([low]) => low), ranges.map(([, high]) => high), limit],
  })
  const { ids, hashes, now_us } = rows[0]
  return { event_ids: idsOf(ids), content_hashes: hashes ?? Buffer.alloc(0), sealed_at_us: wholeNumber(now_us) }
}

/** As int8send writes them. */
const idsOf = (bytes: Buffer | null): number[] =>
  Array.from({ length: (bytes?.length ?? 0) / 8 }, (_, index) => wholeNumber(bytes!.readBigInt64BE(index * 8)))

/**
 * Stores the seal if the chain still ends where it continues. False where it does not: somebody else seals.
 * @throws Error of the table's trigger where somebody else sealed in that very moment.
 */
export const appendSeal = async (client: Client, seal: Seal): Promise<boolean> => {
  const { rowCount } = await client.query({
    name: 'roman-audit-seal',
    text: `
      INSERT INTO ops.audit_seals (seal_number, event_ids, content_hashes, settled_id, through_id, total_events,
                                   previous_hash, chain_hash, sealed_at)
      SELECT $1, $2::bigint[], $3, $4, $5, $6, $7, $8, 'epoch'::timestamptz + $9::bigint * interval '1 microsecond'
      WHERE coalesce((SELECT chain_hash FROM ops.audit_seals ORDER BY seal_number DESC LIMIT 1), $10::bytea) = $7
      ON CONFLICT DO NOTHING`,
    values: [
      seal.seal_number,
      `{${seal.event_ids.join()}}`,
      seal.content_hashes,
      seal.settled_id,
      seal.through_id,
      seal.total_events,
      seal.previous_hash,
      seal.chain_hash,
      seal.sealed_at_us,
      GENESIS.chain_hash,
    ],
  })
  return rowCount === 1
}
