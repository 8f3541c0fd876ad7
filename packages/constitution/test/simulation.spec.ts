import { describe, expect, it } from 'vitest'
import { falseRollbackChance, thresholdNoise } from '../src/analysis.ts'
import type { SignalName, Thresholds, WatchPolicy } from '../src/index.ts'
import { replay } from '../src/replay.ts'
import { type Cluster, chanceOfCluster } from '../src/scan-statistic.ts'
import { errorEvidence, type SequentialState, settle, startSequential } from '../src/sequential.ts'
import { thresholds, watchPolicy } from './make.ts'
import { poissonTimes } from './random.ts'

/** What the formulas promise, held against errors that are drawn and counted; always the same draws. */

const DEPLOYED_AT = 1_700_000_000_000

function simulated({ count, windowSeconds, spanSeconds, ratePerMinute }: Cluster, runs: number): number {
  const draw = poissonTimes(11)
  let hits = 0
  for (let run = 0; run < runs; run += 1) {
    const times = draw(ratePerMinute, spanSeconds)
    if (times.some((at, index) => index >= count - 1 && at - times[index - count + 1]! < windowSeconds)) hits += 1
  }
  return hits / runs
}

/** How often the real fold rolls back, until `seconds` after the deployment. */
function guarded(limits: Thresholds, watch: WatchPolicy, perMinute: number, runs: number) {
  const draw = poissonTimes(5)
  let [inWindow, ever] = [0, 0]
  for (let run = 0; run < runs; run += 1) {
    const errors = draw(perMinute, watch.auto_rollback_within_seconds).map((at) => DEPLOYED_AT + at * 1000)
    const life = { deployed_at: DEPLOYED_AT, replaced_at: null, errors, samples: [] }
    const seen = replay(life, { thresholds: limits, watch })
    if (seen.rolls_back) ever += 1
    if (seen.rolls_back && seen.phase === 'window') inWindow += 1
  }
  return { inWindow: inWindow / runs, ever: ever / runs }
}

/** Short, so that many can be guarded. */
const briefly: WatchPolicy = { ...watchPolicy, auto_rollback_within_seconds: 600 }
const noiseAt = (rate: number, limits: Partial<Thresholds> = {}, watch: Partial<WatchPolicy> = {}) =>
  thresholdNoise({ ...thresholds, ...limits }, { ...briefly, ...watch }, { errors_per_minute: rate })

describe('the chance of a cluster', () => {
  // count, window, span, rate per minute
  it.each([
    [6, 60, 300, 3],
    [6, 60, 300, 1],
    [6, 60, 300, 5],
    [6, 60, 60, 3],
    [6, 60, 20, 9],
    [6, 60, 75, 3],
    [6, 60, 120, 3],
    [6, 60, 180, 3],
    [6, 60, 330, 3],
    [11, 120, 300, 3],
    [4, 10, 300, 3],
    [2, 60, 300, 0.5],
    [9, 60, 1800, 3],
    [26, 300, 1800, 3],
    [51, 300, 1800, 8],
    [51, 300, 450, 8],
  ])(
    'of %s in %s s within %s s at %s/min agrees with a simulation within 0.02',
    (count, windowSeconds, spanSeconds, ratePerMinute) => {
      const cluster = { count, windowSeconds, spanSeconds, ratePerMinute }
      expect(Math.abs(chanceOfCluster(cluster) - simulated(cluster, 6000))).toBeLessThan(0.02)
    },
  )
})

