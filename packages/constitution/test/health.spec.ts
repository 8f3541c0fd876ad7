import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ACTING_SIGNALS,
  entropyOf,
  type HealthSample,
  isStable,
  type JudgeOptions,
  judgeSample,
  type SignalName,
  type Thresholds,
  toHealthReport,
} from '../src/index.ts'
import { connectionUtilization } from '../src/sample.ts'
import { blind, broken, calm, sampleOf, thresholds } from './make.ts'

const judge = (change: Partial<HealthSample>, limits: Thresholds = thresholds, options: JudgeOptions = {}) =>
  judgeSample(sampleOf(change), limits, options)

describe('a sample', () => {
  it.each([
    [{}, 'healthy', 'System healthy'],
    [{ error_rate_per_minute: 0.9 }, 'healthy', 'System healthy'],
    [{ error_rate_per_minute: 1 }, 'watching', 'Elevated error rate: 1 errors/minute, watching'],
    [{ error_rate_per_minute: 3 }, 'watching', 'Elevated error rate: 3 errors/minute, watching'],
    [{ error_rate_per_minute: 5 }, 'watching', 'Elevated error rate: 5 errors/minute, watching'],
    [{ error_rate_per_minute: 5.004 }, 'breach', 'High error rate: 5.004 errors/minute'],
    [{ error_rate_per_minute: 8.5 }, 'breach', 'High error rate: 8.5 errors/minute'],
    [{ recent_errors: 9 }, 'healthy', 'System healthy'],
    [{ recent_errors: 10 }, 'watching', 'Elevated recent errors: 10 in last 5 minutes, watching'],
    [{ recent_errors: 50 }, 'watching', 'Elevated recent errors: 50 in last 5 minutes, watching'],
    [{ recent_errors: 51 }, 'breach', 'Too many recent errors: 51 in last 5 minutes'],
    [{ recent_errors: 61 }, 'breach', 'Too many recent errors: 61 in last 5 minutes'],
    [{ database_connections: 81 }, 'healthy', 'System healthy'],
    [{ database_connections: 82 }, 'watching', 'Elevated database connections: 82% of 100 connections, watching'],
    [{ database_connections: 90 }, 'watching', 'Elevated database connections: 90% of 100 connections, watching'],
    [{ database_connections: 93 }, 'breach', 'Database connection exhaustion: 93% of 100 connections'],
    [
      { database_connections: 451, max_database_connections: 500 },
      'breach',
      'Database connection exhaustion: 90.2% of 500 connections',
    ],
    [
      { error_rate_per_minute: 6, recent_errors: 99, database_connections: 100 },
      'breach',
      'High error rate: 6 errors/minute',
    ],
    [{ recent_errors: 99, database_connections: 100 }, 'breach', 'Too many recent errors: 99 in last 5 minutes'],
    [{ error_rate_per_minute: null }, 'unknown', 'Health cannot be read: error_rate_per_minute'],
    [{ unavailable: ['http'] }, 'unknown', 'Health cannot be read: http'],
    [{ error_rate_per_minute: null, recent_errors: 51 }, 'breach', 'Too many recent errors: 51 in last 5 minutes'],
    [
      { error_rate_per_minute: 8, recent_errors: 8, unavailable: ['error_rate_per_minute'] },
      'unknown',
      'Health cannot be read: error_rate_per_minute',
    ],
  ])('%j is %s: %s', (change, state, reason) => {
    expect(judge(change)).toMatchObject({ state, reason })
  })

  it.each([
    [{ p95_response_ms: 5000 }, []],
    [{ p95_response_ms: 5001 }, ['Slow responses: P95 is 5001 ms, above 5000 ms']],
    [{ p95_response_ms: 5000.004 }, ['Slow responses: P95 is 5000.004 ms, above 5000 ms']],
    [{ memory_percent: 95 }, []],
    [{ memory_percent: 97 }, ['High memory usage: 97%, above 95%']],
    [{ memory_percent: 95.26 }, ['High memory usage: 95.3%, above 95%']],
  ])('warns only: %j', (change, warnings) => {
    expect(judge(change)).toMatchObject({ state: 'healthy', warnings })
  })

  it('takes what no source supplies for neither good nor bad', () => {
    const verdict = judge({ database_connections: null, max_database_connections: null, p95_response_ms: null })
    expect(verdict.state).toBe('healthy')
    expect(verdict.signals.map(({ state }) => state)).toEqual(['healthy', 'healthy', 'unknown', 'unknown', 'healthy'])
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -3])('takes %s for no measurement', (value) => {
    expect(judge({ error_rate_per_minute: value }).state).toBe('unknown')
    expect(connectionUtilization(sampleOf({ max_database_connections: value }))).toBeNull()
  })

  it('does not let a maximum of zero look like exhaustion', () => {
    expect(judge({ max_database_connections: 0 }).signals[2]).toMatchObject({ observed: null, state: 'unknown' })
  })

  it('counts suppressed signals as watching, and says so', () => {
    const verdict = judge({ error_rate_per_minute: 9 }, thresholds, { suppressed: ['error_rate_per_minute'] })
    expect(verdict).toMatchObject({ state: 'watching', reason: 'Elevated error rate: 9 errors/minute, watching' })
    expect(verdict.signals[0]).toMatchObject({ exceeded: true, suppressed: true, state: 'watching' })
    expect(verdict.warnings).toHaveLength(1)
  })

  it.each([
    [9, 25, 'watching'],
    [9, 26, 'breach'],
    [9, null, 'unknown'],
    [0, 51, 'breach'],
  ])('after the window a rate of %s with %s recent errors is %s', (rate, recent, state) => {
    const change = { error_rate_per_minute: rate, recent_errors: recent }
    expect(judge(change, thresholds, { after_window: true }).state).toBe(state)
  })

  it.each([
    [{ min_requests: 20 }, 19, 'watching'],
    [{ min_requests: 20 }, 20, 'breach'],
    [{ error_percent: 10 }, 80, 'watching'],
    [{ error_percent: 10 }, 79, 'breach'],
    [{ min_requests: 20 }, null, 'breach'],
  ])('with %j and %s requests a minute, 8 errors a minute are %s', (extra, requests, state) => {
    const verdict = judge({ error_rate_per_minute: 8, requests_per_minute: requests }, { ...thresholds, ...extra })
    expect(verdict.state).toBe(state)
    expect(verdict.warnings).toHaveLength(state === 'watching' || requests === null ? 1 : 0)
  })

  it('holds recent errors to the same traffic rules, per minute', () => {
    const change = { recent_errors: 60, requests_per_minute: 120 }
    expect(judge(change, { ...thresholds, error_percent: 10 }).state).toBe('watching')
    expect(judge(change, { ...thresholds, error_percent: 9.9 }).state).toBe('breach')
  })

  it('falls back on the default where a stored threshold is missing', () => {
    expect(judge({ error_rate_per_minute: 6 }, {} as typeof thresholds).state).toBe('breach')
  })
})

