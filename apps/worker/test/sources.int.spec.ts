import {
  DEFAULT_POLICY,
  type HealthSample,
  isStable,
  judgeSample,
  SYSTEM_HEALTHY,
  toHealthReport,
} from '@roman/constitution'
import { keepSamples, readHealth, storeSourceReading } from '@roman/control'
import { type LatestReading, withSources } from '@roman/health'
import { waitFor } from '@roman/testing'
import { describe, expect, it } from 'vitest'
import { metric } from './metric.ts'
import { CALL, ended, startTestBed } from './test-bed.ts'

const PLACE = { service: 'storefront', environment: 'production' }
const MINUTE = 60_000

/** A small generator with a seed, so that a failure can be run again. */
const random = (seed: number) => () => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return seed / 2 ** 32
}

describe('what everybody judges by who is no guard', async () => {
  const bed = await startTestBed({}, { worker: false })
  const { db } = bed.context.control

  it.each<LatestReading>([
    { values: {}, unavailable: [] },
    { values: { error_rate_per_minute: 3 }, unavailable: [] },
    { values: { error_rate_per_minute: 0.5, requests_per_minute: 900 }, unavailable: [] },
    { values: {}, unavailable: ['error_rate_per_minute'] },
    { values: {}, unavailable: ['http'] },
    { values: { p95_response_ms: 80.5, memory_percent: 40 }, unavailable: ['requests_per_minute'] },
    { values: { database_connections: 10, max_database_connections: 100, active_queries: 1 }, unavailable: [] },
    { values: { database_connections: 95.5, max_database_connections: 100 }, unavailable: ['active_queries'] },
    { values: { database_connections: 5, max_database_connections: 0 }, unavailable: [] },
    { values: {}, unavailable: ['database_connections', 'p95_response_ms'] },
  ])('is the log with the sources laid over it, in SQL as in a guard: %j', async (latest) => {
    const id = await bed.deploy(`v${crypto.randomUUID()}`)
    await bed.fail((await bed.control.showDeployment(id)).version, 2)
    const [plain] = await readHealth(db, [id])
    await storeSourceReading(db, PLACE, latest, MINUTE)
    const [reading] = await readHealth(db, [id])
    const { rows } = await bed.admin.query('SELECT ops.get_deployment_health($1) AS health', [id])
    await storeSourceReading(db, PLACE, null, 0)

    // Who is connected at this moment is not the point.
    const calm = (sample: HealthSample): HealthSample =>
      'database_connections' in latest.values || latest.unavailable.includes('database_connections')
        ? sample
        : { ...sample, database_connections: 1, active_queries: 1 }
    const expected = calm(withSources({ ...plain!.sample, timestamp: reading!.sample.timestamp }, latest))
    const max = expected.max_database_connections === 0 ? null : expected.max_database_connections
    expect(calm(reading!.sample)).toEqual({ ...expected, max_database_connections: max })

    const { thresholds } = DEFAULT_POLICY
    const stable = isStable(reading!.sample, thresholds, { breached_recently: false })
    const report = toHealthReport(expected, judgeSample(expected, thresholds), stable)
    const { database_connections, active_queries, database_connection_utilization, ...others } = report
    expect(rows[0].health).toMatchObject({ ...others, timestamp: expect.any(String) })
    if (database_connections !== 1) {
      expect(rows[0].health).toMatchObject({ database_connections, active_queries, database_connection_utilization })
    }
  })

  it('carries the same warnings and the same answer, whatever the rules are', async () => {
    const next = random(20_261_127)
    const pick = <T>(...values: T[]): T => values[Math.floor(next() * values.length)]!
    let [warned, unhealthy] = [0, 0]
    const id = await bed.deploy('v0.9.0')
    for (let round = 0; round < 150; round += 1) {
      const thresholds = {
        error_rate_per_minute: pick(1, 2.5, 5),
        recent_errors: pick(2, 5, 50),
        database_connection_percent: 100,
        p95_response_ms: pick(800, 800.25, 5000),
        memory_percent: pick(50, 95),
        ...pick({}, { min_requests: pick(0, 100, 500) }),
        ...pick({}, { error_percent: pick(0.5, 1, 3) }),
      }
      await bed.admin.query('UPDATE ops.deployments SET policy = $2 WHERE deployment_id = $1', [
        id,
        { ...DEFAULT_POLICY, thresholds },
      ])
      const count = pick(0, 1, 3, 6)
      await bed.admin.query('DELETE FROM ops.system_logs')
      if (count > 0) await bed.fail('v0.9.0', count)
      const values = {
        ...pick({}, { requests_per_minute: pick(0, 99, 100, 400.5) }),
        ...pick({}, { p95_response_ms: pick(800, 800.04, 800.2500001, 5000.4, 9000) }),
        ...pick({}, { memory_percent: pick(50, 50.000001, 95.2, 99.96) }),
      }
      await storeSourceReading(db, PLACE, { values, unavailable: [] }, MINUTE)
      const [reading] = await readHealth(db, [id])
      const { rows } = await bed.admin.query('SELECT ops.get_deployment_health($1) AS health', [id])
      const verdict = judgeSample(reading!.sample, thresholds)
      const stable = isStable(reading!.sample, thresholds, { breached_recently: false })
      const { healthy, warnings, error_rate_per_minute, recent_errors, p95_response_ms, memory_percent, unavailable } =
        toHealthReport(reading!.sample, verdict, stable)
      expect(rows[0].health, JSON.stringify({ thresholds, values, count })).toMatchObject({
        healthy,
        warnings,
        error_rate_per_minute,
        recent_errors,
        p95_response_ms,
        memory_percent,
        unavailable,
      })
      warned += warnings.length
      unhealthy += healthy ? 0 : 1
    }
    await storeSourceReading(db, PLACE, null, 0)
    expect(warned).toBeGreaterThan(100)
    expect(unhealthy).toBeGreaterThan(50)
  })

  it('is kept also where a metric counts fractions', async () => {
    const id = await bed.deploy('v0.9.9')
    const [reading] = await readHealth(db, [id])
    const sample = { ...reading!.sample, database_connections: 12.5, max_database_connections: 99.5 }
    await keepSamples(bed.context.control, [
      { deployment_id: id, phase: 'window', state: 'healthy', reason: SYSTEM_HEALTHY, sample },
    ])
    expect(await db.prisma.health_samples.findMany({ where: { deployment_id: id } })).toMatchObject([
      { database_connections: 13, max_database_connections: 100 },
    ])
  })

  it('is blind to what no worker has read for too long, and takes no sources for what is not live', async () => {
    const before = await bed.deploy('v1.0.0')
    const live = await bed.deploy('v1.0.1')
    await storeSourceReading(db, PLACE, { values: { error_rate_per_minute: 20 }, unavailable: ['memory_percent'] }, 0)
    const read = async (id: string) => (await readHealth(db, [id]))[0]!.sample
    expect(await read(live)).toMatchObject({
      error_rate_per_minute: 0,
      unavailable: ['error_rate_source', 'memory_percent'],
    })
    expect(await read(before)).toMatchObject({ error_rate_per_minute: 0, unavailable: [] })
    expect((await bed.control.showDeployment(live)).health).toMatchObject({ healthy: false })
    expect((await bed.control.showDeployment(before)).health).toMatchObject({ healthy: true })
    await storeSourceReading(db, PLACE, null, 0)
    expect((await bed.control.showDeployment(live)).health).toMatchObject({ healthy: true, unavailable: [] })
  })
})

