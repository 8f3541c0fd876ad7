import { DEFAULT_POLICY } from '@roman/constitution'
import { openDatabase } from '@roman/db'
import { testDatabase } from '@roman/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { readMissedTicks, readWatched, UnreadMoments } from '../src/index.ts'

describe('moments that nobody watched', async () => {
  const { url } = await testDatabase()
  const db = openDatabase(url)
  afterAll(() => db.close())
  const record = async (
    service: string,
    deployedAt: Date,
    policy: object = DEFAULT_POLICY,
    rollbackFrom: string | null = null,
  ): Promise<string> => {
    const id = crypto.randomUUID()
    await db.pool.query(
      `INSERT INTO ops.deployments (deployment_id, service, environment, version, git_commit, git_branch, status, fence, policy, deployed_at, rollback_from)
       VALUES ($1, $2, 'production', 'v1', 'a7f3b29', 'main', 'in_progress', 1, $3, $4, $5)`,
      [id, service, policy, deployedAt, rollbackFrom],
    )
    return id
  }

  it('are blind before the server started, since nothing could be stored then, and read from what was stored after', async () => {
    const { rows } = await db.pool.query<{ up: Date }>('SELECT pg_postmaster_start_time() AS up')
    const upSinceMs = rows[0]!.up.getTime()
    const id = await record('shop', new Date(upSinceMs - 60_000))
    const ticks = []
    for await (const tick of readMissedTicks(db, id, upSinceMs - 20_000)) ticks.push(tick)
    const before = ticks.filter((tick) => tick.at_ms < upSinceMs)
    const after = ticks.filter((tick) => tick.at_ms >= upSinceMs)
    expect(before.length).toBeGreaterThan(10)
    for (const { sample } of before) {
      expect(sample.recent_errors).toBeNull()
      expect(sample.unavailable).toContain('recent_errors')
    }
    for (const { sample } of after) expect(sample).toMatchObject({ recent_errors: 0, unavailable: [] })
  })

  it('count every error since it went live where that matters, and those of the window to its end', async () => {
    const HOUR = 3_600_000
    const now = Date.now()
    const deployedAt = now - 3 * HOUR
    const insert = (service: string, thresholds: object, rollbackFrom: string | null) =>
      record(service, new Date(deployedAt), { ...DEFAULT_POLICY, thresholds }, rollbackFrom)
    const { thresholds } = DEFAULT_POLICY
    const tested = await insert('tested', { ...thresholds, evidence: 'sequential' }, null)
    const verified = await insert('verified', thresholds, tested)
    const since = now - 10_000
    // Two in the window, one an hour before a moment to the microsecond, and one in the last hour.
    const errors = [deployedAt, deployedAt + 300_000, deployedAt + 300_001, since + 1_000 - HOUR, now - HOUR / 2]
    for (const service of ['tested', 'verified']) {
      await db.pool.query(
        `INSERT INTO ops.system_logs (service, environment, severity, message, occurred_at)
         SELECT $1, 'production', 'error', 'm', unnest($2::timestamptz[])`,
        [service, errors.map((at) => new Date(at))],
      )
    }
    const readings = new Map(
      (await readWatched(db, [tested, verified], new Set([tested, verified]))).map((row) => [row.deployment_id, row]),
    )
    expect(readings.get(tested)).toMatchObject({ errors_in_window: 2, errors_since_deployed: 5 })
    expect(readings.get(verified)).toMatchObject({ errors_in_window: null, errors_since_deployed: 5 })
    const missed = []
    for await (const tick of readMissedTicks(db, tested, since)) missed.push(tick)
    expect(missed.length).toBeGreaterThan(5)
    for (const tick of missed) expect(tick).toMatchObject({ errors_in_window: 2, errors_since_deployed: 5 })

    await db.pool.query(
      `INSERT INTO ops.guard_verdicts (deployment_id, phase, verdict, reason) VALUES ($1, 'window', 'healthy', 'r')`,
      [tested],
    )
    expect(await readWatched(db, [tested], new Set([tested]))).toMatchObject([
      { errors_in_window: null, errors_since_deployed: 5 },
    ])
  })

  it('are blind where they cannot be read afterwards either', async () => {
    const now = Date.now()
    const id = await record('hidden', new Date(now - 60_000))
    await db.pool.query('ALTER TABLE ops.system_logs RENAME TO system_logs_away')
    const unread = await readMissedTicks(db, id, now - 20_000)
      .next()
      .catch((error: unknown) => error)
    await db.pool.query('ALTER TABLE ops.system_logs_away RENAME TO system_logs')
    expect(unread).toBeInstanceOf(UnreadMoments)
    const { tick } = unread as UnreadMoments
    expect(tick.sample).toMatchObject({ recent_errors: null, unavailable: expect.arrayContaining(['recent_errors']) })
    expect(tick.at_ms).toBeGreaterThan(now - 2_000)
  })

  it('are told of by errors that came more than two seconds late, and by no others', async () => {
    const at = Date.now()
    const id = await record('tardy', new Date(at - 1_000_000))
    const read = async () => {
      const { rows } = await db.pool.query<{ late_errors: number; late_from: Date; late_received_at: Date }>(
        'SELECT late_errors, late_from, late_received_at FROM ops.deployment_errors(ARRAY[$1::uuid], $2, ARRAY[false])',
        [id, new Date(at)],
      )
      return rows[0]!
    }
    const insert = (occurredMs: number, lateBy: string, version = 'v1') =>
      db.pool.query(
        `INSERT INTO ops.system_logs (service, environment, severity, message, version, occurred_at, received_at)
         VALUES ('tardy', 'production', 'error', 'm', $1, $2, $2::timestamptz + $3::interval)`,
        [version, new Date(occurredMs), lateBy],
      )
    await insert(at - 10_000, '2 seconds')
    await insert(at - 10_000, '3 seconds', 'v0')
    await insert(at - 300_000, '3 seconds')
    expect(await read()).toEqual({ late_errors: 0, late_from: null, late_received_at: null })
    expect(await readWatched(db, [id], new Set())).toMatchObject([{ late: null }])

    await insert(at - 10_000, '2 seconds 1 microsecond')
    await insert(at - 299_999, '290 seconds')
    const [first, last] = [new Date(at - 299_999), new Date(at - 8_000)]
    expect(await read()).toEqual({ late_errors: 2, late_from: first, late_received_at: last })
  })
})
