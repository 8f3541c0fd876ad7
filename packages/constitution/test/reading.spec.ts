import { describe, expect, it } from 'vitest'
import { DEFAULT_POLICY, type HealthSample, judgeSample, toHealthReport } from '../src/index.ts'
import { formatNumber } from '../src/numbers.ts'
import { keptSample, shouldKeepSample } from '../src/sampling.ts'
import { settle, startSequential } from '../src/sequential.ts'
import { forSeconds, rateWindowSeconds, secondsOf } from '../src/thresholds.ts'
import { broken, calm, sampleOf, thresholds, watchPolicy } from './make.ts'

describe('a number for a person', () => {
  it.each([
    [8.5, undefined, '8.5'],
    [8.4567, undefined, '8.5'],
    [3, undefined, '3'],
    [5, 5, '5'],
    [5.04, 5, '5.04'],
    [5.004, 5, '5.004'],
    [5.000_001_4, 5, '5.000001'],
    [5.000_000_4, 5, '5.0000004'],
    [90.04, 90, '90.04'],
    [95.22, 95.21, '95.22'],
    [95.26, 95.25, '95.3'],
    [95.25, 95.25, '95.25'],
    [4.96, 5, '4.96'],
    [0.15, undefined, '0.2'],
    [5000.15, 5000, '5000.2'],
    [1e-7, undefined, '0'],
    [1.5e-7, 0, '1.5e-7'],
    [1e21, undefined, '1e+21'],
    [Number.NaN, 5, 'NaN'],
  ])('%s beside a threshold of %s reads %s', (value, threshold, text) => {
    expect(formatNumber(value, threshold)).toBe(text)
  })
})

describe('a sample', () => {
  const signalsOf = (change: Partial<HealthSample>) => judgeSample(sampleOf(change), thresholds)

  it.each([
    [{ database_connections: null }],
    [{ max_database_connections: null }],
    [{ max_database_connections: 0 }],
    [{ unavailable: ['database_connections'] }],
  ])('without both numbers of connections says nothing of them: %j', (change) => {
    const verdict = signalsOf(change)
    expect(verdict.signals[2]).toEqual({
      signal: 'database_connection_percent',
      observed: null,
      threshold: 90,
      exceeded: false,
      suppressed: false,
      state: 'unknown',
    })
    expect(toHealthReport(sampleOf(change), verdict, false).database_connection_utilization).toBeNull()
  })

  it.each([
    [['p95_response_ms', 'memory_percent', 'active_queries', 'requests_per_minute'], 'healthy', 'System healthy'],
    [['http', 'database_connections'], 'unknown', 'Health cannot be read: database_connections, http'],
    [[7, null, 'http'], 'unknown', 'Health cannot be read: http'],
    [[7, {}], 'healthy', 'System healthy'],
    ['http', 'unknown', 'Health cannot be read: unavailable'],
    [undefined, 'unknown', 'Health cannot be read: unavailable'],
    [null, 'unknown', 'Health cannot be read: unavailable'],
  ])('whose sources lack %j is %s: %s', (unavailable, state, reason) => {
    expect(signalsOf({ unavailable: unavailable as string[] })).toMatchObject({ state, reason })
  })

  it('of a signal that was in breach before is told so; a calm one, or one that only warns, is not suppressed', () => {
    const suppressed = ['error_rate_per_minute', 'recent_errors', 'p95_response_ms'] as const
    const verdict = judgeSample(sampleOf({ error_rate_per_minute: 9, p95_response_ms: 9000 }), thresholds, {
      suppressed,
    })
    expect(verdict.signals.map((finding) => finding.suppressed)).toEqual([true, false, false, false, false])
    expect(verdict.warnings).toEqual([
      'error_rate_per_minute is not blamed on this deployment yet: errors were in breach before it',
      'Slow responses: P95 is 9000 ms, above 5000 ms',
    ])
  })

  it.each([
    [199, 'healthy'],
    [200, 'breach'],
  ])('with evidence of %s where 200 is needed is %s', (value, state) => {
    const error_evidence = { value, needed: 200, rate_per_minute: 5, false_alarm_bound: 0.01 }
    expect(judgeSample(calm, thresholds, { error_evidence }).state).toBe(state)
  })

  it('without traffic says that its rules are left out', () => {
    const limits = { ...thresholds, error_percent: 10 }
    expect(judgeSample(broken, limits).warnings).toEqual([
      'Traffic cannot be read: min_requests and error_percent are left out',
    ])
  })
})

