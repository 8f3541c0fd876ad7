import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { criesWolf, falseRollbackChance, thresholdNoise } from '../src/analysis.ts'
import type { Thresholds, WatchPolicy } from '../src/index.ts'
import { type Cluster, chanceOfCluster } from '../src/scan-statistic.ts'
import { thresholds, watchPolicy } from './make.ts'

describe('the chance of a cluster', () => {
  it('is 61 % for the default rule in five minutes at a steady 3 a minute', () => {
    const chance = chanceOfCluster({ count: 6, windowSeconds: 60, spanSeconds: 300, ratePerMinute: 3 })
    expect(chance).toBeCloseTo(0.6128, 4)
  })

  it.each([2, 2.5, 4, 30])('of one is the chance of any at all, over %s windows', (windows) => {
    const chance = chanceOfCluster({ count: 1, windowSeconds: 60, spanSeconds: 60 * windows, ratePerMinute: 0.1 })
    expect(chance).toBeCloseTo(1 - Math.exp(-0.1 * windows), 10)
  })

  it.each([
    [0.5, 120],
    [0.5, 180],
    [2, 120],
    [2, 180],
  ])('of two at %s/min in %s s is exact', (rate, span) => {
    // No two within w: n points in T leave Tⁿ·(1 − (n − 1)w/T)ⁿ/n! of their arrangements.
    let [none, term] = [0, Math.exp((-rate * span) / 60)]
    for (let n = 0; n <= 1 + span / 60; n += 1) {
      if (n > 0) term *= (rate * span) / 60 / n
      none += term * (n === 0 ? 1 : Math.max(0, 1 - ((n - 1) * 60) / span) ** n)
    }
    const chance = chanceOfCluster({ count: 2, windowSeconds: 60, spanSeconds: span, ratePerMinute: rate })
    expect(chance).toBeCloseTo(1 - none, 10)
  })

  it.each<[Partial<Cluster>, number]>([
    [{ ratePerMinute: 0 }, 0],
    [{ ratePerMinute: Number.NaN }, 0],
    [{ ratePerMinute: -1 }, 0],
    [{ ratePerMinute: Number.POSITIVE_INFINITY }, 1],
    [{ ratePerMinute: Number.POSITIVE_INFINITY, spanSeconds: 30 }, 1],
    [{ ratePerMinute: 1e6 }, 1],
    [{ spanSeconds: 0 }, 0],
    [{ spanSeconds: -5 }, 0],
    [{ count: 0 }, 1],
    [{ count: Number.POSITIVE_INFINITY }, 0],
    [{ count: 20_001, ratePerMinute: 18_000 }, 0],
    [{ count: 20_001, ratePerMinute: 18_001 }, 1],
    [{ count: 20_001, ratePerMinute: 18_001, spanSeconds: 30 }, 0],
    [{ count: 5001, ratePerMinute: 4000 }, 0],
    [{ count: 5001, ratePerMinute: 6000 }, 1],
  ])('with %j is %s', (change, chance) => {
    const cluster = { count: 6, windowSeconds: 60, spanSeconds: 300, ratePerMinute: 3, ...change }
    expect(chanceOfCluster(cluster)).toBeCloseTo(chance, 9)
  })

  it.each([
    [1, 100, 101, 180],
    [2, 100, 150, 180],
    [3, 100, 1000, 180],
  ])(
    'of %s in %s of %s s is certain where errors rain at %s/min',
    (count, windowSeconds, spanSeconds, ratePerMinute) => {
      expect(chanceOfCluster({ count, windowSeconds, spanSeconds, ratePerMinute })).toBe(1)
    },
  )

  it('is a chance that grows with the rate and the span, and falls with the count', () => {
    const cluster = fc.record({
      count: fc.integer({ min: 1, max: 60 }),
      windowSeconds: fc.integer({ min: 1, max: 600 }),
      spanSeconds: fc.integer({ min: 1, max: 7200 }),
      ratePerMinute: fc.double({ min: 0, max: 100, noNaN: true }),
    })
    fc.assert(
      fc.property(cluster, (c) => {
        const chance = chanceOfCluster(c)
        expect(chance).toBeGreaterThanOrEqual(0)
        expect(chance).toBeLessThanOrEqual(1)
        expect(chanceOfCluster({ ...c, ratePerMinute: c.ratePerMinute * 1.5 })).toBeGreaterThanOrEqual(chance - 1e-9)
        expect(chanceOfCluster({ ...c, count: c.count + 1 })).toBeLessThanOrEqual(chance + 1e-9)
        fc.pre(c.spanSeconds > 2 * c.windowSeconds)
        expect(chanceOfCluster({ ...c, spanSeconds: c.spanSeconds + 60 })).toBeGreaterThanOrEqual(chance - 1e-9)
      }),
    )
  })
})