describe('the noise of thresholds', () => {
  it('is what the guard really does, and never less in all', () => {
    const seen = guarded(thresholds, briefly, 3, 150)
    const [rule] = noiseAt(3)
    // Three standard errors of 150 runs.
    expect(Math.abs(seen.inWindow - rule!.chance_in_window)).toBeLessThan(0.12)
    expect(rule!.chance_per_deployment).toBeGreaterThan(seen.ever - 0.12)
    expect(rule!.chance_per_deployment).toBeLessThan(seen.ever + 0.15)
  })

  it('is tried out where a breach must last, and agrees with the guard', () => {
    const limits = { ...thresholds, for_seconds: 30 }
    const seen = guarded(limits, briefly, 3, 150)
    const [rate, recent] = noiseAt(3, { for_seconds: 30 })
    expect(rate).toMatchObject({ by: 'simulation', count: 6, seconds: 60 })
    expect(Math.abs(rate!.chance_in_window - seen.inWindow)).toBeLessThan(0.12)
    expect(Math.abs(rate!.chance_per_deployment - seen.ever)).toBeLessThan(0.12)
    expect(rate!.chance_in_window).toBeLessThan(rate!.chance_per_deployment)
    expect(recent).toMatchObject({ by: 'simulation', chance_in_window: 0, chance_per_deployment: 0 })
  })

  it('tried out agrees with the formula where a breach need hardly last', () => {
    for (const rate of [3, 8]) {
      const tried = noiseAt(rate, { for_seconds: 1e-9 })
      noiseAt(rate).forEach((exact, index) => {
        expect(Math.abs(tried[index]!.chance_in_window - exact.chance_in_window)).toBeLessThan(0.025)
        expect(tried[index]!.chance_per_deployment).toBeLessThan(exact.chance_per_deployment + 0.025)
      })
      expect(Math.abs(tried[1]!.chance_per_deployment - noiseAt(rate)[1]!.chance_per_deployment)).toBeLessThan(0.04)
    }
    expect(noiseAt(3, { for_seconds: 1e-9 }, { warm_up_seconds: 180 })[0]!.chance_in_window).toBeCloseTo(0.41, 1)
    expect(noiseAt(3, { for_seconds: 30 })).toEqual(noiseAt(3, { for_seconds: 30 }))
    expect(noiseAt(0, { for_seconds: 30 })[0]).toMatchObject({ chance_in_window: 0, chance_per_deployment: 0 })
    expect(noiseAt(600, { for_seconds: 30 })[0]).toMatchObject({ chance_in_window: 1, chance_per_deployment: 1 })
  })

  it('tried out is always the same', () => {
    const noise = thresholdNoise({ ...thresholds, for_seconds: 30 }, watchPolicy, { errors_per_minute: 3 })
    expect(noise.map((rule) => [rule.by, rule.chance_in_window, rule.chance_per_deployment])).toEqual([
      ['simulation', 0.22475, 0.25025],
      ['simulation', 0, 0],
    ])
  })

  it('of both rules lies where the bounds say', () => {
    const limits = { ...thresholds, error_rate_per_minute: 17 }
    const { at_least, at_most } = falseRollbackChance(thresholdNoise(limits, briefly, { errors_per_minute: 8 }))
    const { ever } = guarded(limits, briefly, 8, 100)
    expect(ever).toBeGreaterThan(at_least - 0.15)
    expect(ever).toBeLessThan(at_most + 0.15)
  })
})

