import { describe, expect, it } from 'vitest'
import { thresholdNoise } from '../src/analysis.ts'
import type { WatchPolicy } from '../src/index.ts'
import { simulateNoise } from '../src/noise-simulation.ts'
import { thresholds, watchPolicy } from './make.ts'

const rules = [
  { signal: 'error_rate_per_minute', count: 6, seconds: 60 },
  { signal: 'recent_errors', count: 51, seconds: 300 },
]
const tried = (
  ratePerMinute: number,
  forSeconds: number,
  watch: Partial<WatchPolicy> = {},
  counts = [6, 51],
  runsMax = 100,
) =>
  simulateNoise({
    rules: rules.map((rule, index) => ({ ...rule, count: counts[index]! })),
    forSeconds,
    watch: { ...watchPolicy, ...watch },
    ratePerMinute,
    runsMax,
  }).flatMap((chance) => [chance.chance_in_window, chance.chance_per_deployment])

describe('noise that is tried out', () => {
  // The draws are always the same, so the answers are; that they are right, the simulation spec shows.
  it.each<[number, number, Partial<WatchPolicy>, number[], number[]]>([
    [3, 30, {}, [6, 51], [0.33, 0.35, 0, 0]],
    [7, 30, {}, [12, 51], [0.09, 0.59, 0, 0.08]],
    [7, 10, {}, [12, 45], [0.36, 0.92, 0.02, 0.6]],
    [3, 30, { warm_up_seconds: 180 }, [6, 51], [0.17, 0.19, 0, 0]],
    [5, 10, { warm_up_seconds: 400 }, [6, 30], [0, 0.98, 0, 0.88]],
    [3, 30, { auto_rollback_within_seconds: 200 }, [6, 20], [0.23, 0.23, 0.07, 0.07]],
    [0, 30, {}, [6, 51], [0, 0, 0, 0]],
    [60, 30, {}, [6, 51], [1, 1, 1, 1]],
    [4, 5, { window_seconds: 60, auto_rollback_within_seconds: 90 }, [6, 7], [0.23, 0.23, 0.11, 0.37]],
  ])('at %s/min for %s s with %j and counts of %j is always the same', (rate, seconds, watch, counts, chances) => {
    expect(tried(rate, seconds, watch, counts)).toEqual(chances)
  })

  it('is what the noise of thresholds is made of where a breach must last', () => {
    const noise = thresholdNoise({ ...thresholds, for_seconds: 20 }, watchPolicy, { errors_per_minute: 1.5 })
    expect(noise).toMatchObject([
      { by: 'simulation', count: 6, seconds: 60 },
      { by: 'simulation', count: 51, seconds: 300 },
    ])
    const all = simulateNoise({ rules, forSeconds: 20, watch: watchPolicy, ratePerMinute: 1.5 })
    expect(noise.map((rule) => rule.chance_in_window)).toEqual(all.map((chance) => chance.chance_in_window))
    expect(noise.map((rule) => rule.chance_per_deployment)).toEqual(all.map((chance) => chance.chance_per_deployment))
    expect(all[0]!.chance_in_window).toBeCloseTo(0.017, 2)
  })

  it.each([
    [1.5, 1800, 4000],
    [50, 1800, 666],
    // Busier than the least number of runs allows for; in a short watch, since such runs are long.
    [1000, 310, 200],
  ])('at %s/min for %s s is tried %s times', (ratePerMinute, seconds, runs) => {
    // About as many errors as are expected: a chance in the middle, and so a share that tells what it is a share of.
    const expected = (ratePerMinute * seconds) / 60
    const rule = { signal: 'recent_errors', count: Math.ceil(expected + Math.sqrt(expected) / 2), seconds }
    const watch = { ...watchPolicy, auto_rollback_within_seconds: seconds }
    const [chance] = simulateNoise({ rules: [rule], forSeconds: 0, watch, ratePerMinute })
    const hits = chance!.chance_per_deployment * runs
    expect(hits).toBeCloseTo(Math.round(hits), 6)
    expect(hits).toBeGreaterThan(0)
    expect(hits).toBeLessThan(runs)
  })
})
