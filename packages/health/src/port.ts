import type { HealthSample } from '@roman/constitution'

/** The fields of a health sample that a source may supply. */
export type SourceValues = Partial<
  Pick<
    HealthSample,
    | 'database_connections'
    | 'max_database_connections'
    | 'active_queries'
    | 'p95_response_ms'
    | 'memory_percent'
    | 'requests_per_minute'
    | 'error_rate_per_minute'
  >
>

/** Sickness seen by asking the service itself. */
export interface SourceFailure {
  /** For people; holds no secret. */
  message: string
  /** The same for the same moment, whichever process saw it, so that two watchers don't count one failure twice. */
  idempotency_key: string
}

export interface SourceReading {
  /** What was measured. Absent: this source does not supply it. */
  values: SourceValues
  /** What this source should have supplied and could not: field names, or the source's name. Blindness, never sickness. */
  unavailable: string[]
  /** Each becomes an error row of the service. */
  failures: SourceFailure[]
}

/** What the sources of one environment say now. */
export type LatestReading = Pick<SourceReading, 'values' | 'unavailable'>

/** One place where the health of one environment can be read. */
export interface HealthSource {
  readonly name: string
  /** How often it wants to be read. */
  readonly interval_ms: number
  /** A read ends within this time. */
  readonly timeout_ms: number
  /** What is unavailable as long as nothing was read: field names, or the source's name. */
  readonly supplies: readonly string[]
  /** Never throws: what cannot be read is in `unavailable`. Call it again only after the last call has ended. */
  read(signal: AbortSignal): Promise<SourceReading>
  /** Ends a read under way; whatever is read afterwards is unavailable. */
  close(): Promise<void>
}

export interface SourceDeps {
  /** The value of a setting that roman.yaml only names, undefined where it is not set. */
  secret(name: string): string | undefined
}

export const blind = (unavailable: readonly string[]): SourceReading => ({
  values: {},
  unavailable: [...unavailable],
  failures: [],
})