describe('entropy', () => {
  it.each([
    [{}, 0],
    [{ error_rate_per_minute: 1 }, 0.1],
    [{ error_rate_per_minute: 5 }, 0.5],
    [{ error_rate_per_minute: 500 }, 1],
    [{ recent_errors: 30 }, 0.3],
    [{ database_connections: 82 }, 0.1],
    [{ database_connections: 90 }, 0.5],
    [{ database_connections: 103 }, 1],
    [{ error_rate_per_minute: 2, recent_errors: 7, database_connections: 99 }, 0.95],
    [{ error_rate_per_minute: null }, null],
    [{ error_rate_per_minute: null, recent_errors: 30 }, 0.3],
    [{ recent_errors: null, database_connections: 82 }, 0.1],
    [{ recent_errors: null }, null],
    [{ max_database_connections: 0 }, 0],
    [{ database_connections: 0, max_database_connections: 0 }, 0],
    [{ max_database_connections: null }, 0],
  ])('of %j is %s', (change, entropy) => {
    expect(entropyOf(sampleOf(change))).toBe(entropy)
  })
})

describe('stable', () => {
  const fresh = { breached_recently: false }

  it.each([
    [{}, fresh, true],
    [{ error_rate_per_minute: 0.99 }, fresh, true],
    [{ error_rate_per_minute: 1 }, fresh, false],
    [{ recent_errors: 10 }, fresh, false],
    [{ database_connections: 82 }, fresh, false],
    [{}, { breached_recently: true }, false],
    [{ unavailable: ['http'] }, fresh, false],
    [{ recent_errors: null }, fresh, false],
    [{ p95_response_ms: 9000, memory_percent: 99 }, fresh, true],
  ])('%j with %j: %s', (change, evidence, stable) => {
    expect(isStable(sampleOf(change), thresholds, evidence)).toBe(stable)
  })

  it('is not what breaks a threshold below the unstable line', () => {
    const strict = { ...thresholds, recent_errors: 3 }
    expect(isStable(sampleOf({ recent_errors: 3 }), strict, fresh)).toBe(true)
    expect(isStable(sampleOf({ recent_errors: 4 }), strict, fresh)).toBe(false)
  })
})

