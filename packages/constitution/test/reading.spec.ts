import { describe, expect, it } from 'vitest'
import {
  DEFAULT_POLICY,
  type HealthSample,
  judgeSample,
  keptSample,
  rateWindowSeconds,
  shouldKeepSample,
  toHealthReport,
} from '../src/index.ts'
import { formatNumber } from '../src/numbers.ts'
import { settle, startSequential } from '../src/sequential.ts'
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
    ['http', 'healthy', 'System healthy'],
    [null, 'healthy', 'System healthy'],
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
      'error_rate_per_minute was in breach before this deployment and is not blamed on it yet',
      'Slow responses: P95 9000 ms',
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
  ])('of %s seconds is one of %s', (rate_window_seconds, seconds) => {
    expect(rateWindowSeconds({ ...thresholds, rate_window_seconds: rate_window_seconds as never })).toBe(seconds)
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
