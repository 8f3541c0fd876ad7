import { ERROR_SIGNALS, type SampleVerdict, type SignalName } from './health.ts'
import { finite, listOf, MOMENT_MAX, moment, nullable, optional, record, text } from './malformed.ts'
import { measured } from './numbers.ts'
import { type HealthSample, listedUnavailable } from './sample.ts'
import { isSequential } from './sequential.ts'
import {
  forSeconds,
  type GuardPolicy,
  RECENT_ERRORS_WINDOW_SECONDS,
  rateWindowSeconds,
  secondsOf,
} from './thresholds.ts'
import { fold, startWatch } from './watch.ts'
import type { WatchPhase, WatchTick, WatchVerdict } from './watch-state.ts'

/** What is stored of a deployment's life. Times in milliseconds of the database's clock; lists in any order. */
export type StoredLife = {
  deployed_at: number
  /** When a later deployment took its place; null while it is live. */
  replaced_at: number | null
  /** Up to when anything was stored; left out where all of the watch is past. */
  observed_until?: number | null | undefined
  /** When the errors that count for it occurred. */
  errors: readonly number[]
  /** The samples that were kept. Their error counts are not used: they are counted again. */
  samples: readonly HealthSample[]
  baseline_breached?: readonly SignalName[] | undefined
}

/** The rest of a sample is read defensively. */
export const STORED_LIFE = {
  deployed_at: moment,
  replaced_at: nullable(moment),
  observed_until: optional(nullable(moment)),
  errors: listOf(finite),
  samples: listOf(record({ timestamp: text })),
  baseline_breached: optional(listOf(text)),
}

/** What a policy makes of a stored life. `unended`: the stored data ends before any verdict. */
export type Replay = {
  rolls_back: boolean
  verdict: WatchVerdict['kind'] | 'unended'
  phase: WatchPhase
  at: number
  reason: string
  /** Signals in breach, where it rolls back. */
  signals: SignalName[]
  /**
   * Set where it rolls back only as long as `min_requests` and `error_percent` are left out: no traffic is stored of that
   * moment. A guard that could not read the traffic is another matter; that is stored.
   */
  for_want_of_traffic?: true
}

type Rules = Pick<GuardPolicy, 'thresholds' | 'watch'>

const GRID_MS = 1000
/** Watches that last longer than this many seconds are replayed on a coarser grid; errors are judged as they came all the same. */
const GRID_TICKS_MAX = 7200
/** Up to this many errors are judged one by one; of more, the last of every 50 ms, which is all a live guard sees. */
const ARRIVALS_MAX = 10_000
const COALESCE_MS = 50
/** A sample is kept once a minute, and whenever a state changes: until the next is due it holds. */
const SAMPLE_HOLDS_MS = 75_000
/** A second in which nothing changed is passed over, but not for longer than this. */
const IDLE_MAX_MS = 10_000
/** A window that cannot be closed at its end (blind, or a breach that must still hold) may take this much longer. */
const MARGIN_MS = 60_000

/**
 * Guards a stored life again under a policy, through the same code: the window, then the standby, each tick at a second, at
 * an error, at a sample and at the end. Mode and brake have no say: this is what the rules call for.
 */
export function replay(life: StoredLife, policy: Rules): Replay {
  const { thresholds, watch } = policy
  const { deployed_at } = life
  const plan = { deployed_at, thresholds, watch, baseline_breached: life.baseline_breached ?? [], clean_window: false }
  let phase: WatchPhase = 'window'
  let state = startWatch({ ...plan, phase })
  let last: Replay | null = null
  let wanting = false
  const ticks = ticksOf(life, policy)
  for (const tick of timeMatters(life, policy) ? ticks : withoutIdle(ticks, life, policy)) {
    const { verdict, state: next, sample_verdict: judged } = fold(state, tick)
    state = next
    // A breach may have to last: what it rested on at its beginning counts as well.
    wanting = judged.state === 'breach' && (wanting || wantsTraffic(policy, tick.sample, judged))
    if (verdict === null) continue
    const signals = verdict.kind === 'breach' ? verdict.signals.map(({ signal }) => signal) : []
    const { kind, at, reason } = verdict
    const seen: Replay = {
      rolls_back: kind === 'breach',
      verdict: kind,
      phase,
      at,
      reason,
      signals,
      ...(kind === 'breach' && wanting ? { for_want_of_traffic: true } : {}),
    }
    // That standing by has ended, or that the next deployment came in the meantime, takes nothing from the window's verdict.
    if (phase === 'standby') return kind === 'breach' ? seen : (last ?? seen)
    if (kind === 'breach') return seen
    last = seen
    phase = 'standby'
    state = startWatch({ ...plan, phase, clean_window: kind === 'healthy' })
  }
  if (last !== null) return last
  const at = lastMoment(life, policy)
  return {
    rolls_back: false,
    verdict: 'unended',
    phase,
    at,
    reason: 'What is stored ends before any verdict',
    signals: [],
  }
}

