import { ATTENTION, type Attention, attend, BLIND_SHARE_MAX, startAttention } from './attention.ts'
import { judgeSample, type SampleVerdict } from './health.ts'
import { count, finite, listOf, nullable, oneOf, record, text } from './malformed.ts'
import { isRecord, measured } from './numbers.ts'
import { type HealthSample, readSample } from './sample.ts'
import { KEPT_SAMPLE, type KeptSample, keptSample, shouldKeepSample } from './sampling.ts'
import { rateWindowSeconds, readRules, secondsOf, type Thresholds, type WatchPolicy } from './thresholds.ts'

/** Times in milliseconds of the database's clock; `deployed_at` is when the target went live. */
export type VerificationPlan = { deployed_at: number; thresholds: Thresholds; watch: WatchPolicy }

/** Plain JSON, like a watch's state. */
export type VerificationState = {
  plan: VerificationPlan
  /** Where the present clean stretch began. */
  stretch_from: number
  /** How well this stretch could be seen. */
  attention: Attention
  /** The count of errors whenever it changed, so that the two halves of a stretch can be compared. */
  counts: { at: number; errors: number }[]
  /** State of the last sample that could be read after the drain. */
  last_seen: 'breach' | 'calm' | null
  kept: KeptSample | null
  verdict: VerificationVerdict | null
}

export type VerificationTick = {
  /** Milliseconds of the database's clock. */
  at: number
  sample: HealthSample
  /** The target's own errors since its `deployed_at`, cumulated; null where unreadable. */
  errors_total: number | null
  superseded: boolean
}

/** `unhealthy`: the rollback did not help. `unverified`: it could not be told. */
export type VerificationVerdict = {
  kind: 'verified' | 'unhealthy' | 'unverified' | 'superseded'
  at: number
  reason: string
  sample: HealthSample
}

export type VerificationObservation = {
  state: VerificationState
  verdict: VerificationVerdict | null
  sample_verdict: SampleVerdict
  keep_sample: boolean
  announce_blind: boolean
}

export function startVerification(given: VerificationPlan): VerificationState {
  const plan = readPlan(given)
  const from = drained(plan)
  const attention = startAttention(from)
  return { plan, stretch_from: from, attention, counts: [], last_seen: null, kept: null, verdict: null }
}

/**
 * Folds one tick into the verification of what a rollback put live. Verified by a clean stretch of `verify_seconds`,
 * counted from `deployed_at + drain_seconds`, with no breach, seen for at least four fifths, and with no more errors in
 * its second half than in its first. A breach starts the stretch again, until `verify_deadline_seconds` after the drain.
 * `for_seconds` and the warm-up have no say: proof is not given on credit. A verdict, once given, stays.
 * Total, like a watch: a tick without a moment changes nothing, and a state that cannot be read is begun again.
 */
export function observeVerification(given: VerificationState, givenTick: VerificationTick): VerificationObservation {
  const before = readState(given)
  const tick = readTick(givenTick)
  const { plan } = before
  const judged = judgeSample(tick.sample, plan.thresholds)
  if (before.verdict || Number.isNaN(tick.at)) {
    const verdict = before.verdict
    return { state: before, verdict, sample_verdict: judged, keep_sample: false, announce_blind: false }
  }
  const keep = shouldKeepSample(before.kept, judged, tick.at)
  const kept = keep ? keptSample(judged, tick.at) : before.kept
  const { state, announce } = advance({ ...before, kept }, tick, judged)
  const verdict = conclude(state, tick, judged)
  const ended = { ...state, verdict }
  return { state: ended, verdict, sample_verdict: judged, keep_sample: keep, announce_blind: announce }
}

function advance(before: VerificationState, tick: VerificationTick, judged: SampleVerdict) {
  const { plan } = before
  const { at } = tick
  const counted = { ...before, counts: countErrors(before.counts, tick) }
  if (at < before.stretch_from) return { state: counted, announce: false }

  const blind = readSample(tick.sample).blindTo.length > 0
  const windowMs = rateWindowSeconds(plan.thresholds) * 1000
  const { attention, announce } = attend(before.attention, at, blind, windowMs)
  if (judged.state === 'breach') {
    const restarted: Attention = { ...attention, blind_ms: 0 }
    const counts = counted.counts.slice(-1)
    const state = { ...counted, counts, attention: restarted, stretch_from: at, last_seen: 'breach' as const }
    return { state, announce }
  }
  const last_seen = blind ? before.last_seen : ('calm' as const)
  return { state: { ...counted, attention, last_seen }, announce }
}

