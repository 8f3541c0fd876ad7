import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { exportAudit, readAnchor, startSealer, verifyDatabase, verifyFile } from '@roman/audit'
import { type Database, openDatabase } from '@roman/db'
import { waitFor } from '@roman/local-stack'
import { type Benchmark, median, round } from './report.ts'

const EVENTS = 1_000_000
const RUNS = 3
const AIM = 5

const FILL = `
  INSERT INTO ops.roman_events (event_type, severity, source, description, metadata)
  SELECT 'rollback_validation', 'info', 'rollback', 'Approved: every law and precondition holds (' || n || ')',
         jsonb_build_object('deployment_id', gen_random_uuid(), 'event_id', gen_random_uuid(), 'reason',
           'High error rate: ' || n % 100 || ' errors/minute', 'actor', jsonb_build_object('kind', 'service_key', 'user_id', null))
  FROM generate_series($1::int, $2::int) n`
const CHUNK = 50_000

const timed = async <T>(work: () => Promise<T>): Promise<{ ms: number; result: T }> => {
  const startedAt = performance.now()
  const result = await work()
  return { ms: performance.now() - startedAt, result }
}

/**
 * A verification of a million sealed events, over the server's own COPY of the same table to nowhere: the least that
 * reading and writing out every column costs. In turns, medians. Beside it, sealing that many at once, an export, and
 * the verification of the exported file.
 */
export const auditVerify: Benchmark = async ({ createDatabase, directory }, say) => {
  const url = await createDatabase()
  const db = openDatabase(url, { connectionsMax: 2 })
  for (let from = 1; from <= EVENTS; from += CHUNK) await db.pool.query(FILL, [from, from + CHUNK - 1])
  await db.pool.query('VACUUM (ANALYZE) ops.roman_events').catch(() => {})
  const sealing = await timed(() => seal(url, db))
  say(`${EVENTS} events sealed in ${Math.round(sealing.ms)} ms`)

  const copies: number[] = []
  const verifications: number[] = []
  let valid = true
  for (let run = 0; run < RUNS; run += 1) {
    copies.push((await timed(() => db.pool.query("COPY ops.roman_events TO '/dev/null'"))).ms)
    const { ms, result } = await timed(() => verifyDatabase(db))
    verifications.push(ms)
    valid &&= result.valid && result.events === EVENTS
    say(`COPY ${Math.round(copies.at(-1)!)} ms, verification ${Math.round(ms)} ms`)
  }
  const file = join(directory, 'audit.ndjson')
  const exported = await timed(() => exportAudit(db, file))
  const ofFile = await timed(() => verifyFile(file))
  await rm(file)
  await db.close()
  const ratio = round(median(verifications) / median(copies), 2)
  return {
    aim: `ratio <= ${AIM}`,
    met: valid && ofFile.result.valid && ratio <= AIM,
    runs: RUNS,
    ratio,
    events: EVENTS,
    verify_ms: Math.round(median(verifications)),
    copy_ms: Math.round(median(copies)),
    seal_ms: Math.round(sealing.ms),
    export_ms: Math.round(exported.ms),
    verify_file_ms: Math.round(ofFile.ms),
    valid: valid && ofFile.result.valid,
  }
}

const seal = async (url: string, db: Database): Promise<void> => {
  const nothing = () => {}
  const sealer = startSealer({ url, log: { info: nothing, warn: nothing, error: nothing } })
  const sealed = async () => (await readAnchor(db)).events === EVENTS
  await waitFor(sealed, { timeoutMs: 120_000, describe: 'every event to be sealed' })
  await sealer.stop()
}