describe('a metric in breach', async () => {
  const prometheus = await metric('error_rate_per_minute', 0)
  const bed = await startTestBed({
    mode: 'ask',
    watch: { window_seconds: 60 },
    differs: { storefront: { health: [{ type: 'postgres' }, prometheus.source] } },
  })

  it('is what check, evidence and the next baseline see, too', async () => {
    await bed.deploy('v1.0.0')
    await bed.admin.query(`UPDATE ops.deployments SET status = 'success', health_check_passed = true`)
    const bad = await bed.deploy('v1.0.1')
    const health = async () => bed.control.checkDeployment({ deployment_id: bad })
    await waitFor(async () => (await health()).reason === SYSTEM_HEALTHY, {
      timeoutMs: 10_000,
      describe: 'the metric to be read',
    })
    prometheus.value = 20
    await waitFor(async () => (await bed.control.showDeployment(bad)).guard?.decision != null, {
      timeoutMs: 10_000,
      describe: 'people to be asked',
    })
    expect(await health()).toMatchObject({
      should_rollback: true,
      reason: 'High error rate: 20 errors/minute',
      health: { healthy: false, error_rate_per_minute: 20, recent_errors: 0 },
    })

    const intent = await bed.control.recordDeployment(
      {
        environment: 'production',
        version: 'v1.0.2',
        git_commit: 'b7f3b29',
        git_branch: 'main',
        status: 'pending',
      },
      CALL,
    )
    expect(intent.body.warnings).toEqual([expect.stringContaining('In breach before this deployment: error_rate_per')])

    // A client, on nobody's behalf: only an unstable system is rolled back for it.
    const { body } = await bed.control.executeRollback({ deployment_id: bad, trigger_reason: 'red' }, CALL, {
      wait_ms: 0,
      signal: new AbortController().signal,
    })
    const eventId = (body as { event_id: string }).event_id
    await bed.untilRollback(bad, ended)
    const { validation } = await bed.control.showRollback(eventId)
    expect(validation).toMatchObject({
      compliant: true,
      findings: expect.arrayContaining([
        expect.objectContaining({ law: 'total_coherence', observed: 'entropy 1, entropy_increase -0.1' }),
      ]),
    })
  })
})
