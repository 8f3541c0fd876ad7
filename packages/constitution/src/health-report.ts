import { UNSTABLE_ENTROPY } from './entropy.ts'
import { ACTING_SIGNALS, judgeSample, type SampleVerdict } from './health.ts'
import { isRecord } from './numbers.ts'
import { connectionUtilization, type HealthSample, listedUnavailable, readSample } from './sample.ts'
import type { Thresholds } from './thresholds.ts'

/** How far back a stored breach keeps a deployment from being called stable. */
export const STABLE_LOOKBACK_SECONDS = 300

/**
 * Stable: everything that can trigger was read, entropy below 0.1, no acting signal above its threshold (suppressed or
 * not), and no breach of this deployment stored, as verdict or sample, within the last five minutes.
 * The same rule as `healthy` in the health report.
 */
export function isStable(
  sample: HealthSample,
  thresholds: Thresholds,
  evidence: { breached_recently: boolean },
): boolean {
  const { signals, entropy } = judgeSample(sample, thresholds)
  const exceeded = signals.some((finding) => finding.exceeded && ACTING_SIGNALS.includes(finding.signal))
  const blind = readSample(sample).blindTo.length > 0
  // Where nobody said whether there was a breach, it is not known that there was none.
  const calmBefore = isRecord(evidence) && evidence.breached_recently === false
  return !blind && entropy !== null && entropy < UNSTABLE_ENTROPY && !exceeded && calmBefore
}

/** The health JSON that API, SQL, SDK and dashboard show. */
export type Health = {
  healthy: boolean
  error_rate_per_minute: number | null
  recent_errors: number | null
  database_connections: number | null
  active_queries: number | null
  timestamp: string
  /** In [0, 1]: connections in use over the maximum. */
  database_connection_utilization: number | null
  p95_response_ms: number | null
  memory_percent: number | null
  warnings: string[]
  unavailable: string[]
}

/**
 * What was measured is shown as it is; what is no number is null.
 * @param stable the answer of {@link isStable} for the same sample
 */
export function toHealthReport(sample: HealthSample, verdict: SampleVerdict, stable: boolean): Health {
  const fields: Record<string, unknown> = isRecord(sample) ? sample : {}
  const number = (field: keyof HealthSample) => (typeof fields[field] === 'number' ? fields[field] : null)
  return {
    healthy: stable === true,
    error_rate_per_minute: number('error_rate_per_minute'),
    recent_errors: number('recent_errors'),
    database_connections: number('database_connections'),
    active_queries: number('active_queries'),
    timestamp: typeof fields.timestamp === 'string' ? fields.timestamp : '',
    database_connection_utilization: connectionUtilization(sample),
    p95_response_ms: number('p95_response_ms'),
    memory_percent: number('memory_percent'),
    warnings: isRecord(verdict) && Array.isArray(verdict.warnings) ? verdict.warnings : [],
    unavailable: listedUnavailable(fields),
  }
}
