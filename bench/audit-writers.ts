import { startSealer, verifyDatabase } from '@roman/audit'
import { type Database, openDatabase } from '@roman/db'
import { waitFor } from '@roman/local-stack'
import { type Benchmark, median, percentile, round } from './report.ts'

const WRITERS = 8
const BLOCK_MS = 1_000
const PAIRS = 12
const AIM = 0.9

/** The same table without the chain: nothing hashes, and nobody seals it. */
const PLAIN = 'ALTER TABLE ops.roman_events DISABLE TRIGGER roman_events_content_hash'

const ROW = {
  event_type: 'rollback_requested',
  severity: 'warning',
  source: 'guard',
  description: 'Rollback of storefront v2.5.3 in production',
  metadata: {
    deployment_id: '0191d1a2-0000-7000-8000-000000000001',
    event_id: '0191d1a2-0000-7000-8000-0000000000e1',
    actor: { kind: 'service_key', user_id: null },
    reason: 'High error rate: 8.5 errors/minute',
  },
}
const INSERT = {
  name: 'bench-write',
  text: 'INSERT INTO ops.roman_events (event_type, severity, source, description, metadata) VALUES ($1, $2, $3, $4, $5)',
  values: Object.values(ROW),
}

type Writer = (db: Database) => Promise<unknown>

/** A transaction of one row, as the product writes. */
const inTransaction: Writer = (db) => db.transaction((tx) => tx.roman_events.create({ data: ROW }))
/** One statement and nothing else. */
const bare: Writer = (db) => db.pool.query(INSERT)

/** Rows a second, from so many connections at once. */
const write = async (db: Database, writer: Writer): Promise<number> => {
  const until = performance.now() + BLOCK_MS
  let written = 0
  const keepWriting = async (): Promise<void> => {
    while (performance.now() < until) {
      await writer(db)
      written += 1
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, keepWriting))
  return (written * 1000) / BLOCK_MS
}

interface Pair {
  plain: number
  sealed: number
}

type Say = (text: string) => void

/** In turns, each pair in the other order. */
const measure = async (plain: Database, sealed: Database, writer: Writer, say: Say): Promise<Pair[]> => {
  const log = { info: () => {}, warn: (...said: unknown[]) => say(JSON.stringify(said)), error: () => {} }
  const writeSealed = async (): Promise<number> => {
    const sealer = startSealer({ url: sealed.url, log })
    try {
      await waitFor(() => sealer.sealing, { timeoutMs: 5_000, describe: 'the sealer' })
      return await write(sealed, writer)
    } finally {
      await sealer.stop()
    }
  }
  await write(plain, writer)
  await writeSealed()
  const pairs: Pair[] = []
  for (let pair = 0; pair < PAIRS; pair += 1) {
    if (pair % 2 === 0) pairs.push({ plain: await write(plain, writer), sealed: await writeSealed() })
    else pairs.push({ sealed: await writeSealed(), plain: await write(plain, writer) })
    say(`${Math.round(pairs.at(-1)!.plain)} → ${Math.round(pairs.at(-1)!.sealed)} rows/s`)
  }
  return pairs
}

/**
 * What the audit chain costs those who write: rows a second while events are hashed and sealed, over as many into the same
 * table where nothing is, from eight connections at once. Median of the ratios of pairs. `ratio` is with transactions of
 * one row as the product writes them. `bare_ratio` is with the INSERT alone, in a loop that does nothing else and has
 * the processors to itself: where the hash weighs most. The sealer runs in the process of the writers, which weighs on
 * our side only. Also: from the commit of an event to the commit of its seal.
 */
export const auditWriters: Benchmark = async ({ createDatabase }, say) => {
  const open = async () => openDatabase(await createDatabase(), { connectionsMax: WRITERS })
  const [plain, sealed] = [await open(), await open()]
  await plain.pool.query(PLAIN)
  const asProduct = await measure(plain, sealed, inTransaction, say)
  say('and now the INSERT alone')
  const asBare = await measure(plain, sealed, bare, say)
  const delays = await sealDelays(sealed)
  const { valid } = await verifyDatabase(sealed)
  await Promise.all([plain.close(), sealed.close()])
  const middle = (pairs: readonly Pair[], of: (pair: Pair) => number) => median(pairs.map(of))
  const ratioOf = (pairs: readonly Pair[]) =>
    round(
      middle(pairs, (pair) => pair.sealed / pair.plain),
      3,
    )
  const ratio = ratioOf(asProduct)
  return {
    aim: `ratio >= ${AIM}, sealed within 200 ms (p99)`,
    met: valid && ratio >= AIM && percentile(delays, 99) <= 200,
    runs: PAIRS,
    ratio,
    plain_per_second: Math.round(middle(asProduct, (pair) => pair.plain)),
    sealed_per_second: Math.round(middle(asProduct, (pair) => pair.sealed)),
    bare_ratio: ratioOf(asBare),
    bare_plain_per_second: Math.round(middle(asBare, (pair) => pair.plain)),
    bare_sealed_per_second: Math.round(middle(asBare, (pair) => pair.sealed)),
    commit_to_seal_p50_ms: round(percentile(delays, 50)),
    commit_to_seal_p99_ms: round(percentile(delays, 99)),
    valid,
  }
}

/** What was written after a sealer's last look waited for the next one, which is not what is measured here. */
const sealDelays = async (db: Database): Promise<number[]> => {
  const { rows } = await db.pool.query<{ ms: number }>(`
    WITH seal AS (
      SELECT seal_number, event_ids, pg_xact_commit_timestamp(xmin) AS at,
             pg_xact_commit_timestamp(xmin) - lag(pg_xact_commit_timestamp(xmin)) OVER (ORDER BY seal_number) AS pause
      FROM ops.audit_seals
    )
    SELECT (1000 * extract(epoch FROM seal.at - pg_xact_commit_timestamp(e.xmin)))::double precision AS ms
    FROM seal CROSS JOIN LATERAL unnest(seal.event_ids) AS sealed (id) JOIN ops.roman_events e ON e.id = sealed.id
    WHERE seal.pause < interval '500 milliseconds'`)
  return rows.map(({ ms }) => ms)
}
