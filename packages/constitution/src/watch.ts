import { attend, BLIND_SHARE_MAX, startAttention } from './attention.ts'
import { ERROR_SIGNALS, judgeSample, type SampleVerdict, type SignalName, SYSTEM_HEALTHY } from './health.ts'
import { measured } from './numbers.ts'
import { readSample } from './sample.ts'
import { keptSample, shouldKeepSample } from './sampling.ts'
import {
  errorEvidence,
  isSequential,
  phaseSeconds,
  type SequentialState,
  settle,
  startSequential,
} from './sequential.ts'
import { fillsFullWindow, startSuppression, stillSuppressed, updateSuppression } from './suppression.ts'
import { forSeconds, rateWindowSeconds, secondsOf } from './thresholds.ts'
import {
  isWatchState,
  planIn,
  readPlan,
  readTick,
  type WatchPlan,
  type WatchState,
  type WatchTick,
  type WatchVerdict,
} from './watch-state.ts'

/** What people are to be told, each once in a watch. */
export type WatchEffect =
  | { kind: 'announce_blind'; since: number; unavailable: string[] }
  | { kind: 'announce_breached_before'; signals: SignalName[] }

export type Observation = {
  state: WatchState
  /** Null while the watch goes on. */
  verdict: WatchVerdict | null
  /** The judgement of this tick's sample alone. */
  sample_verdict: SampleVerdict
  keep_sample: boolean
  effects: WatchEffect[]
}

/**
 * Whether a watch goes by the count of its errors at this moment: to prove a window clean, or all along where evidence is
 * sequential. Counting them costs more than all else that a tick reads.
 */
export function countsErrors(given: WatchPlan, at: number): boolean {
  const plan = readPlan(given)
  return isSequential(plan.thresholds) || (plan.phase === 'window' && (measured(at) ?? 0) >= windowEnd(plan))
}

export function startWatch(given: WatchPlan): WatchState {
  const plan = readPlan(given)
  const from = plan.phase === 'window' ? plan.deployed_at : windowEnd(plan)
  const over = plan.clean_window && fillsFullWindow(secondsOf(plan.watch, 'window_seconds'), plan.thresholds)
  const suppression = startSuppression(plan.phase === 'standby' && over ? [] : plan.baseline_breached)
  const attention = startAttention(from)
  const settled = plan.phase === 'window' ? { at: plan.deployed_at, errors: 0 } : null
  const sequential = isSequential(plan.thresholds) ? { sequential: startSequential(settled) } : {}
  return { plan, attention, suppression, breaching_since: null, kept: null, ...sequential, verdict: null }
}

/**
 * Folds one tick into a watch. Pure: the same state and tick always give the same answer. Monotone: after a verdict every
 * later tick gives that verdict again, so a breach once seen is never taken back.
 * Total: a tick without a moment changes nothing, and a state that cannot be read is begun again from its plan.
 */
export function observe(before: WatchState, tick: WatchTick): Observation {
  return fold(isWatchState(before) ? before : startWatch(planIn(before)), readTick(tick))
}

/** `observe` of what was made here, and need not be read again. */
export function fold(before: WatchState, tick: WatchTick): Observation {
  const { plan } = before
  const afterWindow = plan.phase === 'standby' || tick.at > windowEnd(plan)
  const suppressed = stillSuppressed(before.suppression)
  const sequential = before.sequential && settleTick(before.sequential, plan, suppressed, tick)
  const judged = judgeSample(tick.sample, plan.thresholds, {
    suppressed,
    after_window: afterWindow,
    error_evidence: sequential && errorEvidence(sequential, plan.thresholds),
  })
  if (before.verdict || Number.isNaN(tick.at)) {
    return { state: before, verdict: before.verdict, sample_verdict: judged, keep_sample: false, effects: [] }
  }

  const blindTo = readSample(tick.sample).blindTo
  const seen = attend(before.attention, tick.at, blindTo.length > 0, rateWindowSeconds(plan.thresholds) * 1000)
  const baseline = updateSuppression(before.suppression, judged.signals, tick.at, plan)
  const keep = shouldKeepSample(before.kept, judged, tick.at)
  const state: WatchState = {
    ...before,
    attention: seen.attention,
    suppression: baseline.suppression,
    breaching_since: breachingSince(before, judged, tick.at),
    kept: keep ? keptSample(judged, tick.at) : before.kept,
    ...(sequential ? { sequential } : {}),
  }
  const verdict = conclude(state, tick, judged)
  const effects: WatchEffect[] = []
  if (seen.announce) {
    effects.push({ kind: 'announce_blind', since: seen.attention.last_sighted_at, unavailable: blindTo })
  }
  if (baseline.announce.length > 0) effects.push({ kind: 'announce_breached_before', signals: baseline.announce })
  return { state: { ...state, verdict }, verdict, sample_verdict: judged, keep_sample: keep, effects }
}