/** Whether the rules that ask for traffic could have kept this breach from acting, had any traffic been stored. */
function wantsTraffic({ thresholds }: Rules, sample: HealthSample, { signals }: SampleVerdict): boolean {
  if (measured(thresholds.min_requests) === null && measured(thresholds.error_percent) === null) return false
  if (typeof sample.requests_per_minute === 'number' || listedUnavailable(sample).includes('requests_per_minute'))
    return false
  return signals.every(({ signal, state }) => state !== 'breach' || ERROR_SIGNALS.includes(signal))
}

/**
 * Whether errors that a guard counted are not stored any more: a kept sample has more of them than can be counted again.
 * Sample times are cut to the millisecond, so the recount reaches a millisecond further.
 */
export function lacksErrors({ deployed_at: start, replaced_at: replaced, errors, samples }: StoredLife): boolean {
  const sorted = [...errors].sort(ascending)
  return samples.some(({ timestamp, recent_errors: counted }) => {
    const at = Date.parse(timestamp)
    const from = Math.max(start, at - RECENT_ERRORS_WINDOW_SECONDS * 1000 - 1)
    const until = replaced === null ? at + 1 : Math.min(at + 1, replaced)
    return (measured(counted) ?? 0) > countBefore(sorted, until) - countBefore(sorted, from)
  })
}

/** How many of `sorted` lie before a moment. */
function countBefore(sorted: readonly number[], moment: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < moment) low = middle + 1
    else high = middle
  }
  return low
}

/** Whether time alone can make a verdict, or evidence of one, of what is the same as a second ago. */
function timeMatters({ baseline_breached: baseline }: StoredLife, { thresholds, watch }: Rules): boolean {
  const patient = forSeconds(thresholds) > 0 || secondsOf(watch, 'warm_up_seconds') > 0
  return patient || isSequential(thresholds) || (baseline ?? []).length > 0
}

/**
 * Passes over seconds that are like those before: the same reading gets the same answer. Kept are the last one before
 * anything changes, since blindness is counted from there, and those that end a phase.
 */
function* withoutIdle(
  ticks: Iterable<WatchTick>,
  life: StoredLife,
  { thresholds, watch }: Rules,
): Generator<WatchTick> {
  const ends = (['window_seconds', 'auto_rollback_within_seconds'] as const).map(
    (name) => life.deployed_at + secondsOf(watch, name) * 1000,
  )
  const idleMaxMs = Math.min(IDLE_MAX_MS, rateWindowSeconds(thresholds) * 1000)
  let kept: WatchTick | null = null
  let passed: WatchTick | null = null
  for (const tick of ticks) {
    const before = passed ?? kept
    const atEnd = tick.superseded || ends.some((end) => tick.at >= end && (before === null || before.at < end))
    if (kept !== null && before !== null && !atEnd && tick.at - kept.at < idleMaxMs && isLike(before, tick)) {
      passed = tick
      continue
    }
    if (passed !== null) yield passed
    passed = null
    kept = tick
    yield tick
  }
  if (passed !== null) yield passed
}

/** Whether a guard that sees both would see the same. */
function isLike(a: WatchTick, b: WatchTick): boolean {
  if (listedUnavailable(a.sample).length > 0 || listedUnavailable(b.sample).length > 0) return false
  return (
    a.errors_since_deployed === b.errors_since_deployed && JUDGED.every((name) => a.sample[name] === b.sample[name])
  )
}

