import { STANDBY_RECENT_ERRORS } from './health.ts'
import { listOf, record, share } from './malformed.ts'
import { simulateNoise } from './noise-simulation.ts'
import { isRecord, measured } from './numbers.ts'
import { chanceOfCluster } from './scan-statistic.ts'
import { falseAlarmBound, isSequential, normalRatePerMinute } from './sequential.ts'
import {
  forSeconds,
  limitOf,
  RECENT_ERRORS_WINDOW_SECONDS,
  rateWindowSeconds,
  readRules,
  secondsOf,
  type Thresholds,
  type WatchPolicy,
} from './thresholds.ts'

/** A steady state that nobody would call a fault. */
export type Steady = { errors_per_minute: number; requests_per_minute?: number | null | undefined }

/** How often one error rule would roll back a deployment that changed nothing, at a steady Poisson rate of errors. */
export type SignalNoise = {
  signal: 'error_rate_per_minute' | 'recent_errors'
  /** The rule as a count: this many errors within so many seconds are a breach. */
  count: number
  seconds: number
  /** Within the watch window alone. */
  chance_in_window: number
  /** Until `auto_rollback_within_seconds`, where it still acts by itself; at most this. */
  chance_per_deployment: number
  /**
   * `formula`: Naus; `simulation` (of the chance per deployment at least): up to 4,000 runs, standard error 0.008 at the usual rates; `bound`: what the sequential
   * test promises.
   */
  by: 'formula' | 'simulation' | 'bound'
}

/** The chance that any error rule rolls back a deployment that changed nothing lies between these. */
export type FalseRollbackChance = { at_least: number; at_most: number }

/**
 * The noise of the two error rules. Rates are steady and errors independent: bursts, which real errors come in, make it
 * worse. `min_requests` and `error_percent` count where the steady traffic is given, as they do in judging.
 *
 * Where a breach must last, it is simulated as often as is accurate, or `runsMax` times where a hint is enough. Among very many
 * errors the counts hardly vary, and whether a breach must last makes no difference: there the formula stands.
 *
 * After the window the error rate acts only with more than 25 recent errors. No formula is known for both at once; the chance
 * is at most that of either, and where that leaves more than {@link OPEN_MAX} open, it is simulated.
 * Window and standby are joined by the Harris inequality (see {@link falseRollbackChance}).
 */
export function thresholdNoise(
  givenThresholds: Thresholds,
  givenWatch: WatchPolicy,
  givenSteady: Steady,
  runsMax?: number,
): SignalNoise[] {
  const { thresholds, watch } = readRules({ thresholds: givenThresholds, watch: givenWatch })
  const steady = readSteady(givenSteady)
  const rules = errorRules(thresholds, steady)
  if (isSequential(thresholds)) return sequentialNoise(thresholds, rules, steady)
  const [window, within] = [secondsOf(watch, 'window_seconds'), secondsOf(watch, 'auto_rollback_within_seconds')]
  const expected = (steady.errors_per_minute * Math.max(window, within)) / 60
  const seconds = forSeconds(thresholds)
  const canSimulate = steady.errors_per_minute <= SIMULATED_RATE_MAX && expected <= SIMULATED_ARRIVALS_MAX
  const simulate = (tried: ErrorRule[]) =>
    simulateNoise({
      rules: tried,
      forSeconds: seconds,
      watch,
      ratePerMinute: steady.errors_per_minute,
      runsMax: measured(runsMax) || undefined,
    })
  if (seconds > 0 && canSimulate) {
    const simulated = simulate(rules)
    return rules.map((rule, index) => ({ ...rule, ...simulated[index]!, by: 'simulation' }))
  }
  const ratePerMinute = steady.errors_per_minute
  const chance = ({ count, seconds }: { count: number; seconds: number }, from: number, to: number) => {
    // A window that ends at `from` reaches back to before it, but not to before the deployment.
    const spanSeconds = to - Math.max(0, from - seconds)
    return to <= from ? 0 : chanceOfCluster({ count, windowSeconds: seconds, spanSeconds, ratePerMinute })
  }
  const backing = { count: STANDBY_RECENT_ERRORS + 1, seconds: RECENT_ERRORS_WINDOW_SECONDS }
  const warmUp = secondsOf(watch, 'warm_up_seconds')
  return rules.map((rule) => {
    const inWindow = chance(rule, warmUp, window)
    const alone = rule.signal === 'error_rate_per_minute'
    const from = Math.max(window, warmUp)
    const later = Math.min(chance(rule, from, within), alone ? chance(backing, from, within) : 1)
    const inAll = either(inWindow, later)
    if (!alone || expected > JOINT_ARRIVALS_MAX || inAll - inWindow <= OPEN_MAX)
      return { ...rule, chance_in_window: inWindow, chance_per_deployment: inAll, by: 'formula' }
    const tried = simulate([rule])[0]!.chance_per_deployment
    // What is simulated is no more than what is known, and no less.
    const both = Math.min(inAll, Math.max(inWindow, tried))
    return { ...rule, chance_in_window: inWindow, chance_per_deployment: both, by: 'simulation' }
  })
}

