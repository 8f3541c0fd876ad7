import {
  type GuardPolicy,
  type Health,
  type HealthSample,
  isStable,
  judgeSample,
  toHealthReport,
} from '@roman/constitution'
import { type Database, isDatabaseFull, isDatabaseUnavailable, isStatementTimeout } from '@roman/db'

/** One watched deployment at one moment, by the database's clock. */
export interface HealthReading {
  deployment_id: string
  service: string
  environment: string
  at_ms: number
  deployed_at_ms: number
  sample: HealthSample
  /** First error of the windows that count now. */
  fault_at: Date | null
  /** A breach of this deployment was stored within the last five minutes. */
  breached_recently: boolean
  /** Another deployment is live in its place. */
  superseded: boolean
  rollback_open: boolean
  policy: GuardPolicy
}

export interface LateErrors {
  /** When the first of them occurred. */
  from_ms: number
  /** Another one whenever more have come. */
  key: string
}

/** What a watch counts beside. */
interface WatchedCounts {
  /** Errors since it went live, to the end of its watch window at most; null once the window has its verdict. */
  errors_in_window: number | null
  /** Both are null where nobody asked for the counts. */
  errors_since_deployed: number | null
}

export type WatchedReading = HealthReading &
  WatchedCounts & {
    /** Errors that came so late that moments were judged without them; null where none did. */
    late: LateErrors | null
  }

type Numbers = Omit<HealthSample, 'timestamp'>

interface Row {
  at: Date
  deployment_id: string
  service: string
  environment: string
  deployed_at: Date
  fault_at: Date | null
  breached_recently: boolean
  superseded: boolean
  rollback_open: boolean
  policy: GuardPolicy
}

type HealthRow = Row & Numbers

type WatchedRow = Row &
  WatchedCounts &
  Pick<
    Numbers,
    'error_rate_per_minute' | 'recent_errors' | 'database_connections' | 'max_database_connections' | 'active_queries'
  > & {
    late_errors: number
    late_from: Date | null
    late_received_at: Date | null
  }

/**
 * The counts of a watch, of deployment `d` at a moment whose errors are `e`; null where `e` was not asked for a total. ops.deployment_errors looks back an hour at
 * most, which is all of any window; a longer watch is counted hour by hour, and only where that matters: for a sequential
 * test, and while a rollback's own deployment is verified.
 */
const countsAt = (at: string): string => `
  CASE
    WHEN ${at} <= w.ends_at THEN e.total_errors
    WHEN e.total_errors IS NOT NULL AND d.rollback_from IS NULL
      AND NOT EXISTS (SELECT FROM ops.guard_verdicts v WHERE v.deployment_id = d.deployment_id AND v.phase = 'window')
    THEN (SELECT h.total_errors FROM ops.deployment_errors(ARRAY[d.deployment_id], w.ends_at) h)
  END AS errors_in_window,
  CASE
    WHEN e.total_errors IS NOT NULL AND ${at} > d.deployed_at + interval '1 hour'
      AND (d.policy -> 'thresholds' ->> 'evidence' = 'sequential' OR d.rollback_from IS NOT NULL)
    THEN (
      SELECT sum(h.total_errors)::integer
      FROM generate_series(0, floor(extract(epoch FROM ${at} - d.deployed_at) / 3600)::integer) AS back (hours)
      -- Each hour begins a microsecond, the clock's finest, before the last one.
      CROSS JOIN LATERAL ops.deployment_errors(ARRAY[d.deployment_id], ${at} - back.hours * interval '1 hour 1 microsecond') h
    )
    ELSE e.total_errors
  END AS errors_since_deployed`

const WINDOW_END = `
CROSS JOIN LATERAL (
  SELECT d.deployed_at + make_interval(secs => (d.policy -> 'watch' ->> 'window_seconds')::double precision) AS ends_at
) w`

/**
 * What is known beside the numbers, of deployment `d` at `clock.at`. Times are bounded from both sides, so that one partition
 * or two are looked at and never the default one.
 */
const CIRCUMSTANCES = `
  clock.at, d.deployment_id, d.service, d.environment, d.deployed_at, d.policy,
  EXISTS (
    SELECT FROM ops.guard_verdicts v
    WHERE v.deployment_id = d.deployment_id AND v.verdict = 'breach' AND v.decided_at > clock.at - interval '5 minutes'
  ) OR b.breached IS NOT NULL AS breached_recently,
  l.deployment_id IS DISTINCT FROM d.deployment_id AS superseded,
  EXISTS (
    SELECT FROM ops.rollback_events r
    WHERE r.deployment_id = d.deployment_id AND r.status IN ('pending', 'in_progress')
  ) AS rollback_open`

