import { ATTENTION } from './attention.ts'
import { ACTING_SIGNALS } from './health.ts'
import { finite, flag, listOf, nullable, oneOf, optional, record, text } from './malformed.ts'
import { isRecord, measured } from './numbers.ts'
import type { HealthSample } from './sample.ts'
import { KEPT_SAMPLE } from './sampling.ts'
import { SEQUENTIAL_STATE } from './sequential.ts'
import { SUPPRESSION } from './suppression.ts'
import { readRules } from './thresholds.ts'
import type { WatchPlan, WatchState, WatchTick, WatchVerdict } from './watch.ts'

/* What a watch is given, read defensively: it rides on heartbeats, and may have been written by another version. */

/** A policy is read defensively, number by number. */
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
