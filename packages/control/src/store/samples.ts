import { entropyOf, type HealthSample } from '@roman/constitution'
import type { Prisma } from '@roman/db'
import type { ControlContext } from '../context.ts'
import { json } from './audit.ts'

export interface KeptHealth {
  deployment_id: string
  phase: string
  state: string
  reason: string
  sample: HealthSample
}

/** What a sample has beside its columns: what could not be read, and the traffic where a source reports it. */
type Details = Partial<Pick<HealthSample, 'unavailable' | 'requests_per_minute'>>

/** Keeps the samples that matter, in one statement. */
export const keepSamples = async (
  context: Pick<ControlContext, 'db'>,
  samples: readonly KeptHealth[],
): Promise<void> => {
  if (samples.length === 0) return
  await context.db.prisma.health_samples.createMany({
    data: samples.map(({ deployment_id, phase, state, reason, sample }) => ({
      deployment_id,
      phase,
      state,
      reason,
      sampled_at: sample.timestamp,
      error_rate_per_minute: sample.error_rate_per_minute,
      recent_errors: sample.recent_errors,
      // A metric may count fractions of them.
      database_connections: whole(sample.database_connections),
      max_database_connections: whole(sample.max_database_connections),
      active_queries: whole(sample.active_queries),
      p95_response_ms: sample.p95_response_ms,
      memory_percent: sample.memory_percent,
      entropy: entropyOf(sample),
      ...detailsOf(sample),
    })),
  })
}

const whole = (count: number | null): number | null => (count === null ? null : Math.round(count))

const detailsOf = ({ unavailable, requests_per_minute }: HealthSample): { details?: Prisma.InputJsonValue } => {
  const details: Details = {
    ...(unavailable.length > 0 ? { unavailable } : {}),
    ...(typeof requests_per_minute === 'number' ? { requests_per_minute } : {}),
  }
  return Object.keys(details).length === 0 ? {} : { details: json(details) }
}

/** A sample as it was judged. Older ones have no traffic: it is left out, which is not the same as unreadable. */
export const storedSample = (row: Prisma.health_samplesGetPayload<object>): HealthSample => {
  const { unavailable = [], requests_per_minute }: Details = (row.details as Details | null) ?? {}
  return {
    timestamp: row.sampled_at.toISOString(),
    error_rate_per_minute: row.error_rate_per_minute,
    recent_errors: row.recent_errors,
    database_connections: row.database_connections,
    max_database_connections: row.max_database_connections,
    active_queries: row.active_queries,
    p95_response_ms: row.p95_response_ms,
    memory_percent: row.memory_percent,
    requests_per_minute,
    unavailable,
  }
}