function conclude(state: VerificationState, tick: VerificationTick, judged: SampleVerdict): VerificationVerdict | null {
  const { plan } = state
  const { at, sample } = tick
  if (tick.superseded) return { kind: 'superseded', at, sample, reason: 'A newer deployment is live' }
  const missing = unproved(state, tick)
  if (missing === null) {
    const reason = `No breach for ${secondsOf(plan.watch, 'verify_seconds')} seconds, and errors did not rise`
    return { kind: 'verified', at, sample, reason }
  }
  const deadlineSeconds = secondsOf(plan.watch, 'verify_deadline_seconds')
  if (at < drained(plan) + deadlineSeconds * 1000) return null
  if (state.last_seen === 'breach') {
    const reason = judged.state === 'breach' ? judged.reason : 'The last health that could be read was in breach'
    return { kind: 'unhealthy', at, sample, reason }
  }
  return { kind: 'unverified', at, sample, reason: `${deadlineSeconds} seconds passed: ${missing}` }
}

/** What a clean stretch still lacks, in words; null where it is complete. */
function unproved(state: VerificationState, tick: VerificationTick): string | null {
  const { plan, stretch_from: from, attention } = state
  const length = tick.at - from
  const needed = secondsOf(plan.watch, 'verify_seconds')
  if (length < needed * 1000)
    return `the stretch without a breach is ${Math.max(0, Math.round(length / 1000))} seconds long`
  const blind = readSample(tick.sample).blindTo
  if (blind.length > 0) return `health cannot be read: ${blind.join(', ')}`
  if (attention.blind_ms > length * BLIND_SHARE_MAX) {
    return `health could not be read for ${Math.round(attention.blind_ms / 1000)} seconds of it`
  }
  if (tick.errors_total === null) return 'errors cannot be counted'
  const start = errorsAt(state.counts, from)
  const middle = errorsAt(state.counts, from + length / 2)
  const [first, second] = [middle - start, errorsAt(state.counts, tick.at) - middle]
  return second > first ? `errors rise: ${second} in the second half of the stretch after ${first} in the first` : null
}

function countErrors(counts: VerificationState['counts'], { at, errors_total: errors }: VerificationTick) {
  const last = counts.at(-1)
  if (errors === null || (last && (at < last.at || errors === last.errors))) return counts
  return [...counts, { at, errors }]
}

/** The count at a moment. Before the first count it is that first one: what was not seen cannot flatter the first half. */
function errorsAt(counts: VerificationState['counts'], at: number): number {
  return (counts.findLast((count) => count.at <= at) ?? counts[0]!).errors
}

function drained({ deployed_at: deployedAt, watch }: VerificationPlan): number {
  return deployedAt + secondsOf(watch, 'drain_seconds') * 1000
}

const PLAN = record<VerificationPlan>({ deployed_at: finite, thresholds: record({}), watch: record({}) })

const STATE = record<VerificationState>({
  plan: PLAN,
  stretch_from: finite,
  attention: ATTENTION,
  counts: listOf(record({ at: finite, errors: count })),
  last_seen: nullable(oneOf(['breach', 'calm'])),
  kept: nullable(KEPT_SAMPLE),
  verdict: nullable(
    record<Pick<VerificationVerdict, 'kind' | 'at' | 'reason'>>({ kind: text, at: finite, reason: text }),
  ),
})

/** What is no plan is one by the defaults, for a target so long live that the deadline has passed with nothing proved. */
function readPlan(given: unknown): VerificationPlan {
  if (PLAN(given, 'plan') === null) return given as VerificationPlan
  const plan = isRecord(given) ? given : {}
  return {
    deployed_at: Number.isFinite(plan.deployed_at) ? Number(plan.deployed_at) : 0,
    ...readRules(plan),
  }
}

function readState(given: unknown): VerificationState {
  if (STATE(given, 'state') === null) return given as VerificationState
  return startVerification((isRecord(given) ? given.plan : null) as VerificationPlan)
}

function readTick(given: unknown): VerificationTick {
  const tick = isRecord(given) ? given : {}
  return {
    at: Number.isFinite(tick.at) ? Number(tick.at) : Number.NaN,
    sample: tick.sample as HealthSample,
    errors_total: measured(tick.errors_total),
    superseded: tick.superseded === true,
  }
}
