import type { Servers } from './servers.ts'

/** What a benchmark says, as one JSON line. Delays in milliseconds; `ratio` is between two things of the same run. */
interface Result {
  aim: string
  met: boolean
  /** How often the thing was measured. */
  runs: number
  [measure: string]: unknown
}

export type Benchmark = (servers: Servers, say: (text: string) => void) => Promise<Result>

/** The smallest value that at least `percent` of all are not above (nearest rank). */
export const percentile = (values: readonly number[], percent: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!
}

export const median = (values: readonly number[]): number => percentile(values, 50)

export const round = (value: number, digits = 1): number => Number(value.toFixed(digits))
