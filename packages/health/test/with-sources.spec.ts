import { DEFAULT_THRESHOLDS, type HealthSample, judgeSample } from '@roman/constitution'
import { expect, it } from 'vitest'
import { type LatestReading, withSources } from '../src/index.ts'

const sample: HealthSample = {
  timestamp: '2025-12-15T14:35:00.000Z',
  error_rate_per_minute: 0,
  recent_errors: 0,
  database_connections: 12,
  max_database_connections: 100,
  active_queries: 1,
  p95_response_ms: null,
  memory_percent: null,
  unavailable: [],
}
const sources = (latest: Partial<LatestReading>): LatestReading => ({ values: {}, unavailable: [], ...latest })
const stateOf = (own: Partial<HealthSample>, latest: Partial<LatestReading>) =>
  judgeSample(withSources({ ...sample, ...own }, sources(latest)), DEFAULT_THRESHOLDS).state

it('changes nothing where no source says anything', () => {
  expect(withSources(sample, sources({}))).toEqual(sample)
})

it('adds what only a source knows', () => {
  const values = { p95_response_ms: 80, memory_percent: 40, requests_per_minute: 600 }
  expect(withSources(sample, sources({ values }))).toEqual({ ...sample, ...values })
})

it.each([
  [8, 0, 8],
  [0, 8, 8],
])('of the log’s error rate %d and a source’s %d takes %d', (own, other, larger) => {
  const merged = withSources(
    { ...sample, error_rate_per_minute: own },
    sources({ values: { error_rate_per_minute: other } }),
  )
  expect(merged.error_rate_per_minute).toBe(larger)
})

it('keeps a breach that the log shows while a source is away', () => {
  expect(stateOf({ error_rate_per_minute: 8 }, { unavailable: ['error_rate_per_minute'] })).toBe('breach')
})

it('calls nothing healthy while the source of the error rate is away', () => {
  expect(stateOf({}, { unavailable: ['error_rate_per_minute'] })).toBe('unknown')
  expect(stateOf({}, { unavailable: ['http'] })).toBe('unknown')
})

it('takes a source’s error rate for no replacement of a log that cannot be read', () => {
  const unread = { error_rate_per_minute: null, recent_errors: null, unavailable: ['recent_errors'] }
  expect(stateOf(unread, { values: { error_rate_per_minute: 8 } })).toBe('unknown')
})

it('judges by the connections of the service’s own database, or by none', () => {
  const full = { database_connections: 100, max_database_connections: 100 }
  expect(stateOf({}, { values: full, unavailable: ['active_queries'] })).toBe('breach')
  expect(withSources(sample, sources({ values: full })).active_queries).toBeNull()
  const away = withSources({ ...sample, ...full }, sources({ unavailable: ['database_connections'] }))
  expect(away.database_connections).toBeNull()
  expect(judgeSample(away, DEFAULT_THRESHOLDS).state).toBe('unknown')
})
