import { readPartitionCoverage } from '@roman/db'
import { testDatabase, waitFor } from '@roman/testing'
import { describe, expect, it } from 'vitest'
import { openTestControl } from './open-control.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const YAML = `
services: { shop: { environments: { production: { deployer: { type: command, argv: ["true"] } } } } }
retention: { logs_days: 10 }`

/** Other specs use the same server. */
const WAITING = `SELECT FROM pg_locks WHERE NOT granted AND locktype = 'advisory'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
/** A transaction's own lock belongs to no database. */
const WAITING_FOR_ROW = `SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted
  AND l.locktype = 'transactionid' AND a.datname = current_database()`
const shop = { service: 'shop', environment: 'production', severity: 'error', message: 'm' }

describe('log rows', async () => {
  const { url } = await testDatabase()
  const { control, opened } = await openTestControl(url, YAML)
  const { pool } = opened.context.db
  const [logs] = await readPartitionCoverage(pool)
  // Days that have a partition each, and a clock that stands on them.
  const midnight = logs!.covered_until.getTime() + DAY_MS
  await pool.query('SELECT ops.maintain_partitions(30, 400, $1)', [new Date(midnight)])
  const STORE = 'SELECT ops.store_logs($1::json, $2, $3) AS stored'
  const storeAt = async (atMs: number, row: object, happenedMs?: number): Promise<number> => {
    const own = happenedMs === undefined ? null : new Date(happenedMs)
    const { rows } = await pool.query(STORE, [JSON.stringify([{ ...row, occurred_at: own }]), own, new Date(atMs)])
    return rows[0].stored
  }

  it('are stored once for a key, also across midnight, within a day at least', async () => {
    const row = { ...shop, idempotency_key: 'night' }
    expect(await storeAt(midnight - HOUR_MS, row)).toBe(1)
    expect(await storeAt(midnight - HOUR_MS / 2, row)).toBe(0)
    expect(await storeAt(midnight + 23 * HOUR_MS, row)).toBe(0)
    // Another service or environment has keys of its own, and rows without a key are all different.
    expect(await storeAt(midnight, { ...row, service: 'other' })).toBe(1)
    expect(await storeAt(midnight, { ...row, environment: 'staging' })).toBe(1)
    expect([await storeAt(midnight, shop), await storeAt(midnight, shop)]).toEqual([1, 1])
  })

  it('of one key in one batch are the first of them', async () => {
    const twice = (key: string, messages: string[]) =>
      messages.map((message) => ({ ...shop, message, source: 'batch', idempotency_key: key }))
    // Enough rows for a sort that keeps no order of its own.
    const rest = Array.from({ length: 300 }, (_, n) => ({ ...shop, source: 'rest', idempotency_key: `rest-${n % 50}` }))
    const rows = [
      ...twice('b', ['first', 'second']),
      ...rest,
      ...twice('a', ['first', 'second', 'third']),
      ...twice('b', ['third']),
    ]
    expect(await control.ingestErrors(rows)).toMatchObject({ accepted: 306, duplicates: 254 })
    const stored = await pool.query(`SELECT DISTINCT message FROM ops.system_logs WHERE source = 'batch'`)
    expect(stored.rows).toEqual([{ message: 'first' }])
  })

  it('with a time of their own are known by their key as long as they are kept', async () => {
    const row = { ...shop, idempotency_key: 'timed' }
    expect(await storeAt(midnight - DAY_MS + 5, row, midnight - DAY_MS + 5)).toBe(1)
    expect(await storeAt(midnight + 5 * DAY_MS, row, midnight - DAY_MS + 5)).toBe(0)
  })

  it('from a clock that runs ahead happened when they came, and are the same row once that clock was right', async () => {
    const row = { ...shop, idempotency_key: 'ahead' }
    expect(await storeAt(midnight - 5_000, row, midnight + 3_000)).toBe(1)
    expect(await storeAt(midnight + 4_000, row, midnight + 3_000)).toBe(0)
    const { rows } = await pool.query(
      `SELECT occurred_at, received_at FROM ops.system_logs WHERE idempotency_key = 'ahead'`,
    )
    expect(rows).toEqual([{ occurred_at: new Date(midnight - 5_000), received_at: new Date(midnight - 5_000) }])
  })

  it('delivered twice at once on both sides of midnight are stored once', async () => {
    await deliverAtOnce('race', [midnight - 1, midnight + 1], WAITING)
  })

  it('delivered twice at once within a day are stored once, and both callers are answered', async () => {
    const noon = midnight + DAY_MS / 2
    // The key's index cannot tell before the first has ended.
    await deliverAtOnce('at-once', [noon, noon + 1], WAITING_FOR_ROW)
    const { rows } = await pool.query(
      `SELECT count(*)::int AS n FROM ops.system_logs WHERE idempotency_key = 'at-once'`,
    )
    expect(rows).toEqual([{ n: 1 }])
  })

  /** The second delivery comes before the first is committed, and waits as `waiting` sees it. */
  const deliverAtOnce = async (key: string, [firstAt, secondAt]: [number, number], waiting: string) => {
    const given = JSON.stringify([{ ...shop, idempotency_key: key }])
    const first = await pool.connect()
    try {
      await first.query('BEGIN')
      expect((await first.query(STORE, [given, null, new Date(firstAt)])).rows).toEqual([{ stored: 1 }])
      const second = pool.query(STORE, [given, null, new Date(secondAt)])
      await waitFor(async () => (await pool.query(waiting)).rowCount! > 0, {
        timeoutMs: 5_000,
        describe: 'the second delivery to wait for the first',
      })
      await first.query('COMMIT')
      expect((await second).rows).toEqual([{ stored: 0 }])
    } finally {
      first.release(true)
    }
  }

  it('older than logs are kept are named and refused, and the future is now', async () => {
    const ago = (ms: number) => new Date(Date.now() - ms).toISOString()
    const kept = ago(10 * DAY_MS - 60_000)
    const answer = await control.ingestErrors([
      { ...shop, occurred_at: kept },
      { ...shop, occurred_at: ago(10 * DAY_MS + 1) },
      { ...shop, occurred_at: ago(-DAY_MS), message: 'tomorrow' },
      { ...shop, occurred_at: '0001-01-01T00:00:00Z' },
    ])
    expect(answer).toMatchObject({ accepted: 2, duplicates: 0, rejected: [{ index: 1 }, { index: 3 }] })
    expect(answer.rejected[0]!.error).toMatch(/^occurred_at: \S+ is longer ago than logs are kept \(10 days\)/)
    const { rows } = await pool.query(
      `SELECT (SELECT count(*)::int FROM ops.system_logs WHERE occurred_at = $1) AS kept,
              (SELECT abs(extract(epoch FROM now() - occurred_at)) < 60 FROM ops.system_logs WHERE message = 'tomorrow') AS clamped`,
      [kept],
    )
    expect(rows).toEqual([{ kept: 1, clamped: true }])
  })

  it('are refused when too many wait, and each is then either answered for or refused as a whole', async () => {
    const BATCH = 5_000
    const batch = (name: string) =>
      Array.from({ length: BATCH }, (_, index) => ({ ...shop, idempotency_key: `${name}-${index}` }))
    const count = async () =>
      (await pool.query(`SELECT count(*)::int AS n FROM ops.system_logs WHERE idempotency_key LIKE 'flood%'`)).rows[0].n
    const blocker = await pool.connect()
    try {
      await blocker.query('BEGIN; LOCK TABLE ops.system_logs IN SHARE MODE')
      const names = ['flood-a', 'flood-b', 'flood-c', 'flood-d', 'flood-e', 'flood-f']
      const sent = names.map((name) => control.ingestErrors(batch(name)).catch((error) => error))
      expect(await Promise.all(sent.slice(4))).toMatchObject(
        ['flood-e', 'flood-f'].map(() => ({ code: 'too_many_requests', details: { retry_after_seconds: 1 } })),
      )
      await blocker.query('ROLLBACK')
      expect(await Promise.all(sent.slice(0, 4))).toMatchObject(Array(4).fill({ accepted: BATCH, duplicates: 0 }))
      expect(await count()).toBe(4 * BATCH)
      // Sent again, what was refused is taken, and what was taken already is known.
      expect(await control.ingestErrors(batch('flood-e'))).toMatchObject({ accepted: BATCH, duplicates: 0 })
      expect(await control.ingestErrors(batch('flood-a'))).toMatchObject({ accepted: BATCH, duplicates: BATCH })
      expect(await count()).toBe(5 * BATCH)
    } finally {
      blocker.release(true)
    }
  })
})

