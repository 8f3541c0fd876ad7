import { isRecord, measured } from './numbers.ts'

/** What was measured at one moment, before anybody judges it. `null` is what no source supplies: neither good nor bad. */
export type HealthSample = {
  /** ISO 8601, by the database's clock. */
  timestamp: string
  /** Errors in the rate window, scaled to a minute. */
  error_rate_per_minute: number | null
  /** Errors in the last five minutes. */
  recent_errors: number | null
  database_connections: number | null
  max_database_connections: number | null
  active_queries: number | null
  p95_response_ms: number | null
  memory_percent: number | null
  requests_per_minute?: number | null | undefined
  /**
   * What a configured source should have supplied and could not: field names of this sample, or the name of a source.
   * Anything here but `p95_response_ms`, `memory_percent`, `active_queries` and `requests_per_minute` makes the moment blind.
   * A field that no configured source supplies does not belong here.
   */
  unavailable: string[]
}

/** Numbers whose absence hides no trigger. */
const NOT_BLINDING: readonly string[] = ['p95_response_ms', 'memory_percent', 'active_queries', 'requests_per_minute']

/** A sample read defensively: whatever is no measurement is null. */
export type Readings = {
  errorRate: number | null
  recentErrors: number | null
  /** Null where either number is missing, or nothing can be connected at all. */
  connections: { used: number; max: number } | null
  p95Ms: number | null
  memoryPercent: number | null
  requestsPerMinute: number | null
  /** Why this moment proves nothing; empty when everything that can trigger was read. */
  blindTo: string[]
}

export function readSample(sample: unknown): Readings {
  const raw = isRecord(sample) ? sample : {}
  const listed = listedUnavailable(raw)
  const read = (field: string) => (listed.includes(field) ? null : measured(raw[field]))
  const errorRate = read('error_rate_per_minute')
  const recentErrors = read('recent_errors')
  const [used, max] = [read('database_connections'), read('max_database_connections')]
  const blindTo = new Set<string>(listed.filter((name) => !NOT_BLINDING.includes(name)))
  if (errorRate === null) blindTo.add('error_rate_per_minute')
  if (recentErrors === null) blindTo.add('recent_errors')
  return {
    errorRate,
    recentErrors,
    connections: used === null || max === null || max === 0 ? null : { used, max },
    p95Ms: read('p95_response_ms'),
    memoryPercent: read('memory_percent'),
    requestsPerMinute: read('requests_per_minute'),
    blindTo: [...blindTo].sort(),
  }
}

/** What a sample says is missing. Where it does not say, whether anything is cannot be told, and that is what is missing. */
export function listedUnavailable({ unavailable }: Record<string, unknown>): string[] {
  if (!Array.isArray(unavailable)) return ['unavailable']
  return unavailable.filter((name) => typeof name === 'string')
}

/** Connections in use as a share of the maximum; 1 is full. Null where it cannot be told. */
export function connectionUtilization(sample: HealthSample): number | null {
  const { connections } = readSample(sample)
  return connections === null ? null : connections.used / connections.max
}