describe('a rate window', () => {
  it.each([
    [30, 30],
    [0, 60],
    [-5, 60],
    ['90', 60],
    [undefined, 60],
    [Number.POSITIVE_INFINITY, 60],
  ])('of %s seconds is one of %s', (rate_window_seconds, seconds) => {
    expect(rateWindowSeconds({ ...thresholds, rate_window_seconds: rate_window_seconds as never })).toBe(seconds)
  })
})

describe('a time of a policy', () => {
  const names = ['window_seconds', 'verify_seconds', 'drain_seconds', 'auto_rollback_within_seconds'] as const

  it.each([...names, 'verify_deadline_seconds'] as const)('called %s is its default where it is none', (name) => {
    for (const value of [undefined, null, '9', Number.NaN, Number.POSITIVE_INFINITY, -1])
      expect(secondsOf({ ...watchPolicy, [name]: value }, name)).toBe(watchPolicy[name])
    expect(secondsOf({ ...watchPolicy, [name]: 9 }, name)).toBe(9)
    expect(secondsOf(null as never, name)).toBe(watchPolicy[name])
  })

  it('takes some time where its passing is a proof', () => {
    const none = Object.fromEntries(names.map((name) => [name, 0]))
    expect(names.map((name) => secondsOf({ ...watchPolicy, ...none }, name))).toEqual([300, 60, 0, 0])
  })

  it('that is off by default is off where it is none', () => {
    for (const value of [undefined, null, '9', Number.NaN, -1]) {
      expect(secondsOf({ ...watchPolicy, warm_up_seconds: value as never }, 'warm_up_seconds')).toBe(0)
      expect(forSeconds({ ...thresholds, for_seconds: value as never })).toBe(0)
    }
    expect(secondsOf({ ...watchPolicy, warm_up_seconds: 9 }, 'warm_up_seconds')).toBe(9)
    expect(forSeconds({ ...thresholds, for_seconds: 9 })).toBe(9)
  })
})

describe('a sample is kept', () => {
  const healthy = judgeSample(calm, thresholds)
  const breach = judgeSample(broken, thresholds)
  const kept = keptSample(healthy, 1000)

  it.each([
    ['if it is the first', null, healthy, 1001, true],
    ['if it is a breach, however many', keptSample(breach, 1000), breach, 1001, true],
    ['if any state changed', kept, judgeSample(sampleOf({ recent_errors: 10 }), thresholds), 1001, true],
    [
      'if a signal that only warns changed',
      kept,
      judgeSample(sampleOf({ memory_percent: 99 }), thresholds),
      1001,
      true,
    ],
    ['not if nothing changed', kept, healthy, 60_999, false],
    ['if nothing changed for a minute', kept, healthy, 61_000, true],
  ])('%s', (_when, previous, verdict, at, keep) => {
    expect(shouldKeepSample(previous, verdict, at)).toBe(keep)
  })
})

it('evidence over no time at all is no evidence, and stays a number', () => {
  const start = startSequential({ at: 1000, errors: 0 })
  const rules = { thresholds, spanSeconds: 0 }
  const settled = settle(start, 1000, 0, false, rules)
  expect(settled.reserve).toBe(0)
  expect(settled.wealth.reduce((sum, part) => sum + part, 0)).toBe(1)
})

it('the policy of those who say nothing', () => {
  expect(DEFAULT_POLICY).toEqual({
    mode: 'auto',
    thresholds: {
      error_rate_per_minute: 5,
      recent_errors: 50,
      database_connection_percent: 90,
      p95_response_ms: 5000,
      memory_percent: 95,
    },
    watch: watchPolicy,
    decision_wait_seconds: 1800,
    migrations: 'keep',
  })
  expect(watchPolicy).toEqual({
    window_seconds: 300,
    verify_seconds: 60,
    drain_seconds: 5,
    auto_rollback_within_seconds: 1800,
    verify_deadline_seconds: 300,
  })
})
