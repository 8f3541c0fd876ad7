import type { Database } from '@roman/db'
import type { Client } from './chain-store.ts'
import { HASH_BYTES, type StoredSeal } from './seal.ts'
import { requireSight } from './sight.ts'
import { SEAL_COLUMNS, sealOf } from './stored-seal.ts'
import type { StoredEvent } from './verifier.ts'

/**
 * What ops.audit_content says, written out, from functions of PostgreSQL's own only: a verification that asked the
 * database's function would believe whoever replaced it. A test holds the two together.
 */
const CONTENT = `pg_catalog.json_build_array(e.id, e.event_type, e.severity, e.source, e.description, e.metadata,
  extract(epoch FROM e."timestamp"))::text`

/**
 * A row that was written so recently may wait for the next batch. Who writes chooses the timestamp: one in the future is
 * no reason to wait for it.
 */
export const YOUNG = `e."timestamp" BETWEEN now() - interval '60 seconds' AND now() + interval '60 seconds'`

const EVENTS_PER_READ = 20_000
const SEALS_PER_READ = 10_000
const BYTES_PER_READ = 4_000_000
const TEXTS_PER_READ = 2_000
/** Below every id that the type has, so that none can hide below the first. */
const FIRST = '-9223372036854775808'

/**
 * Runs `work` on one connection that sees one moment of the database, all of the trail, and cannot change it.
 * @throws HiddenRowsError where row-level security may hide some of it.
 */
export const atOneMoment = async <T>(db: Pick<Database, 'pool'>, work: (client: Client) => Promise<T>): Promise<T> => {
  const client = await db.pool.connect()
  client.on('error', () => {})
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    // Ranges are read by the index; statistics that are out of date must not make each of them a scan.
    await client.query('SET LOCAL enable_seqscan = off')
    await requireSight(client)
    return await work(client)
  } finally {
    // Closed rather than kept: a read that was given up may still be under way on it.
    client.release(true)
  }
}

/** Reads the next part while the caller works on this one. */
async function* ahead<T>(readNext: () => Promise<T | null>): AsyncGenerator<T, void, void> {
  let coming = readNext()
  for (;;) {
    const part = await coming
    if (part === null) return
    coming = readNext()
    // Whoever stops in the middle does not wait for it.
    coming.catch(() => {})
    yield part
  }
}

/** All seals by their numbers, in parts of bounded size. */
export const readSeals = (client: Client): AsyncGenerator<StoredSeal[], void, void> => {
  let last = FIRST
  return ahead<StoredSeal[]>(async () => {
    const { rows } = await client.query({
      name: 'roman-audit-read-seals',
      text: `
        SELECT ${SEAL_COLUMNS} FROM (
          SELECT *, sum(size) OVER (ORDER BY seal_number) - size AS before
          FROM (SELECT *, coalesce(octet_length(content_hashes), 0) AS size FROM ops.audit_seals WHERE seal_number > $1 ORDER BY seal_number LIMIT $2) s
        ) s
        WHERE before < $3 ORDER BY seal_number`,
      values: [last, SEALS_PER_READ, BYTES_PER_READ],
    })
    if (rows.length === 0) return null
    last = rows.at(-1).seal_number
    return rows.map(sealOf)
  })
}

/**
 * Up to which id a row may be without a hash of its own, since it is from before there were any. The function that says
 * so is read and not called, as it may have been replaced; without one, every row has to have its hash.
 */
const readUnhashedThrough = async (client: Client): Promise<string> => {
  const { rows } = await client.query(
    "SELECT substring(prosrc FROM '[0-9]+') AS id FROM pg_catalog.pg_proc WHERE oid = to_regprocedure('ops.unhashed_through()')",
  )
  return rows[0]?.id ?? '0'
}

/** All events by their ids, each hashed anew from its content. */
export const readHashedEvents = (client: Client): AsyncGenerator<StoredEvent[], void, void> => {
  let last = FIRST
  let unhashedThrough: string | undefined
  return ahead<StoredEvent[]>(async () => {
    unhashedThrough ??= await readUnhashedThrough(client)
    // One row of bytes instead of thousands of rows: reading them would cost more than hashing does.
    const { rows } = await client.query({
      name: 'roman-audit-read-events',
      text: `
        SELECT string_agg(int8send(id), '') AS ids, string_agg(hash, '') AS hashes, max(id) AS last,
               array_agg(id) FILTER (WHERE CASE WHEN content_hash IS NULL THEN id > $3 ELSE content_hash <> hash END) AS disagreeing,
               array_agg(id) FILTER (WHERE young) AS young
        FROM (
          SELECT e.id, e.content_hash, ${YOUNG} AS young,
                 pg_catalog.sha256(pg_catalog.convert_to(${CONTENT}, 'UTF8')) AS hash
          FROM ops.roman_events e WHERE e.id > $1 ORDER BY e.id LIMIT $2
        ) e`,
      values: [last, EVENTS_PER_READ, unhashedThrough],
    })
    const { ids, hashes, disagreeing, young } = rows[0]
    if (ids === null) return null
    last = rows[0].last
    const [other, recent] = [disagreeing, young].map((list) => new Set(list?.map(Number)))
    return Array.from({ length: ids.length / 8 }, (_, index) => {
      const exactId: bigint = ids.readBigInt64BE(index * 8)
      const id = Number(exactId)
      const hash = hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES)
      return { id, exactId, hash, columnAgrees: !other!.has(id), young: recent!.has(id) }
    })
  })
}

/** An event's canonical text. */
export interface EventText {
  id: number
  text: string
}

/** All events by their ids, whole. */
export const readEventTexts = (client: Client): AsyncGenerator<EventText[], void, void> => {
  let last = FIRST
  return ahead<EventText[]>(async () => {
    const { rows } = await client.query({
      name: 'roman-audit-read-texts',
      text: `
        SELECT id, text FROM (
          SELECT id, text, sum(octet_length(text)) OVER (ORDER BY id) - octet_length(text) AS before
          FROM (
            SELECT e.id, ${CONTENT} AS text FROM ops.roman_events e WHERE e.id > $1 ORDER BY e.id LIMIT $2
          ) e
        ) e
        WHERE before < $3 ORDER BY id`,
      values: [last, TEXTS_PER_READ, BYTES_PER_READ],
    })
    last = rows.at(-1)?.id
    return rows.length === 0 ? null : rows.map(({ id, text }) => ({ id: Number(id), text }))
  })
}

export const readTextsOf = async (client: Client, ids: readonly number[]): Promise<EventText[]> => {
  const { rows } = await client.query(
    `SELECT e.id, ${CONTENT} AS text FROM ops.roman_events e WHERE e.id = ANY ($1::bigint[])`,
    [ids],
  )
  return rows.map(({ id, text }) => ({ id: Number(id), text }))
}