function settleTick(
  before: SequentialState,
  plan: WatchPlan,
  suppressed: readonly SignalName[],
  tick: WatchTick,
): SequentialState {
  const errors = tick.errors_since_deployed === undefined ? tick.errors_in_window : tick.errors_since_deployed
  const held = tick.at < warmUpEnd(plan) || ERROR_SIGNALS.some((signal) => suppressed.includes(signal))
  const spanSeconds = phaseSeconds(plan.phase, plan.watch)
  return settle(before, tick.at, errors, held, { thresholds: plan.thresholds, spanSeconds })
}

/** A breach goes on until a sample that was read shows none; a blind moment neither confirms nor ends it. */
function breachingSince(
  { plan, breaching_since: since }: WatchState,
  judged: SampleVerdict,
  at: number,
): number | null {
  if (judged.state === 'breach') return at < warmUpEnd(plan) ? null : (since ?? at)
  return judged.state === 'unknown' ? since : null
}

function conclude(state: WatchState, tick: WatchTick, judged: SampleVerdict): WatchVerdict | null {
  const { plan, breaching_since: since } = state
  const { at, sample } = tick
  if (tick.superseded) return { kind: 'superseded', at, sample, reason: 'A newer deployment is live' }
  if (judged.state === 'breach' && since !== null && at - since >= forSeconds(plan.thresholds) * 1000) {
    const signals = judged.signals.filter((finding) => finding.state === 'breach')
    return { kind: 'breach', at, sample, reason: judged.reason, since, signals }
  }
  return plan.phase === 'window' ? concludeWindow(state, tick) : concludeStandby(state, tick)
}

function concludeStandby({ plan }: WatchState, { at, sample }: WatchTick): WatchVerdict | null {
  if (at < standbyEnd(plan)) return null
  const seconds = secondsOf(plan.watch, 'auto_rollback_within_seconds')
  return { kind: 'ended', at, sample, reason: `No breach within ${seconds} seconds after the deployment` }
}

/** After the window's end: healthy only from a tick that sees, with nothing pending, and never during a rollback. */
function concludeWindow(state: WatchState, tick: WatchTick): WatchVerdict | null {
  const { plan, attention } = state
  const { at, sample } = tick
  if (at < windowEnd(plan)) return null
  const windowSeconds = secondsOf(plan.watch, 'window_seconds')
  const inconclusive = (why: Extract<WatchVerdict, { kind: 'inconclusive' }>['why'], reason: string): WatchVerdict => {
    return { kind: 'inconclusive', at, sample, why, reason }
  }
  if (tick.rollback_open) {
    const givenUp = at >= Math.max(windowEnd(plan), standbyEnd(plan))
    return givenUp
      ? inconclusive('rollback_open', 'A rollback of this deployment was open until the watch ended')
      : null
  }
  if (attention.blind_ms > windowSeconds * 1000 * BLIND_SHARE_MAX) {
    const seconds = Math.round(attention.blind_ms / 1000)
    return inconclusive('blind', `Health could not be read for ${seconds} of ${windowSeconds} seconds`)
  }
  const blind = readSample(sample).blindTo.length > 0
  if (blind || tick.errors_in_window === null || state.breaching_since !== null) return null
  const bound = cleanWindowErrors(windowSeconds)
  if (tick.errors_in_window >= bound) {
    const reason = `${tick.errors_in_window} errors in ${windowSeconds} seconds: a clean window has fewer than ${bound}`
    return inconclusive('errors', reason)
  }
  if (state.suppression.exceeded.length > 0) {
    const names = state.suppression.exceeded.join(', ')
    return inconclusive('breached_before', `${names} was in breach before this deployment and still after it`)
  }
  return { kind: 'healthy', at, sample, reason: SYSTEM_HEALTHY }
}

/** A clean window has fewer errors than this: under one a minute, over at least five minutes' worth. */
function cleanWindowErrors(windowSeconds: number): number {
  return Math.max(5, windowSeconds / 60)
}

function warmUpEnd({ deployed_at: deployedAt, watch }: WatchPlan): number {
  return deployedAt + secondsOf(watch, 'warm_up_seconds') * 1000
}

function windowEnd({ deployed_at: deployedAt, watch }: WatchPlan): number {
  return deployedAt + secondsOf(watch, 'window_seconds') * 1000
}

function standbyEnd({ deployed_at: deployedAt, watch }: WatchPlan): number {
  return deployedAt + secondsOf(watch, 'auto_rollback_within_seconds') * 1000
}
