import { DEFAULT_POLICY, type HealthSample, isStable, judgeSample, toHealthReport } from '@roman/constitution'
import { openDatabase } from '@roman/db'
import { testDatabase } from '@roman/testing'
import { afterAll, describe, expect, it } from 'vitest'

/** A small generator with a seed, so that a failure can be run again. */
const random = (seed: number) => () => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return seed / 2 ** 32
}

interface Log {
  at: number
  severity: string
  deployment_id: string | null
  version: string | null
}

describe('SQL and TypeScript judge the same logs alike', async () => {
  const { url } = await testDatabase()
  const db = openDatabase(url)
  afterAll(() => db.close())

  it('gives the same numbers and the same answer at thousands of moments, window boundaries included', {
    timeout: 60_000,
  }, async () => {
    const next = random(20_261_123)
    const pick = <T>(values: readonly T[]): T => values[Math.floor(next() * values.length)]!
    const start = Date.now() - 3_000_000
    const ids = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()] as const
    const deployedAt = [start, start + 900_000, start + 1_500_000]
    await db.pool.query(`INSERT INTO ops.live (service, environment) VALUES ('shop', 'production')`)
    for (const [index, id] of ids.entries()) {
      await db.pool.query(
        `INSERT INTO ops.deployments (deployment_id, service, environment, version, git_commit, git_branch, status, fence, policy, deployed_at, replaced_at)
         VALUES ($1, 'shop', 'production', $2, 'a7f3b29', 'main', 'in_progress', $3, $4, $5, $6)`,
        [
          id,
          `v${index}`,
          index + 1,
          DEFAULT_POLICY,
          new Date(deployedAt[index]!),
          index < 2 ? new Date(deployedAt[index + 1]!) : null,
        ],
      )
    }
    const logs: Log[] = []
    for (
      let at = start - 60_000;
      at < start + 2_400_000;
      at += Math.floor(next() * (next() < 0.015 ? 120_000 : 1_200))
    ) {
      logs.push({
        at,
        severity: pick(['error', 'error', 'critical', 'warning', 'info']),
        deployment_id: pick([null, null, null, ids[0], ids[2], crypto.randomUUID()]),
        version: pick([null, null, 'v0', 'v1', 'v2', 'v9']),
      })
    }
    await db.pool.query(
      `INSERT INTO ops.system_logs (service, environment, severity, message, deployment_id, version, occurred_at)
       SELECT 'shop', 'production', severity, 'm', deployment_id, version, to_timestamp(at / 1000.0)
       FROM jsonb_to_recordset($1::jsonb) AS r (at bigint, severity text, deployment_id uuid, version text)`,
      [JSON.stringify(logs)],
    )
    // Moments in between, and each boundary exactly: at an error, and when it leaves either window.
    const moments = logs
      .filter(() => next() < 0.1)
      .flatMap(({ at }) => [at, at - 1, at + 60_000, at + 59_999, at + 300_000, at + 299_999])
      .concat(deployedAt)
    expect(logs.length).toBeGreaterThan(1_500)
    expect(moments.length).toBeGreaterThan(1_000)

    let breaches = 0
    for (const [index, id] of ids.entries()) {
      const own = logs.filter(
        (log) =>
          (log.severity === 'error' || log.severity === 'critical') &&
          (log.deployment_id === null || log.deployment_id === id) &&
          (log.version === null || log.version === `v${index}`) &&
          log.at >= deployedAt[index]! &&
          (index === 2 || log.at < deployedAt[index + 1]!),
      )
      const { rows } = await db.pool.query<{ at: Date; health: Record<string, unknown>; max: number }>(
        `SELECT m AS at, ops.get_deployment_health($1, m) AS health, current_setting('max_connections')::int AS max
         FROM unnest($2::timestamptz[]) AS m`,
        [id, moments.map((at) => new Date(at))],
      )
      for (const { at, health, max } of rows) {
        const now = at.getTime()
        const since = (ms: number) => own.filter((log) => log.at > now - ms && log.at <= now).length
        const sample: HealthSample = {
          timestamp: at.toISOString(),
          error_rate_per_minute: since(60_000),
          recent_errors: since(300_000),
          // What only the server can count is taken from its own answer.
          database_connections: health.database_connections as number,
          max_database_connections: max,
          active_queries: health.active_queries as number,
          p95_response_ms: null,
          memory_percent: null,
          unavailable: [],
        }
        const verdict = judgeSample(sample, DEFAULT_POLICY.thresholds)
        if (verdict.state === 'breach') breaches += 1
        const stable = isStable(sample, DEFAULT_POLICY.thresholds, { breached_recently: false })
        expect(health).toEqual(toHealthReport(sample, verdict, stable))
      }
    }
    expect(breaches).toBeGreaterThan(100)
  })

  it.each([
    [
      'a stored verdict',
      `INSERT INTO ops.guard_verdicts (deployment_id, phase, verdict, reason) VALUES ($1, 'window', 'breach', 'r')`,
    ],
    [
      'a stored sample',
      `INSERT INTO ops.health_samples (deployment_id, sampled_at, phase, state, reason) VALUES ($1, now(), 'window', 'breach', 'r')`,
    ],
  ])('calls nothing healthy within five minutes of a breach: %s', async (_what, insert) => {
    const id = crypto.randomUUID()
    await db.pool.query(
      `INSERT INTO ops.deployments (deployment_id, service, environment, version, git_commit, git_branch, status, fence, policy)
       VALUES ($1, 'quiet', 'production', 'v', 'a7f3b29', 'main', 'success', 1, $2)`,
      [id, DEFAULT_POLICY],
    )
    const healthy = async () =>
      (await db.pool.query('SELECT ops.get_deployment_health($1) AS health', [id])).rows[0].health.healthy
    expect(await healthy()).toBe(true)
    const { rows } = await db.pool.query<{ before: string }>('SELECT clock_timestamp()::text AS before')
    await db.pool.query(insert, [id])
    expect(await healthy()).toBe(false)
    const then = await db.pool.query('SELECT ops.get_deployment_health($1, $2) AS health', [id, rows[0]!.before])
    expect(then.rows[0].health.healthy).toBe(true)
  })
})
