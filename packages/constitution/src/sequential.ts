import { count, finite, listOf, nullable, record } from './malformed.ts'
import { isRecord, measured } from './numbers.ts'
import { limitOf, RECENT_ERRORS_WINDOW_SECONDS, secondsOf, type Thresholds, type WatchPolicy } from './thresholds.ts'

/**
 * A sequential test of "errors come at no more than the threshold's rate", for `evidence: sequential`. It may look after
 * every error and still cries wolf in at most `false_alarm_bound` of all deployments that keep to that rate.
 *
 * Capital 1 is bet against the hypothesis. A bet on the rate being r times the threshold's λ is worth
 * r^ΔN · exp(−λ(r − 1)Δt) after ΔN errors in Δt: the likelihood ratio, whose expectation does not rise while the true rate,
 * steady or not, is at most λ. Half of the capital is bet at the start, evenly over {@link RATE_RATIOS}; the rest is laid out
 * evenly over the watch, so that a quiet start is no credit to errors that come later. The sum is a non-negative
 * supermartingale that starts at 1, and Ville's inequality bounds the chance that it ever reaches 1/α by α.
 * A watch has two phases (window and standby) that each get half of the bound.
 *
 * A. Wald, "Sequential Tests of Statistical Hypotheses", Ann. Math. Statist. 16 (1945); J. Ville, "Étude critique de la notion
 * de collectif" (1939); H. Robbins, "Statistical Methods Related to the Law of the Iterated Logarithm", Ann. Math. Statist.
 * 41 (1970), for mixtures; J. Shin, A. Ramdas, A. Rinaldo, "E-detectors", NEJSDS 2 (2024), for bets that start later.
 */
export type SequentialState = {
  /** Up to when and to which cumulated count the bets are settled; null before the first count of a standby. */
  settled: { at: number; errors: number } | null
  /** What the bets on each of {@link RATE_RATIOS} are worth. */
  wealth: number[]
  /** Capital that is not bet yet. */
  reserve: number
}

export const SEQUENTIAL_STATE = record<SequentialState>({
  settled: nullable(record({ at: finite, errors: count })),
  wealth: listOf(count),
  reserve: count,
})

/** What the test says at one moment: proved once `value` has reached `needed`. */
export type ErrorEvidence = { value: number; needed: number; rate_per_minute: number; false_alarm_bound: number }

export const ERROR_EVIDENCE = record<ErrorEvidence>({
  value: finite,
  needed: finite,
  rate_per_minute: finite,
  false_alarm_bound: finite,
})

export const DEFAULT_FALSE_ALARM_BOUND = 0.01

/** How many times the threshold's rate the bets are on: from what takes minutes to tell to what takes an error or two. */
export const RATE_RATIOS: readonly number[] = [1.5, 2, 3, 5, 8, 16, 32, 64]

const BET_AT_START = 0.5
const PHASES = 2
/** Far beyond what any bound needs; keeps the state finite, and so JSON. A cap can only weaken evidence. */
const WEALTH_MAX = 1e200
/** Beyond this `Math.exp` is infinite, and an infinite factor of a bet that is worth nothing is no number. */
const GROWTH_MAX = 700

export function isSequential(thresholds: Thresholds): boolean {
  return isRecord(thresholds) && thresholds.evidence === 'sequential'
}

/** The bound in force; what is no probability is none. */
export function falseAlarmBound(thresholds: Thresholds): number {
  const bound = isRecord(thresholds) ? thresholds.false_alarm_bound : null
  return typeof bound === 'number' && bound > 0 && bound < 1 ? bound : DEFAULT_FALSE_ALARM_BOUND
}

/** The highest rate that both error thresholds call normal: what the test tries to refute. */
export function normalRatePerMinute(thresholds: Thresholds): number {
  const recent = limitOf(thresholds, 'recent_errors')
  return Math.min(limitOf(thresholds, 'error_rate_per_minute'), (recent * 60) / RECENT_ERRORS_WINDOW_SECONDS)
}

/** @param settled `{at: deployed_at, errors: 0}` for a window; null for a standby, whose first count is where it begins */
export function startSequential(settled: SequentialState['settled']): SequentialState {
  const wealth = RATE_RATIOS.map(() => BET_AT_START / RATE_RATIOS.length)
  return { settled, wealth, reserve: 1 - BET_AT_START }
}

/**
 * Settles the bets with one count. `errors` is cumulated since the deployment; null leaves everything as it was, and the
 * next count settles both stretches. What comes while `held` (warm-up, or a signal not yet blamed on the deployment) is no
 * evidence. A moment from the past is ignored, and a count that falls is none that rises.
 */
export function settle(
  before: SequentialState,
  at: number,
  errors: number | null,
  held: boolean,
  rules: { thresholds: Thresholds; spanSeconds: number },
): SequentialState {
  const count = measured(errors)
  const { settled } = before
  if (count === null || (settled !== null && at < settled.at)) return before
  if (settled === null || held) return { ...before, settled: { at, errors: count } }

  const minutes = (at - settled.at) / 60_000
  const arrived = Math.max(0, count - settled.errors)
  const expected = normalRatePerMinute(rules.thresholds) * minutes
  const share = rules.spanSeconds > 0 ? (minutes * 60) / rules.spanSeconds : 1
  const laidOut = Math.min(before.reserve, (1 - BET_AT_START) * share)
  const wealth = RATE_RATIOS.map((ratio, index) => {
    const growth = arrived * Math.log(ratio) - expected * (ratio - 1)
    const grown = Math.min(WEALTH_MAX, (before.wealth[index] ?? 0) * Math.exp(Math.min(GROWTH_MAX, growth)))
    return grown + laidOut / RATE_RATIOS.length
  })
  return { settled: { at, errors: count }, wealth, reserve: before.reserve - laidOut }
}

export function errorEvidence(state: SequentialState, thresholds: Thresholds): ErrorEvidence {
  const bound = falseAlarmBound(thresholds)
  return {
    value: state.wealth.reduce((sum, part) => sum + part, state.reserve),
    needed: PHASES / bound,
    rate_per_minute: normalRatePerMinute(thresholds),
    false_alarm_bound: bound,
  }
}

/** Over which the reserve is laid out: the length of a phase. */
export function phaseSeconds(phase: 'window' | 'standby', watch: WatchPolicy): number {
  const window = secondsOf(watch, 'window_seconds')
  return phase === 'window' ? window : Math.max(0, secondsOf(watch, 'auto_rollback_within_seconds') - window)
}
