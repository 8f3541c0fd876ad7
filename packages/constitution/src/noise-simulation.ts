import { STANDBY_RECENT_ERRORS } from './health.ts'
import { RECENT_ERRORS_WINDOW_SECONDS, secondsOf, type WatchPolicy } from './thresholds.ts'

export type Simulated = { chance_in_window: number; chance_per_deployment: number }

export type NoiseSimulation = {
  rules: readonly { signal: string; count: number; seconds: number }[]
  /** A breach must hold this long. */
  forSeconds: number
  watch: WatchPolicy
  ratePerMinute: number
  /** It is tried no more often than this, nor than {@link RUNS_MAX} and {@link ARRIVALS_MAX} allow. */
  runsMax?: number | undefined
}

/** Enough for a standard error of 0.008 at most; of 0.035 for busy services, whose runs are long. */
const RUNS_MAX = 4000
const RUNS_MIN = 200
const ARRIVALS_MAX = 1_000_000

/**
 * How often each rule would roll back a deployment that changed nothing, where a breach must hold for some time: no closed
 * formula is known for that, so it is tried out on Poisson arrivals. The random numbers are always the same, and so is the
 * answer.
 */
export function simulateNoise({
  rules,
  forSeconds,
  watch,
  ratePerMinute,
  runsMax = RUNS_MAX,
}: NoiseSimulation): Simulated[] {
  const window = secondsOf(watch, 'window_seconds')
  const warmUp = secondsOf(watch, 'warm_up_seconds')
  const end = Math.max(window, secondsOf(watch, 'auto_rollback_within_seconds'))
  const tries = Math.min(runsMax, runsFor((ratePerMinute * end) / 60))
  const hits = rules.map(() => ({ window: 0, ever: 0 }))
  const random = seededRandom(1)
  for (let run = 0; run < tries; run += 1) {
    const arrivals = poissonArrivals(random, ratePerMinute / 60, end)
    const backing = stretchesAbove(arrivals, STANDBY_RECENT_ERRORS + 1, RECENT_ERRORS_WINDOW_SECONDS)
    rules.forEach(({ signal, count, seconds }, index) => {
      const above = stretchesAbove(arrivals, count, seconds)
      const inWindow = holds(above, warmUp, window, forSeconds)
      const later = signal === 'error_rate_per_minute' ? common(above, backing) : above
      const from = Math.max(window, warmUp)
      const hit = hits[index]!
      if (inWindow) hit.window += 1
      if (inWindow || holds(later, from, end, forSeconds)) hit.ever += 1
    })
  }
  return hits.map(({ window, ever }) => ({ chance_in_window: window / tries, chance_per_deployment: ever / tries }))
}

/** @param arrivals expected in one run */
function runsFor(arrivals: number): number {
  return Math.max(RUNS_MIN, Math.min(RUNS_MAX, Math.floor(ARRIVALS_MAX / Math.max(1, arrivals))))
}

/** mulberry32 (T. Ettinger, public domain): small, seeded, and good enough for frequencies. Uniform in [0, 1). */
function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Seconds of Poisson arrivals in (0, end]. */
function poissonArrivals(random: () => number, perSecond: number, end: number): number[] {
  const arrivals: number[] = []
  if (!(perSecond > 0)) return arrivals
  let at = 0
  for (;;) {
    at += -Math.log(1 - random()) / perSecond
    if (at > end) return arrivals
    arrivals.push(at)
  }
}

type Stretch = { from: number; to: number }

/** When the count in the trailing window is at least `count`: half-open stretches, joined where they touch. */
function stretchesAbove(arrivals: readonly number[], count: number, windowSeconds: number): Stretch[] {
  const stretches: Stretch[] = []
  for (let last = count - 1; last < arrivals.length; last += 1) {
    const from = arrivals[last]!
    const to = arrivals[last - count + 1]! + windowSeconds
    if (to <= from) continue
    const before = stretches.at(-1)
    if (before && from <= before.to) before.to = to
    else stretches.push({ from, to })
  }
  return stretches
}

/** Whether one stretch lasts long enough within the limits. */
function holds(stretches: readonly Stretch[], from: number, to: number, seconds: number): boolean {
  return stretches.some((stretch) => {
    const length = Math.min(stretch.to, to) - Math.max(stretch.from, from)
    return length > 0 && length >= seconds
  })
}

function common(a: readonly Stretch[], b: readonly Stretch[]): Stretch[] {
  return a.flatMap((one) => b.map((two) => ({ from: Math.max(one.from, two.from), to: Math.min(one.to, two.to) })))
}