describe('the rollback history', () => {
  it('is paged without a gap or a repetition, also within one moment', async () => {
    const { url } = await testDatabase()
    const { control, opened } = await openTestControl(url, YAML)
    // Several within a microsecond, several within a millisecond, and another environment's in between.
    await opened.context.db.pool.query(`
      INSERT INTO ops.rollback_events (event_id, trigger_type, trigger_reason, status, service, environment, initiated_at)
      SELECT gen_random_uuid(), 'manual', 'r', 'failed', 'shop', CASE WHEN i % 3 = 0 THEN 'staging' ELSE 'production' END,
        timestamptz '2026-01-01 00:00:00Z' + (i / 4) * interval '1 microsecond' + (i / 20) * interval '1 second'
      FROM generate_series(1, 60) i`)
    const where = { service: 'shop', environment: 'production' }
    const all = (await control.history({ ...where, limit: 500 })).rollbacks.map((row) => row.id)
    expect(all).toEqual([...all].sort((a, b) => b - a))
    expect(all).toHaveLength(40)
    const paged: number[] = []
    for (let before: string | undefined; ; ) {
      const { rollbacks } = await control.history({ ...where, limit: 3, before })
      if (rollbacks.length === 0) break
      paged.push(...rollbacks.map((row) => row.id))
      before = rollbacks.at(-1)!.event_id
    }
    expect(paged).toEqual(all)
    await expect(control.history({ limit: 1, before: crypto.randomUUID() })).rejects.toMatchObject({
      code: 'rollback_not_found',
    })
  })
})