describe('the noise of thresholds', () => {
  const noiseAt = (
    rate: number,
    limits: Partial<Thresholds> = {},
    watch: Partial<WatchPolicy> = {},
    requests?: number,
  ) =>
    thresholdNoise(
      { ...thresholds, ...limits },
      { ...watchPolicy, ...watch },
      { errors_per_minute: rate, requests_per_minute: requests },
    )

  it('tells both error rules as counts, with the chance in the window and until nothing acts by itself', () => {
    expect(noiseAt(3)).toEqual([
      {
        signal: 'error_rate_per_minute',
        count: 6,
        seconds: 60,
        // After the window it takes recent errors too, for which there is no formula.
        by: 'simulation',
        chance_in_window: expect.closeTo(0.6128, 4),
        chance_per_deployment: expect.closeTo(0.6635, 4),
      },
      {
        signal: 'recent_errors',
        count: 51,
        seconds: 300,
        by: 'formula',
        chance_in_window: expect.closeTo(0, 9),
        chance_per_deployment: expect.closeTo(0, 9),
      },
    ])
    const recent = noiseAt(8)[1]!
    expect(recent.chance_in_window).toBeCloseTo(0.0526, 4)
    expect(recent.chance_per_deployment).toBeCloseTo(0.6843, 4)
  })

  // The chances are those of 20,000 simulated watches, written apart from this code.
  it.each([
    [8, 0.115],
    [9, 0.049],
    [10, 0.019],
    [11, 0.006],
  ])('at 3 a minute and a threshold of %d is what both conditions together make of it: %d', (limit, chance) => {
    const [rate] = noiseAt(3, { error_rate_per_minute: limit })
    expect(Math.abs(rate!.chance_per_deployment - chance)).toBeLessThan(0.01)
    expect(rate!.chance_per_deployment).toBeGreaterThanOrEqual(rate!.chance_in_window)
  })

  it.each([
    [5, 60, 6],
    [5, 30, 3],
    [5, 20, 2],
    [5.5, 60, 6],
    [0.2, 600, 3],
    [7, 7, 1],
    [60 / 52, 52, 2],
  ])('of more than %s/min over %s s needs %s errors', (error_rate_per_minute, rate_window_seconds, count) => {
    expect(noiseAt(1, { error_rate_per_minute, rate_window_seconds })[0]).toMatchObject({
      count,
      seconds: rate_window_seconds,
    })
  })

  it.each<[Partial<Thresholds>, number | undefined, number, number]>([
    [{ error_percent: 10 }, 100, 11, 51],
    [{ error_percent: 10 }, 30, 6, 51],
    [{ error_percent: 20 }, 100, 21, 101],
    [{ error_percent: 20 }, undefined, 6, 51],
    [{ min_requests: 20 }, 20, 6, 51],
    [{ min_requests: 20 }, 19, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    [{ min_requests: 20 }, undefined, 6, 51],
    [{ recent_errors: 20.5 }, undefined, 6, 21],
  ])('with %j at %s requests a minute needs %s and %s errors', (limits, requests, rate, recent) => {
    expect(noiseAt(3, limits, {}, requests).map(({ count }) => count)).toEqual([rate, recent])
  })

  it('counts as the samples do: the least count that is above', () => {
    const hair = fc.constantFrom(0, Number.EPSILON, -Number.EPSILON)
    const counts = fc.integer({ min: 1, max: 60 })
    const windows = fc.integer({ min: 5, max: 120 })
    fc.assert(
      fc.property(counts, windows, hair, (errors, rate_window_seconds, off) => {
        const error_rate_per_minute = ((errors * 60) / rate_window_seconds) * (1 + off)
        const { count } = noiseAt(1, { error_rate_per_minute, rate_window_seconds })[0]!
        const sampled = (n: number) => (n * 60) / rate_window_seconds
        expect(sampled(count)).toBeGreaterThan(error_rate_per_minute)
        expect(sampled(count - 1)).toBeLessThanOrEqual(error_rate_per_minute)
      }),
    )
  })

  it('lets recent errors act after the window by themselves', () => {
    const [, recent] = noiseAt(1, { recent_errors: 10 })
    const chance = (spanSeconds: number) =>
      chanceOfCluster({ count: 11, windowSeconds: 300, spanSeconds, ratePerMinute: 1 })
    expect(recent!.chance_in_window).toBeCloseTo(chance(300), 9)
    // After the window, windows reach back to the deployment: all of the 1,800 seconds.
    expect(recent!.chance_per_deployment).toBeCloseTo(1 - (1 - chance(300)) * (1 - chance(1800)), 9)
  })

  it('falls back on the defaults where stored thresholds are missing', () => {
    const watch = watchPolicy
    expect(thresholdNoise({} as Thresholds, watch, { errors_per_minute: 3 })).toEqual(noiseAt(3))
  })

  it('leaves out the warm-up, but not what its errors leave in the windows', () => {
    const chance = (warm_up_seconds: number) => noiseAt(3, {}, { warm_up_seconds })[0]!.chance_in_window
    expect(chance(60)).toBeCloseTo(chance(0), 9)
    expect(chance(30)).toBeCloseTo(chance(0), 9)
    expect(chance(180)).toBeCloseTo(
      chanceOfCluster({ count: 6, windowSeconds: 60, spanSeconds: 180, ratePerMinute: 3 }),
      9,
    )
    expect(chance(300)).toBe(0)
  })

  it('of a sequential test is its bound while the rate is normal, and certain above', () => {
    expect(noiseAt(5, { evidence: 'sequential' })).toMatchObject([
      { by: 'bound', chance_in_window: 0.005, chance_per_deployment: 0.01 },
      { by: 'bound', chance_in_window: 0, chance_per_deployment: 0 },
    ])
    expect(noiseAt(5.1, { evidence: 'sequential' })[0]).toMatchObject({ chance_in_window: 1, chance_per_deployment: 1 })
    expect(noiseAt(3, { evidence: 'sequential', recent_errors: 10 })[0]).toMatchObject({ chance_per_deployment: 1 })
    expect(noiseAt(2, { evidence: 'sequential', recent_errors: 10, false_alarm_bound: 0.04 })[0]).toMatchObject({
      chance_in_window: 0.02,
      chance_per_deployment: 0.04,
    })
  })

  it('of both rules together lies between the likelier one and independence', () => {
    const noise = noiseAt(8, { error_rate_per_minute: 17 })
    const { at_least, at_most } = falseRollbackChance(noise)
    const [a, b] = noise.map((rule) => rule.chance_per_deployment) as [number, number]
    expect(at_least).toBe(Math.max(a, b))
    expect(at_most).toBeCloseTo(1 - (1 - a) * (1 - b), 12)
    expect(falseRollbackChance([])).toEqual({ at_least: 0, at_most: 0 })
  })
})

describe('thresholds that would cry wolf', () => {
  const wolf = (rate: number, limits: Partial<Thresholds> = {}, requests?: number) =>
    criesWolf({ ...thresholds, ...limits }, watchPolicy, { errors_per_minute: rate, requests_per_minute: requests })
  const warned = (rate: number, limits: Partial<Thresholds> = {}) => wolf(rate, limits)?.text ?? null
  const TRAFFIC = 'With a source of requests_per_minute, min_requests and error_percent help as well.'

  it.each([0, 0.2, 1, 1.35])('are none at %s errors a minute by default', (rate) => {
    expect(warned(rate)).toBeNull()
  })

  it('are warned of from 5 % on, with every remedy that helps, and what it would bring', () => {
    expect(warned(3)).toBe(
      'At a steady 3 errors/minute these thresholds would roll back about 66% of deployments for nothing. ' +
        'Either raise error_rate_per_minute to 10 (then about 2%), ' +
        'or let a breach last with for_seconds: 120 (then less than 1%), ' +
        `or ask for proof with "evidence: sequential" (then about 1%). ${TRAFFIC}`,
    )
    expect(warned(1.5)).toContain('about 7% of deployments')
    expect(warned(5)).toContain('let a breach last with for_seconds')
    expect(warned(5.01)).not.toContain('for_seconds')
  })

  it('are offered what really is quiet, and says of each what it is', () => {
    const found = wolf(4, {}, 200)
    expect(found?.remedies.map(({ set }) => set)).toEqual([
      { error_rate_per_minute: 13 },
      { for_seconds: 120 },
      { evidence: 'sequential' },
      { error_percent: 10 },
      { min_requests: 201 },
    ])
    expect(found?.text).toMatch(/with min_requests: 201 \(then next to none\)\.$/)
    for (const { set, chance_per_deployment: chance } of found?.remedies ?? []) {
      const limits = { ...thresholds, ...set }
      const steady = { errors_per_minute: 4, requests_per_minute: 200 }
      const { at_most } = falseRollbackChance(thresholdNoise(limits, watchPolicy, steady))
      expect(chance, JSON.stringify(set)).toBeLessThanOrEqual(0.05)
      // A remedy that is simulated is so with fewer runs.
      expect(Math.abs(chance - at_most)).toBeLessThan(0.02)
    }
    expect(warned(3, { error_rate_per_minute: 10 })).toBeNull()
    expect(
      thresholdNoise({ ...thresholds, error_rate_per_minute: 9 }, watchPolicy, { errors_per_minute: 3 })[0]!
        .chance_per_deployment,
    ).toBeGreaterThan(0.025)
  })

  it('are offered more of what they have, never less', () => {
    const patient = wolf(4.9, { for_seconds: 60 })
    expect(patient?.chance_per_deployment).toBeGreaterThan(0.8)
    expect(patient?.remedies.map(({ set }) => set)).toEqual([
      { error_rate_per_minute: 15 },
      { for_seconds: 300 },
      { evidence: 'sequential' },
    ])
    expect(wolf(4, { error_percent: 1, min_requests: 100 }, 100)?.remedies.at(-2)?.set).toEqual({ error_percent: 20 })
    const idle = wolf(4, { error_percent: 1 }, 7)?.remedies.map(({ set }) => Object.keys(set)[0])
    expect(idle).toContain('min_requests')
    expect(idle).not.toContain('error_percent')
  })

  it('are offered nothing that does not help against a rate above them', () => {
    expect(warned(8)).toBe(
      'At a steady 8 errors/minute these thresholds would roll back about 100% of deployments for nothing. ' +
        `Raise error_rate_per_minute to 20 and raise recent_errors to 62 (then about 4%). ${TRAFFIC}`,
    )
    expect(warned(6, { evidence: 'sequential' })).toBe(
      'At a steady 6 errors/minute these thresholds would roll back about 100% of deployments for nothing: ' +
        `the sequential test takes no more than 5 errors/minute for normal. Raise error_rate_per_minute to 6 (then about 1%). ${TRAFFIC}`,
    )
    const tight = { evidence: 'sequential', recent_errors: 10, false_alarm_bound: 0.04 } as const
    expect(wolf(6.3, tight)?.remedies).toEqual([
      {
        set: { error_rate_per_minute: 7, recent_errors: 32 },
        words: 'raise error_rate_per_minute to 7 and raise recent_errors to 32',
        chance_per_deployment: 0.04,
      },
    ])
    expect(wolf(3, tight)?.remedies[0]?.set).toEqual({ recent_errors: 15 })
    expect(warned(5, { evidence: 'sequential' })).toBeNull()
  })

  it('say so too when only both rules together are too many, and however many errors there are', () => {
    const both = { error_rate_per_minute: 16, recent_errors: 48 }
    const noise = thresholdNoise({ ...thresholds, ...both }, watchPolicy, { errors_per_minute: 6 })
    expect(noise.every((rule) => rule.chance_per_deployment < 0.05)).toBe(true)
    expect(warned(6, both)).toMatch(
      /about 7% .* Either raise error_rate_per_minute to 17 and raise recent_errors to 49 \(then about 4%\)/,
    )
    const flood = wolf(1_200_000, { for_seconds: 60 })
    expect(flood?.remedies).toHaveLength(1)
    expect(flood?.remedies[0]?.set.error_rate_per_minute).toBeGreaterThan(1_200_000)
  })
})