const FROM_DEPLOYMENTS = `
JOIN ops.deployments d USING (deployment_id)
LEFT JOIN ops.live l ON l.service = d.service AND l.environment = d.environment
-- A lateral join and no EXISTS, which may be turned into one look at all samples of the month.
LEFT JOIN LATERAL (
  SELECT true AS breached FROM ops.health_samples s
  WHERE s.deployment_id = d.deployment_id AND s.state = 'breach'
    AND s.sampled_at > clock.at - interval '5 minutes' AND s.sampled_at <= clock.at
  LIMIT 1
) b ON true`

const READ_HEALTH = {
  name: 'roman-read-health',
  text: `
SELECT ${CIRCUMSTANCES}, h.*
FROM (SELECT now() AS at) clock
CROSS JOIN ops.read_health($1::uuid[], clock.at) h ${FROM_DEPLOYMENTS}`,
}

/** The tick of all guards together. What the sources say is not in it: a guard's process reads them itself. */
const READ_WATCHED = {
  name: 'roman-read-watched',
  text: `
SELECT ${CIRCUMSTANCES}, e.*, ${countsAt('clock.at')}, c.*
FROM (SELECT now() AS at) clock
CROSS JOIN ops.deployment_errors($1::uuid[], clock.at, $2::boolean[]) e ${FROM_DEPLOYMENTS} ${WINDOW_END}
CROSS JOIN ops.database_connections() c`,
}

/**
 * Reads the health of deployments from PostgreSQL, with what the sources of their environment said last: what everybody
 * judges by who is no guard. Any failure to read is thrown.
 */
export const readHealth = async (
  db: Pick<Database, 'pool'>,
  deploymentIds: readonly string[],
): Promise<HealthReading[]> => {
  if (deploymentIds.length === 0) return []
  const { rows } = await db.pool.query<HealthRow>({ ...READ_HEALTH, values: [deploymentIds] })
  return rows.map((row) => readingOf(row, row))
}

/**
 * The same as the log and the ops database tell it, without the sources, and with what a watch counts.
 * @param counted those whose counts are wanted: they reach further back than the rest, and cost accordingly
 */
export const readWatched = async (
  db: Pick<Database, 'pool'>,
  deploymentIds: readonly string[],
  counted: ReadonlySet<string>,
): Promise<WatchedReading[]> => {
  if (deploymentIds.length === 0) return []
  const values = [deploymentIds, deploymentIds.map((id) => counted.has(id))]
  const { rows } = await db.pool.query<WatchedRow>({ ...READ_WATCHED, values })
  return rows.map((row) => ({
    ...readingOf(row, { ...NO_SOURCE, ...row }),
    late: lateOf(row),
    errors_in_window: row.errors_in_window,
    errors_since_deployed: row.errors_since_deployed,
  }))
}

/** What only sources supply. */
const NO_SOURCE = { p95_response_ms: null, memory_percent: null, requests_per_minute: undefined, unavailable: [] }

const readingOf = (row: Row, { requests_per_minute: traffic, ...numbers }: Numbers): HealthReading => ({
  deployment_id: row.deployment_id,
  service: row.service,
  environment: row.environment,
  at_ms: row.at.getTime(),
  deployed_at_ms: row.deployed_at.getTime(),
  sample: {
    timestamp: row.at.toISOString(),
    error_rate_per_minute: numbers.error_rate_per_minute,
    recent_errors: numbers.recent_errors,
    database_connections: numbers.database_connections,
    max_database_connections: numbers.max_database_connections,
    active_queries: numbers.active_queries,
    p95_response_ms: numbers.p95_response_ms,
    memory_percent: numbers.memory_percent,
    // Left out where no source supplies it, which is not the same as unreadable.
    ...(typeof traffic === 'number' ? { requests_per_minute: traffic } : {}),
    unavailable: numbers.unavailable,
  },
  fault_at: row.fault_at,
  breached_recently: row.breached_recently,
  superseded: row.superseded,
  rollback_open: row.rollback_open,
  policy: row.policy,
})

const lateOf = ({ late_errors, late_from, late_received_at }: WatchedRow): LateErrors | null =>
  late_from === null ? null : { from_ms: late_from.getTime(), key: `${late_errors} ${late_received_at?.toISOString()}` }

/** A past moment, as far as stored data tells: errors only. */
export interface MissedTick extends WatchedCounts {
  at_ms: number
  sample: HealthSample
  fault_at: Date | null
  superseded: boolean
  rollback_open: boolean
}

const MISSED_TICKS_MAX = 600
const MISSED_TICKS_CHUNK = 50