/**
 * The rules together. At least the likelier one; at most as if they were independent: more errors can only help either
 * rule, such events are positively associated in a Poisson process (the Harris–FKG inequality; G. Last, M. Penrose,
 * "Lectures on the Poisson Process", Cambridge 2017, theorem 20.4), and so is their absence.
 */
export function falseRollbackChance(noise: readonly SignalNoise[]): FalseRollbackChance {
  const chances = NOISE(noise, 'noise') === null ? noise.map((rule) => rule.chance_per_deployment) : null
  // Of what cannot be read nothing is known.
  if (chances === null) return { at_least: 0, at_most: 1 }
  return { at_least: Math.max(0, ...chances), at_most: chances.reduce(either, 0) }
}

const NOISE = listOf(record({ chance_per_deployment: share }))

/** A chance that is not known better than this is worth trying out. */
const OPEN_MAX = 0.01
/** Of more errors in a whole watch there are all but always enough recent ones: that either holds is that both do. */
const JOINT_ARRIVALS_MAX = 2000

/** Errors a minute, and in a whole watch; beyond them a simulation takes long and tells nothing new. */
const SIMULATED_RATE_MAX = 1000
const SIMULATED_ARRIVALS_MAX = 100_000

/** What is no rate is none. */
export function readSteady(given: unknown): Steady {
  const steady = isRecord(given) ? given : {}
  return {
    errors_per_minute: measured(steady.errors_per_minute) ?? 0,
    requests_per_minute: measured(steady.requests_per_minute),
  }
}

type ErrorRule = Pick<SignalNoise, 'signal' | 'count' | 'seconds'>

/** The least count that is strictly above a threshold, computed as the samples are, so that both agree on the boundary. */
function errorRules(thresholds: Thresholds, steady: Steady): ErrorRule[] {
  const seconds = rateWindowSeconds(thresholds)
  const requests = steady.requests_per_minute ?? null
  const tooFew = requests !== null && requests < (measured(thresholds.min_requests) ?? 0)
  const perMinute = tooFew
    ? Number.POSITIVE_INFINITY
    : ((measured(thresholds.error_percent) ?? 0) * (requests ?? 0)) / 100
  const rateCount = countAbove(Math.max(limitOf(thresholds, 'error_rate_per_minute'), perMinute), 60, seconds)
  const recentCount = Math.max(countAbove(limitOf(thresholds, 'recent_errors')), countAbove(perMinute, 1, 5))
  return [
    { signal: 'error_rate_per_minute', count: rateCount, seconds },
    { signal: 'recent_errors', count: recentCount, seconds: RECENT_ERRORS_WINDOW_SECONDS },
  ]
}

/** Each error is worth `times / over` of what the threshold is in. */
function countAbove(threshold: number, times = 1, over = 1): number {
  // Rounded, since the quotient may lie a hair to either side of a whole number.
  const near = Math.round((threshold * over) / times)
  return (near * times) / over > threshold ? near : near + 1
}

function sequentialNoise(thresholds: Thresholds, rules: ErrorRule[], steady: Steady): SignalNoise[] {
  const normal = steady.errors_per_minute <= normalRatePerMinute(thresholds)
  const bound = normal ? falseAlarmBound(thresholds) : 1
  return rules.map((rule) => {
    const chance = rule.signal === 'error_rate_per_minute' ? bound : 0
    // Window and standby have half of the bound each.
    const inWindow = normal ? chance / 2 : chance
    return { ...rule, chance_in_window: inWindow, chance_per_deployment: chance, by: 'bound' }
  })
}

function either(a: number, b: number): number {
  return 1 - (1 - a) * (1 - b)
}
