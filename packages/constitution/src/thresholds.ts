import { isRecord, measured } from './numbers.ts'

export const EVIDENCE = ['threshold', 'sequential'] as const
export type Evidence = (typeof EVIDENCE)[number]

/**
 * When a signal is in breach: strictly above its number. Stored with each deployment, so that a decision can be
 * explained later by the thresholds that were in force.
 */
export type Thresholds = {
  /** Errors per minute over the rate window. */
  error_rate_per_minute: number
  /** Errors in the last five minutes. */
  recent_errors: number
  /** Share of `max_connections` in use, in percent. */
  database_connection_percent: number
  /** 95th percentile of response time in milliseconds; a warning only. */
  p95_response_ms: number
  /** Memory in use, in percent; a warning only. */
  memory_percent: number
  /** Seconds the error rate is counted over, scaled to a minute. Default 60. */
  rate_window_seconds?: number | undefined
  /** A breach must hold this long before it counts. Default 0: at once. */
  for_seconds?: number | undefined
  /** Errors are in breach only at this traffic (requests per minute) or more. Off by default. */
  min_requests?: number | undefined
  /** Errors are in breach only above this share of requests, in percent. Off by default. */
  error_percent?: number | undefined
  /**
   * What makes errors a breach while a deployment is watched: `threshold` (default) as soon as a count is above its
   * threshold, `sequential` only once they prove a rate above it.
   */
  evidence?: Evidence | undefined
  /** With `evidence: sequential`: the chance at most, per deployment, of a breach while the rate is not above. Default 0.01. */
  false_alarm_bound?: number | undefined
}

/** The thresholds that are always there, each named like the signal it limits. */
type Limit =
  | 'error_rate_per_minute'
  | 'recent_errors'
  | 'database_connection_percent'
  | 'p95_response_ms'
  | 'memory_percent'

export const DEFAULT_THRESHOLDS: Thresholds = {
  error_rate_per_minute: 5,
  recent_errors: 50,
  database_connection_percent: 90,
  p95_response_ms: 5000,
  memory_percent: 95,
}

export const DEFAULT_RATE_WINDOW_SECONDS = 60

/** What `recent_errors` is counted over. */
export const RECENT_ERRORS_WINDOW_SECONDS = 300

/** How long a deployment is watched and verified. */
export type WatchPolicy = {
  /** The watch after a deployment; a clean one makes it known-good. */
  window_seconds: number
  /** The clean stretch that proves a rollback healthy. */
  verify_seconds: number
  /** Requests of the previous build may still end badly for this long after the switch. */
  drain_seconds: number
  /** Until this long after the deployment a breach may roll it back automatically. */
  auto_rollback_within_seconds: number
  /** A rollback that is not proved healthy by then has not helped. */
  verify_deadline_seconds: number
  /** A breach this soon after the deployment does not count yet. Default 0: off. */
  warm_up_seconds?: number | undefined
}

export const DEFAULT_WATCH: WatchPolicy = {
  window_seconds: 300,
  verify_seconds: 60,
  drain_seconds: 5,
  auto_rollback_within_seconds: 1800,
  verify_deadline_seconds: 300,
}

/** `auto` acts, `ask` waits for a person, `observe` only says what it would have done. */
export const MODES = ['auto', 'ask', 'observe'] as const
export type Mode = (typeof MODES)[number]

/** `keep` leaves newer migrations in place; `undo` runs their rollback scripts. */
export const MIGRATION_POLICIES = ['keep', 'undo'] as const
export type MigrationPolicy = (typeof MIGRATION_POLICIES)[number]

/** Everything that decides how one service in one environment is guarded. */
export type GuardPolicy = {
  mode: Mode
  thresholds: Thresholds
  watch: WatchPolicy
  /** How long a guard waits for a person before it announces again and stops waiting. */
  decision_wait_seconds: number
  migrations: MigrationPolicy
  /** Automatic rollbacks at most in an hour; then people are asked. Default 3; 0 always asks. */
  rollbacks_per_hour?: number | undefined
}

export const DEFAULT_POLICY: GuardPolicy = {
  mode: 'auto',
  thresholds: DEFAULT_THRESHOLDS,
  watch: DEFAULT_WATCH,
  decision_wait_seconds: 1800,
  migrations: 'keep',
}

/*
 * Policies are stored, and those stored long ago may lack a field that exists now. Each number is read by one of these: what
 * nobody can compare or count with is no threshold and no time, and must neither silence a watch nor end it.
 */

/** What is no policy at all is the defaults. */
export function readRules(given: unknown): Pick<GuardPolicy, 'thresholds' | 'watch'> {
  const { thresholds, watch } = isRecord(given) ? given : {}
  return {
    thresholds: isRecord(thresholds) ? (thresholds as Thresholds) : DEFAULT_THRESHOLDS,
    watch: isRecord(watch) ? (watch as WatchPolicy) : DEFAULT_WATCH,
  }
}

/** Seconds the error rate is counted over under these thresholds. */
export function rateWindowSeconds(thresholds: Thresholds): number {
  return fieldOf(thresholds, 'rate_window_seconds') || DEFAULT_RATE_WINDOW_SECONDS
}

/** How long a breach must hold before it counts. */
export function forSeconds(thresholds: Thresholds): number {
  return fieldOf(thresholds, 'for_seconds') ?? 0
}

/** The threshold in force. */
export function limitOf(thresholds: Thresholds, name: Limit): number {
  return fieldOf(thresholds, name) ?? DEFAULT_THRESHOLDS[name]
}

/** A time of the watch in force. One that proves health by passing takes some time: zero is none. */
export function secondsOf(watch: WatchPolicy, name: keyof WatchPolicy): number {
  if (name === 'warm_up_seconds') return fieldOf(watch, name) ?? 0
  const seconds = fieldOf(watch, name)
  const proves = name === 'window_seconds' || name === 'verify_seconds'
  return seconds === null || (proves && seconds === 0) ? DEFAULT_WATCH[name] : seconds
}

function fieldOf(policy: unknown, name: string): number | null {
  return isRecord(policy) ? measured(policy[name]) : null
}
