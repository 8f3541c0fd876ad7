import type { HealthSample } from '@roman/constitution'
import type { LatestReading } from './port.ts'

/** In `unavailable` where only a source's error rate is missing: the log's own count stands, the moment is still blind. */
const ERROR_RATE_SOURCE = 'error_rate_source'

/**
 * The sampler's own sample with what the sources say laid over it.
 *
 * Of two error rates the larger holds: an error that the log has is not undone by a metric that missed it. Connections
 * are the service's database's as soon as a source is configured for it; those of the ops database say nothing then.
 */
export function withSources(sample: HealthSample, { values, unavailable }: LatestReading): HealthSample {
  const ownDatabase = values.database_connections !== undefined || unavailable.includes('database_connections')
  const listed = unavailable.map((name) => (name === 'error_rate_per_minute' ? ERROR_RATE_SOURCE : name))
  return {
    ...sample,
    ...values,
    error_rate_per_minute: larger(sample.error_rate_per_minute, values.error_rate_per_minute),
    ...(ownDatabase && {
      database_connections: values.database_connections ?? null,
      max_database_connections: values.max_database_connections ?? null,
      active_queries: values.active_queries ?? null,
    }),
    unavailable: [...new Set([...sample.unavailable, ...listed])],
  }
}

/** Null where the log itself cannot be read: a metric is no replacement for it. */
const larger = (own: number | null, other: number | null | undefined): number | null =>
  own === null ? null : Math.max(own, other ?? 0)