const JUDGED = [
  'error_rate_per_minute',
  'recent_errors',
  'database_connections',
  'max_database_connections',
  'p95_response_ms',
  'memory_percent',
  'requests_per_minute',
] as const satisfies readonly (keyof HealthSample)[]

function* ticksOf(life: StoredLife, { thresholds, watch }: Rules): Generator<WatchTick> {
  const { deployed_at: start, replaced_at: replaced } = life
  const end = lastMoment(life, { thresholds, watch })
  const errors = life.errors.filter((at) => at >= start && at <= end).sort(ascending)
  const samples = life.samples
    .map((sample) => ({ at: Date.parse(sample.timestamp), sample }))
    .filter(({ at }) => at <= end)
    .sort((a, b) => a.at - b.at)
  const rateSeconds = rateWindowSeconds(thresholds)
  const windowEnd = start + secondsOf(watch, 'window_seconds') * 1000
  const inRate = trailing(errors, rateSeconds * 1000)
  const inRecent = trailing(errors, RECENT_ERRORS_WINDOW_SECONDS * 1000)
  let [seen, inWindow, sampled] = [0, 0, 0]
  for (const at of moments(start, end, errors, samples)) {
    while (seen < errors.length && errors[seen]! <= at) {
      if (errors[seen]! <= windowEnd) inWindow += 1
      seen += 1
    }
    while (sampled < samples.length && samples[sampled]!.at <= at) sampled += 1
    const kept = samples[sampled - 1]
    const known = kept !== undefined && at - kept.at <= SAMPLE_HOLDS_MS ? kept.sample : NOTHING_KEPT
    yield {
      at,
      sample: {
        ...known,
        timestamp: new Date(at).toISOString(),
        error_rate_per_minute: (inRate(at) * 60) / rateSeconds,
        recent_errors: inRecent(at),
      },
      errors_in_window: inWindow,
      errors_since_deployed: seen,
      superseded: replaced !== null && at >= replaced,
      rollback_open: false,
    }
  }
}

const NOTHING_KEPT: HealthSample = {
  timestamp: '',
  error_rate_per_minute: null,
  recent_errors: null,
  database_connections: null,
  max_database_connections: null,
  active_queries: null,
  p95_response_ms: null,
  memory_percent: null,
  requests_per_minute: null,
  unavailable: [],
}

/** Where the replay ends at the latest, in milliseconds. */
function lastMoment(life: StoredLife, { thresholds, watch }: Rules): number {
  const longest = Math.max(secondsOf(watch, 'window_seconds'), secondsOf(watch, 'auto_rollback_within_seconds'))
  const ends = [life.deployed_at + (longest + forSeconds(thresholds)) * 1000 + MARGIN_MS, MOMENT_MAX]
  if (life.replaced_at !== null) ends.push(life.replaced_at)
  if (typeof life.observed_until === 'number') ends.push(life.observed_until)
  return Math.max(life.deployed_at, Math.min(...ends))
}

/** When to look: every second, at every error and sample, and at the end; in order, each moment once. */
function moments(start: number, end: number, errors: readonly number[], samples: readonly { at: number }[]): number[] {
  const step = Math.max(GRID_MS, (end - start) / GRID_TICKS_MAX)
  const grid = Array.from(
    { length: Math.floor((end - start) / step) },
    (_, index) => start + Math.round((index + 1) * step),
  )
  const sampledAt = samples.map(({ at }) => at).filter((at) => at > start)
  return [...new Set([...grid, ...arrivalsOf(errors), ...sampledAt, end])].sort(ascending)
}

function arrivalsOf(errors: readonly number[]): readonly number[] {
  if (errors.length <= ARRIVALS_MAX) return errors
  const bucket = (at: number) => Math.floor(at / COALESCE_MS)
  return errors.filter((at, index) => index === errors.length - 1 || bucket(errors[index + 1]!) !== bucket(at))
}

/** Counts in (at − length, at], for moments in order. */
function trailing(errors: readonly number[], lengthMs: number): (at: number) => number {
  let [first, next] = [0, 0]
  return (at) => {
    while (next < errors.length && errors[next]! <= at) next += 1
    while (first < next && errors[first]! <= at - lengthMs) first += 1
    return next - first
  }
}

function ascending(a: number, b: number): number {
  return a - b
}
