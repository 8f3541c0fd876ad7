import { ATTENTION, type Attention } from './attention.ts'
import { ACTING_SIGNALS, type SignalFinding, type SignalName } from './health.ts'
import { finite, flag, listOf, nullable, oneOf, optional, record, text } from './malformed.ts'
import { isRecord, measured } from './numbers.ts'
import type { HealthSample } from './sample.ts'
import { KEPT_SAMPLE, type KeptSample } from './sampling.ts'
import { SEQUENTIAL_STATE, type SequentialState } from './sequential.ts'
import { SUPPRESSION, type Suppression } from './suppression.ts'
import { readRules, type Thresholds, type WatchPolicy } from './thresholds.ts'

/** `window`: until the clean window proves the deployment. `standby`: after it, while a breach may still act by itself. */
export type WatchPhase = 'window' | 'standby'

/** What a watch is started with. Times in milliseconds of the database's clock. */
export type WatchPlan = {
  phase: WatchPhase
  deployed_at: number
  thresholds: Thresholds
  watch: WatchPolicy
  /** Signals that were in breach in the five minutes before the intent. */
  baseline_breached: readonly SignalName[]
  /** For a standby: its window ended `healthy`, and so was never in breach; what was before the deployment is over. */
  clean_window: boolean
}

/** Plain JSON: it rides on an activity's heartbeat, and a retry goes on from it. */
export type WatchState = {
  plan: WatchPlan
  attention: Attention
  suppression: Suppression
  /** Since when a breach has lasted that has not yet held for `for_seconds`. */
  breaching_since: number | null
  kept: KeptSample | null
  /** Only with `evidence: sequential`. */
  sequential?: SequentialState | undefined
  /** Once given, for good. */
  verdict: WatchVerdict | null
}

export type WatchTick = {
  /** Milliseconds of the database's clock. */
  at: number
  sample: HealthSample
  /**
   * Errors from `deployed_at` to the end of the window, or to now where that is earlier; null where unreadable, or where
   * `countsErrors` did not ask for it.
   */
  errors_in_window: number | null
  /**
   * Errors from `deployed_at` to now, for `evidence: sequential`; null where unreadable. Left out, `errors_in_window` stands
   * for it, which is the same until the window's end.
   */
  errors_since_deployed?: number | null | undefined
  /** A newer deployment is live. */
  superseded: boolean
  /** A rollback of this deployment is open. */
  rollback_open: boolean
}

type Conclusion = { at: number; reason: string; sample: HealthSample }

/** What became of a phase. `standby` never ends `healthy` or `inconclusive`, `window` never `ended`. */
export type WatchVerdict =
  | ({ kind: 'healthy' } & Conclusion)
  /** `since`: when the breach was first seen; `signals`: those in breach, with what was observed. */
  | ({ kind: 'breach'; since: number; signals: SignalFinding[] } & Conclusion)
  | ({ kind: 'inconclusive'; why: 'blind' | 'errors' | 'breached_before' | 'rollback_open' } & Conclusion)
  | ({ kind: 'superseded' } & Conclusion)
  | ({ kind: 'ended' } & Conclusion)

/* What is given is read defensively: it rides on heartbeats, and may have been written by another version. */

/** A policy is read number by number, where it is asked for one. */
const PLAN = record<WatchPlan>({
  phase: oneOf(['window', 'standby']),
  deployed_at: finite,
  thresholds: record({}),
  watch: record({}),
  baseline_breached: listOf(text),
  // Left out by states on heartbeats of an earlier version.
  clean_window: optional(flag),
})

const STATE = record<WatchState>({
  plan: PLAN,
  attention: ATTENTION,
  suppression: SUPPRESSION,
  breaching_since: nullable(finite),
  kept: nullable(KEPT_SAMPLE),
  sequential: optional(SEQUENTIAL_STATE),
  verdict: nullable(record<Pick<WatchVerdict, 'kind' | 'at' | 'reason'>>({ kind: text, at: finite, reason: text })),
})

/** What is no plan is one by the defaults, for a deployment so long ago that its watch is over and has proved nothing. */
export function readPlan(given: unknown): WatchPlan {
  if (PLAN(given, 'plan') === null) return given as WatchPlan
  const plan = isRecord(given) ? given : {}
  const baseline = Array.isArray(plan.baseline_breached) ? plan.baseline_breached : []
  return {
    phase: plan.phase === 'standby' ? 'standby' : 'window',
    deployed_at: Number.isFinite(plan.deployed_at) ? Number(plan.deployed_at) : 0,
    ...readRules(plan),
    baseline_breached: ACTING_SIGNALS.filter((signal) => baseline.includes(signal)),
    clean_window: plan.clean_window === true,
  }
}

export function isWatchState(given: unknown): boolean {
  return STATE(given, 'state') === null
}

/** The plan of a state that cannot be read, as far as there is one. */
export function planIn(state: unknown): WatchPlan {
  return readPlan(isRecord(state) ? state.plan : null)
}

/** Whether a rollback is open must be known for a deployment to be called healthy. */
export function readTick(given: unknown): WatchTick {
  const tick = isRecord(given) ? given : {}
  const { errors_since_deployed: errors } = tick
  return {
    at: Number.isFinite(tick.at) ? Number(tick.at) : Number.NaN,
    sample: tick.sample as HealthSample,
    errors_in_window: measured(tick.errors_in_window),
    ...(errors === undefined ? {} : { errors_since_deployed: measured(errors) }),
    superseded: tick.superseded === true,
    rollback_open: tick.rollback_open !== false,
  }
}
