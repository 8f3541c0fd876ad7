import { clampToUnit } from './numbers.ts'
import { type HealthSample, readSample } from './sample.ts'

/** From here on a system is unstable; one error a minute is exactly this. */
export const UNSTABLE_ENTROPY = 0.1

/** Entropy of each acting signal, in [0, 1]; null where it cannot be read. */
export const errorRateEntropy = (perMinute: number) => clampToUnit(perMinute / 10)
export const recentErrorsEntropy = (count: number) => clampToUnit(count / 100)
/** (utilisation − 0.8) / 0.2, rearranged so that whole numbers stay exact: 82 of 100 is 0.1, not a hair below. */
export const connectionEntropy = ({ used, max }: { used: number; max: number }) =>
  clampToUnit((5 * used - 4 * max) / max)

/**
 * How disordered the system is, in [0, 1]: the largest of `error_rate/10`, `recent_errors/100` and
 * `(connection utilisation − 0.8)/0.2`, each clamped.
 *
 * Null when errors cannot be read and what can be read looks calm. Where something readable already shows instability,
 * that is the answer: what is hidden could only add to it.
 */
export function entropyOf(sample: HealthSample): number | null {
  const { errorRate, recentErrors, connections } = readSample(sample)
  const parts = [errorRateEntropy(errorRate ?? 0), recentErrorsEntropy(recentErrors ?? 0)]
  if (connections !== null) parts.push(connectionEntropy(connections))
  const largest = Math.max(0, ...parts)
  const errorsRead = errorRate !== null && recentErrors !== null
  return errorsRead || largest >= UNSTABLE_ENTROPY ? largest : null
}
