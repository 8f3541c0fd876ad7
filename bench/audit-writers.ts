import { startSealer, verifyDatabase } from '@roman/audit'
import { type Database, openDatabase } from '@roman/db'
import { waitFor } from '@roman/local-stack'
import { type Benchmark, median, percentile, round } from './report.ts'

const WRITERS = 8
const BLOCK_MS = 1_000
const PAIRS = 16
const AIM = 0.9

/** The same table without the chain: neither hash nor trigger; and nobody seals it. */
const PLAIN = `
  CREATE TABLE bench_plain (LIKE ops.roman_events INCLUDING ALL);
  ALTER TABLE bench_plain DROP COLUMN content_hash;
  CREATE SEQUENCE bench_plain_id;
  ALTER TABLE bench_plain ALTER id SET DEFAULT nextval('bench_plain_id')`

const METADATA = JSON.stringify({
  deployment_id: '0191d1a2-0000-7000-8000-000000000001',
  event_id: '0191d1a2-0000-7000-8000-0000000000e1',
  actor: { kind: 'service_key', user_id: null },
  reason: 'High error rate: 8.5 errors/minute',
})

/** Transactions of one row each, from so many connections at once, for a while. Answers how many there were. */
const writeInto = async (db: Database, table: string): Promise<number> => {
  const until = performance.now() + BLOCK_MS
  let written = 0
  const writer = async (): Promise<void> => {
    while (performance.now() < until) {
      await db.pool.query({
        name: `write-${table}`,
        text: `INSERT INTO ${table} (event_type, severity, source, description, metadata) VALUES ($1, $2, $3, $4, $5)`,
        values: ['rollback_requested', 'warning', 'guard', 'Rollback of storefront v2.5.3 in production', METADATA],
      })
      written += 1
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, writer))
  return written
}

/**
 * What the audit chain costs those who write: transactions of one row a second into ops.roman_events while a sealer
 * works, over as many into the same table without hashes and sealer. In turns, each pair in the other order, median of
 * the pairs' ratios. The sealer runs in the process of the writers, which weighs on our side only. Also: from the
 * commit of an event to the commit of its seal.
 */
export const auditWriters: Benchmark = async ({ createDatabase }, say) => {
  const url = await createDatabase()
  const db = openDatabase(url, { connectionsMax: WRITERS })
  await db.pool.query(PLAIN)
  const log = { info: () => {}, warn: (...said: unknown[]) => say(JSON.stringify(said)), error: () => {} }
  const seconds = BLOCK_MS / 1000
  const plain = (): Promise<number> => writeInto(db, 'bench_plain')
  const sealed = async (): Promise<number> => {
    const sealer = startSealer({ url, log })
    try {
      await waitFor(() => sealer.sealing, { timeoutMs: 5_000, describe: 'the sealer' })
      return await writeInto(db, 'ops.roman_events')
    } finally {
      await sealer.stop()
    }
  }
  await plain()
  await sealed()
  const pairs: { plain: number; sealed: number }[] = []
  for (let pair = 0; pair < PAIRS; pair += 1) {
    if (pair % 2 === 0) pairs.push({ plain: await plain(), sealed: await sealed() })
    else {
      const ours = await sealed()
      pairs.push({ sealed: ours, plain: await plain() })
    }
    say(`${Math.round(pairs.at(-1)!.plain / seconds)} → ${Math.round(pairs.at(-1)!.sealed / seconds)} transactions/s`)
  }

  // What was written after a sealer's last look waited for the next one: not what is measured here.
  const { rows } = await db.pool.query<{ ms: number }>(`
    WITH seal AS (
      SELECT seal_number, event_ids, pg_xact_commit_timestamp(xmin) AS at,
             pg_xact_commit_timestamp(xmin) - lag(pg_xact_commit_timestamp(xmin)) OVER (ORDER BY seal_number) AS pause
      FROM ops.audit_seals
    )
    SELECT (1000 * extract(epoch FROM seal.at - pg_xact_commit_timestamp(e.xmin)))::double precision AS ms
    FROM seal CROSS JOIN LATERAL unnest(seal.event_ids) AS sealed (id) JOIN ops.roman_events e ON e.id = sealed.id
    WHERE seal.pause < interval '500 milliseconds'`)
  const delays = rows.map(({ ms }) => ms)
  const { valid } = await verifyDatabase(db)
  await db.close()
  const ratio = round(median(pairs.map((pair) => pair.sealed / pair.plain)), 3)
  return {
    aim: `ratio >= ${AIM}, sealed within 200 ms (p99)`,
    met: valid && ratio >= AIM && percentile(delays, 99) <= 200,
    runs: PAIRS,
    ratio,
    plain_per_second: Math.round(median(pairs.map((pair) => pair.plain)) / seconds),
    sealed_per_second: Math.round(median(pairs.map((pair) => pair.sealed)) / seconds),
    commit_to_seal_p50_ms: round(percentile(delays, 50)),
    commit_to_seal_p99_ms: round(percentile(delays, 99)),
    valid,
  }
}