it('reports health with the promised fields', () => {
  expect(toHealthReport(broken, judgeSample(broken, thresholds), false)).toEqual({
    healthy: false,
    error_rate_per_minute: 8.5,
    recent_errors: 42,
    database_connections: 20,
    active_queries: 3,
    timestamp: calm.timestamp,
    database_connection_utilization: 0.2,
    p95_response_ms: 120,
    memory_percent: 40,
    warnings: [],
    unavailable: [],
  })
})

describe('for any input', () => {
  const number = fc.oneof(
    fc.constant(null),
    fc.double({ min: 0, max: 200, noNaN: true }),
    fc.integer({ max: 200, min: 0 }),
  )
  const sample = fc.record({
    timestamp: fc.constant(calm.timestamp),
    error_rate_per_minute: number,
    recent_errors: number,
    database_connections: number,
    max_database_connections: number,
    active_queries: number,
    p95_response_ms: number,
    memory_percent: number,
    requests_per_minute: number,
    unavailable: fc.subarray(['http', 'recent_errors', 'p95_response_ms']),
  })
  const options = fc.record({
    suppressed: fc.subarray([...ACTING_SIGNALS] as SignalName[]),
    after_window: fc.boolean(),
  })
  const acting = ['error_rate_per_minute', 'recent_errors', 'database_connections'] as const

  it('worse never turns a breach into calm', () => {
    fc.assert(
      fc.property(
        sample,
        options,
        fc.constantFrom(...acting),
        fc.double({ min: 0, max: 500, noNaN: true }),
        (s, o, field, by) => {
          fc.pre(s[field] !== null)
          const before = judgeSample(s, thresholds, o)
          const worse = judgeSample({ ...s, [field]: (s[field] ?? 0) + by }, thresholds, o)
          if (before.state === 'breach') expect(worse.state).toBe('breach')
          if (before.entropy !== null) expect(worse.entropy).toBeGreaterThanOrEqual(before.entropy)
          const fresh = { breached_recently: false }
          if (!isStable(s, thresholds, fresh)) {
            expect(isStable({ ...s, [field]: (s[field] ?? 0) + by }, thresholds, fresh)).toBe(false)
          }
        },
      ),
    )
  })

  it('answers any JSON without throwing, and never calls it healthy without errors read', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        const verdict = judgeSample(json as never, thresholds)
        expect(['unknown', 'breach', 'watching', 'healthy']).toContain(verdict.state)
        expect(isStable(json as never, thresholds, { breached_recently: false })).toBe(false)
      }),
    )
  })

  it('is deterministic and changes nothing it was given', () => {
    fc.assert(
      fc.property(sample, options, (s, o) => {
        const before = structuredClone(s)
        expect(judgeSample(s, thresholds, o)).toEqual(judgeSample(structuredClone(s), thresholds, o))
        expect(s).toEqual(before)
      }),
    )
  })

  it('never makes a verdict from what cannot be read', () => {
    expect(judgeSample(blind, thresholds)).toMatchObject({ state: 'unknown', entropy: null })
  })
})