/**
 * The moments between `sinceMs` and now that nobody watched, judged later from stored errors: one a second, or fewer
 * over a longer gap. What was not stored (connections) is null, neither good nor bad. Before the server's own start
 * nobody could store an error either: those moments are blind, not clean. Read in chunks, so that a storm of errors
 * makes no query too long.
 * @throws UnreadMoments where the server refuses to read them
 * @param counted whether what a watch counts beside is wanted; it costs the more the longer the watch
 */
export async function* readMissedTicks(
  db: Pick<Database, 'pool'>,
  deploymentId: string,
  sinceMs: number,
  { counted = true } = {},
): AsyncGenerator<MissedTick> {
  const { rows: clock } = await db.pool.query<{ now: Date; up_since: Date }>(
    'SELECT now() AS now, pg_postmaster_start_time() AS up_since',
  )
  const untilMs = clock[0]!.now.getTime() - 1_000
  const upSinceMs = clock[0]!.up_since.getTime()
  const stepMs = Math.max(1_000, Math.ceil((untilMs - sinceMs) / MISSED_TICKS_MAX))
  for (let from = sinceMs + stepMs; from <= untilMs; from += stepMs * MISSED_TICKS_CHUNK) {
    const moments: Date[] = []
    for (let at = from; at <= untilMs && moments.length < MISSED_TICKS_CHUNK; at += stepMs) moments.push(new Date(at))
    const read = db.pool.query<MissedRow>(
      `SELECT moment.at, e.error_rate_per_minute, e.recent_errors, e.fault_at, ${countsAt('moment.at')}
       FROM unnest($2::timestamptz[]) AS moment (at)
       CROSS JOIN LATERAL ops.deployment_errors(ARRAY[$1::uuid], moment.at, ARRAY[$3::boolean]) e
       JOIN ops.deployments d USING (deployment_id) ${WINDOW_END} ORDER BY moment.at`,
      [deploymentId, moments, counted],
    )
    const { rows } = await read.catch((error) => {
      // A connection that broke is tried again; what the server itself refuses to read stays unread.
      throw isDatabaseUnavailable(error) && !isStatementTimeout(error) ? error : new UnreadMoments(untilMs, error)
    })
    yield* rows.map((row) => missedTickOf(row, upSinceMs))
  }
}

interface MissedRow extends WatchedCounts {
  at: Date
  error_rate_per_minute: number
  recent_errors: number
  fault_at: Date | null
}

/** Moments that nobody watched and that cannot be read afterwards either: they are blind, to `tick`. */
export class UnreadMoments extends Error {
  override readonly name = 'UnreadMoments'
  readonly tick: MissedTick

  constructor(untilMs: number, cause: unknown) {
    super(`What was stored of moments that nobody watched could not be read: ${(cause as Error).message}`, { cause })
    this.tick = unreadTick(untilMs)
  }
}

const unreadTick = (at: number): MissedTick => ({
  at_ms: at,
  sample: blindSample(new Date(at)),
  errors_in_window: null,
  errors_since_deployed: null,
  fault_at: null,
  superseded: false,
  rollback_open: false,
})

const missedTickOf = (row: MissedRow, upSinceMs: number): MissedTick => ({
  at_ms: row.at.getTime(),
  sample:
    row.at.getTime() < upSinceMs
      ? blindSample(row.at)
      : {
          ...blindSample(row.at),
          error_rate_per_minute: row.error_rate_per_minute,
          recent_errors: row.recent_errors,
          unavailable: [],
        },
  errors_in_window: row.errors_in_window,
  errors_since_deployed: row.errors_since_deployed,
  fault_at: row.fault_at,
  // Whether it was superseded meanwhile the first live tick tells; a verdict is given under the lock anyway.
  superseded: false,
  rollback_open: false,
})

/** A moment of which nothing is known. */
export const blindSample = (at: Date): HealthSample => ({
  timestamp: at.toISOString(),
  error_rate_per_minute: null,
  recent_errors: null,
  database_connections: null,
  max_database_connections: null,
  active_queries: null,
  p95_response_ms: null,
  memory_percent: null,
  unavailable: ['error_rate_per_minute', 'recent_errors', 'database_connections'],
})

/** A server too full to answer is itself the finding: its connections are exhausted. */
export const exhaustedSample = (error: unknown, at: Date): HealthSample | null =>
  isDatabaseFull(error)
    ? {
        ...blindSample(at),
        database_connections: 100,
        max_database_connections: 100,
        unavailable: ['error_rate_per_minute', 'recent_errors'],
      }
    : null

/** The health report of a reading, by the thresholds its deployment was recorded with. */
export const reportOf = (reading: HealthReading): Health => {
  const { thresholds } = reading.policy
  return toHealthReport(
    reading.sample,
    judgeSample(reading.sample, thresholds),
    isStable(reading.sample, thresholds, { breached_recently: reading.breached_recently }),
  )
}