describe('an outage that began before the deployment', () => {
  /** What is live in the last five minutes before the deployment, as the baseline judges it. */
  function inBreach(errors: readonly number[]): SignalName[] {
    const since = (seconds: number) => errors.filter((at) => at > -seconds && at <= 0).length
    const names: SignalName[] = []
    if (since(60) > thresholds.error_rate_per_minute) names.push('error_rate_per_minute')
    if (since(300) > thresholds.recent_errors) names.push('recent_errors')
    return names
  }

  /** How often a deployment that changes nothing is rolled back for it, of those recorded while it was seen. */
  function blamed(perMinute: number, beganSecondsBefore: number, watch: WatchPolicy, runs: number) {
    const draw = poissonTimes(17)
    let [inWindow, ever, seen] = [0, 0, 0]
    while (seen < runs) {
      const span = beganSecondsBefore + watch.auto_rollback_within_seconds
      const errors = draw(perMinute, span).map((at) => at - beganSecondsBefore)
      const baseline_breached = inBreach(errors)
      if (baseline_breached.length === 0) continue
      seen += 1
      const own = errors.filter((at) => at > 0).map((at) => DEPLOYED_AT + at * 1000)
      const life = { deployed_at: DEPLOYED_AT, replaced_at: null, errors: own, samples: [], baseline_breached }
      const { rolls_back, phase } = replay(life, { thresholds, watch })
      if (rolls_back) ever += 1
      if (rolls_back && phase === 'window') inWindow += 1
    }
    return { inWindow, ever }
  }

  it.each([
    [15, 120],
    [15, 600],
    [6, 600],
    [8, 120],
    [30, 600],
  ])('of %s errors/minute since %s s is never blamed on what is deployed meanwhile, in its window', (rate, before) => {
    const window = { ...watchPolicy, auto_rollback_within_seconds: watchPolicy.window_seconds }
    expect(blamed(rate, before, window, 100).inWindow).toBe(0)
  })

  it('is blamed on it by chance where it lies just above the threshold, in 30 minutes on few in a hundred', () => {
    // 1.7 % of 2,000 deployments, and here at most three standard errors more.
    expect(blamed(6, 600, watchPolicy, 60).ever).toBeLessThanOrEqual(3)
    expect(blamed(10, 600, watchPolicy, 40).ever).toBe(0)
  })

  it.each([310, 700])(
    'and that a fix ends is blamed on the fix if it comes again after a clean window, at %s s',
    (breaksAt) => {
      const draw = poissonTimes(23)
      for (let run = 0; run < 20; run += 1) {
        const errors = draw(15, 1800 - breaksAt).map((at) => DEPLOYED_AT + (breaksAt + at) * 1000)
        const baseline_breached: SignalName[] = ['error_rate_per_minute', 'recent_errors']
        const life = { deployed_at: DEPLOYED_AT, replaced_at: null, errors, samples: [], baseline_breached }
        const seen = replay(life, { thresholds, watch: watchPolicy })
        expect(seen).toMatchObject({ rolls_back: true, phase: 'standby' })
        expect((seen.at - DEPLOYED_AT) / 1000 - breaksAt).toBeLessThan(180)
      }
    },
  )

  it('and that a fix only softens is blamed on the fix if it comes again in full', () => {
    const mild = Array.from({ length: 30 }, (_, index) => 30 + index * 30)
    const full = poissonTimes(29)(15, 600).map((at) => 900 + at)
    const errors = [...mild, ...full].map((at) => DEPLOYED_AT + at * 1000)
    const baseline_breached: SignalName[] = ['error_rate_per_minute']
    const life = { deployed_at: DEPLOYED_AT, replaced_at: null, errors, samples: [], baseline_breached }
    const seen = replay(life, { thresholds, watch: watchPolicy })
    expect(seen).toMatchObject({ rolls_back: true, phase: 'standby' })
    expect(seen.at).toBeGreaterThan(DEPLOYED_AT + 900_000)
  })
})

describe('the bound of the sequential test', () => {
  const T0 = DEPLOYED_AT
  const sequential: Thresholds = { ...thresholds, evidence: 'sequential' }
  const rules = { thresholds: sequential, spanSeconds: 300 }
  const begun = () => startSequential({ at: T0, errors: 0 })
  const worth = (state: SequentialState) => errorEvidence(state, sequential).value

  it('holds at the worst normal rate, in a phase that looks after every error and every second', () => {
    const draw = poissonTimes(3)
    const limits = { ...sequential, false_alarm_bound: 0.2 }
    const runs = 1500
    let alarms = 0
    for (let run = 0; run < runs; run += 1) {
      const errors = draw(5, 300)
      const moments = [...errors, ...Array.from({ length: 300 }, (_, s) => s + 1)].sort((a, b) => a - b)
      let [state, seen] = [begun(), 0]
      for (const at of moments) {
        while (seen < errors.length && errors[seen]! <= at) seen += 1
        state = settle(state, T0 + at * 1000, seen, false, { ...rules, thresholds: limits })
        if (worth(state) >= 10) {
          alarms += 1
          break
        }
      }
    }
    // Half of the bound, and three standard errors.
    expect(alarms / runs).toBeLessThan(0.1 + 3 * Math.sqrt((0.1 * 0.9) / runs))
    expect(alarms).toBeGreaterThan(0)
  })
})
