import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type HealthSample,
  observe,
  startWatch,
  type Thresholds,
  type WatchPlan,
  type WatchTick,
} from '../src/index.ts'
import {
  errorEvidence,
  falseAlarmBound,
  isSequential,
  normalRatePerMinute,
  phaseSeconds,
  RATE_RATIOS,
  type SequentialState,
  settle,
  startSequential,
} from '../src/sequential.ts'
import { calm, sampleOf, thresholds, watchPolicy } from './make.ts'

const T0 = 1_700_000_000_000
const sequential: Thresholds = { ...thresholds, evidence: 'sequential' }
const rules = { thresholds: sequential, spanSeconds: 300 }
const begun = () => startSequential({ at: T0, errors: 0 })
const worth = (state: SequentialState, limits = sequential) => errorEvidence(state, limits).value

describe('the bets against a normal rate', () => {
  it('start with a capital of 1', () => {
    expect(worth(begun())).toBeCloseTo(1, 12)
    expect(begun().reserve).toBe(0.5)
    expect(begun().wealth).toEqual(RATE_RATIOS.map(() => 1 / 16))
  })

  it.each([
    [5, 1, 1],
    [5, 10, 1],
    [4, 30, 0],
    [6, 30, 2],
  ])(
    'are fair at the threshold: at %s/min their value after %s s is expected at 1, below it less, above it more',
    (rate, seconds, than) => {
      let expected = 0
      let chance = Math.exp((-rate * seconds) / 60)
      for (let n = 0; n < 400; n += 1) {
        if (n > 0) chance *= (rate * seconds) / 60 / n
        // A cap on the wealth would only show beyond what is expected here.
        expected += chance * worth(settle(begun(), T0 + seconds * 1000, n, false, rules))
      }
      if (than === 1) expect(expected).toBeCloseTo(1, 6)
      if (than === 0) expect(expected).toBeLessThan(0.999)
      if (than === 2) expect(expected).toBeGreaterThan(1.001)
    },
  )

  it('grow with every error and shrink with every quiet second', () => {
    const step = fc.tuple(fc.integer({ min: 0, max: 60_000 }), fc.integer({ min: 0, max: 40 }))
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 20 }),
        fc.nat(20),
        fc.integer({ min: 1, max: 9 }),
        (steps, where, more) => {
          const run = (extra: number) => {
            let [state, at, errors] = [begun(), T0, 0]
            steps.forEach(([ms, arrived], index) => {
              at += ms
              errors += arrived + (index === where ? extra : 0)
              state = settle(state, at, errors, false, rules)
            })
            return worth(state)
          }
          expect(run(more)).toBeGreaterThanOrEqual(run(0))
        },
      ),
    )
    const later = settle(begun(), T0 + 30_000, 3, false, rules)
    expect(worth(settle(later, T0 + 31_000, 3, false, rules))).toBeLessThan(worth(later))
  })

  it('lay the reserve out evenly over the phase, and no more than there is', () => {
    const half = settle(begun(), T0 + 150_000, 0, false, rules)
    expect(half.reserve).toBeCloseTo(0.25, 12)
    const all = settle(half, T0 + 600_000, 0, false, rules)
    expect(all.reserve).toBe(0)
    const quiet = all.wealth.map((part) => part * 8)
    expect(quiet.at(-1)).toBeCloseTo(0.25, 9)
    expect(settle(begun(), T0 + 1, 0, false, { ...rules, spanSeconds: 0 }).reserve).toBe(0)
  })

  it('settle the same whatever moments they are settled at, but for when the reserve is laid out', () => {
    const at = (ms: number, errors: number, state = begun()) => settle(state, T0 + ms, errors, false, rules)
    const once = at(2000, 4)
    const often = at(2000, 4, at(1700, 4, at(900, 1)))
    expect(worth(often) / worth(once)).toBeCloseTo(1, 1)
  })

  it('ignore a moment from the past, a count that cannot be read, and one that falls', () => {
    const state = settle(begun(), T0 + 10_000, 5, false, rules)
    expect(settle(state, T0 + 9_999, 50, false, rules)).toBe(state)
    expect(settle(state, T0 + 11_000, null, false, rules)).toBe(state)
    expect(settle(state, T0 + 11_000, Number.NaN, false, rules)).toBe(state)
    const fallen = settle(state, T0 + 11_000, 2, false, rules)
    expect(fallen.wealth).toEqual(settle(state, T0 + 11_000, 5, false, rules).wealth)
    expect(fallen.settled).toEqual({ at: T0 + 11_000, errors: 2 })
    expect(settle(state, T0 + 10_000, 6, false, rules)).not.toBe(state)
  })

  it('take what comes while held, and the first count of a standby, for where they begin', () => {
    const held = settle(begun(), T0 + 10_000, 50, true, rules)
    expect(held).toEqual({ ...begun(), settled: { at: T0 + 10_000, errors: 50 } })
    expect(settle(startSequential(null), T0 + 5, 70, false, rules)).toEqual({
      ...begun(),
      settled: { at: T0 + 5, errors: 70 },
    })
  })

  it('stay finite, whatever comes', () => {
    let state = begun()
    for (const errors of [0, 1e6, 1e6, 1e9, 1e300]) {
      state = settle(state, (state.settled?.at ?? 0) + 1e9, errors, false, rules)
      expect(JSON.parse(JSON.stringify(state))).toEqual(state)
      expect(worth(state)).toBeGreaterThanOrEqual(0)
    }
    expect(worth(settle(begun(), T0 + 1, 1e6, false, rules))).toBeGreaterThan(1e200)
  })
})

describe('the bound', () => {
  it.each([
    [undefined, 0.01],
    [0.05, 0.05],
    [0, 0.01],
    [1, 0.01],
    [-1, 0.01],
    [Number.NaN, 0.01],
    ['0.05', 0.01],
  ])('%s is read as %s, half of it for each phase', (false_alarm_bound, bound) => {
    const limits = { ...sequential, false_alarm_bound } as Thresholds
    expect(falseAlarmBound(limits)).toBe(bound)
    expect(errorEvidence(begun(), limits)).toMatchObject({
      needed: 2 / bound,
      rate_per_minute: 5,
      false_alarm_bound: bound,
    })
  })

  it('is for the highest rate that both error thresholds call normal', () => {
    expect(normalRatePerMinute(thresholds)).toBe(5)
    expect(normalRatePerMinute({ ...thresholds, recent_errors: 10 })).toBe(2)
    expect(normalRatePerMinute({} as Thresholds)).toBe(5)
    expect([thresholds, sequential].map(isSequential)).toEqual([false, true])
    expect([phaseSeconds('window', watchPolicy), phaseSeconds('standby', watchPolicy)]).toEqual([300, 1500])
    expect(phaseSeconds('standby', { ...watchPolicy, auto_rollback_within_seconds: 60 })).toBe(0)
  })
})

describe('a watch by sequential evidence', () => {
  const planOf = (change: Partial<WatchPlan> = {}): WatchPlan => ({
    phase: 'window',
    deployed_at: T0,
    thresholds: sequential,
    watch: watchPolicy,
    clean_window: false,
    baseline_breached: [],
    ...change,
  })

  /** One error each at these seconds; a tick a second, JSON in between. */
  function watch(
    errors: number[],
    plan = planOf(),
    change: (second: number) => Partial<WatchTick> = () => ({}),
    until = 299,
  ) {
    let state = startWatch(plan)
    const count = (from: number, to: number) => errors.filter((at) => at > from && at <= to).length
    for (let second = plan.phase === 'window' ? 1 : 301; second <= until; second += 1) {
      const recent = count(second - 300, second)
      const sample: HealthSample = sampleOf({
        error_rate_per_minute: count(second - 60, second),
        recent_errors: recent,
      })
      const total = count(0, second)
      const tick = { at: T0 + second * 1000, sample, errors_in_window: total, superseded: false, rollback_open: false }
      const seen = observe(JSON.parse(JSON.stringify(state)), { ...tick, ...change(second) })
      state = seen.state
      if (seen.verdict) return { verdict: seen.verdict, second, seen, state }
    }
    return { verdict: null, second: until, seen: null, state }
  }
  const steady = (perMinute: number, from = 0, to = 1800) =>
    Array.from(
      { length: Math.floor(((to - from) * perMinute) / 60) },
      (_, index) => from + ((index + 1) * 60) / perMinute,
    )
  const cluster = [10, 12, 14, 16, 18, 20, 22]

  it('leaves the state of any other watch as it was', () => {
    expect('sequential' in startWatch(planOf({ thresholds }))).toBe(false)
    const seen = observe(startWatch(planOf({ thresholds })), {
      at: T0 + 1000,
      sample: calm,
      errors_in_window: 0,
      superseded: false,
      rollback_open: false,
    })
    expect('sequential' in seen.state).toBe(false)
    expect(watch(cluster, planOf({ thresholds })).second).toBe(20)
  })

  it('does not take a cluster that normal errors make for a fault', () => {
    expect(watch([...cluster, ...steady(3, 60)].sort((a, b) => a - b)).verdict).toBeNull()
  })

  it('takes errors well above for one, at once, and says by what', () => {
    const { verdict, second } = watch(steady(60))
    expect(verdict).toMatchObject({
      kind: 'breach',
      reason: 'High error rate: proved above 5 errors/minute (false alarm at most 1%)',
      signals: [{ signal: 'error_rate_per_minute', observed: 5, exceeded: false, state: 'breach' }],
    })
    expect(second).toBe(5)
  })

  it('tells the rate where that too is above', () => {
    const { verdict } = watch(steady(12, 60))
    expect(verdict?.reason).toMatch(
      /^High error rate: (7|8|9|1\d) errors\/minute, proved above 5 \(false alarm at most 1%\)$/,
    )
    expect(verdict).toMatchObject({ signals: [{ exceeded: true }] })
  })

  it('is not slow after a long quiet', () => {
    const { verdict, second } = watch(steady(60, 240))
    expect(verdict?.kind).toBe('breach')
    expect(second).toBeLessThanOrEqual(252)
  })

  it('shows clusters as watching, with a warning, until they prove something', () => {
    const { state } = watch(cluster, planOf(), undefined, 21)
    const sample = sampleOf({ error_rate_per_minute: 7, recent_errors: 60 })
    const tick = { at: T0 + 22_000, sample, errors_in_window: 7, superseded: false, rollback_open: false }
    const { sample_verdict } = observe(state, tick)
    expect(sample_verdict).toMatchObject({
      state: 'watching',
      signals: [{ state: 'watching' }, { state: 'watching' }, {}, {}, {}],
      warnings: [
        'error_rate_per_minute is above its threshold, on too little evidence to act',
        'recent_errors is above its threshold, on too little evidence to act',
      ],
    })
    const proved = observe(state, { ...tick, errors_in_window: 60 })
    expect(proved.sample_verdict).toMatchObject({ state: 'breach', warnings: [] })
    expect(proved.sample_verdict.signals.map((finding) => finding.state).slice(0, 2)).toEqual(['breach', 'watching'])
  })

  it('still acts on connections at once', () => {
    const full = { sample: sampleOf({ database_connections: 95 }) }
    expect(watch([], planOf(), () => full).verdict).toMatchObject({
      kind: 'breach',
      reason: 'Database connection exhaustion: 95% of 100 connections',
    })
  })

  it('counts what it is given since the deployment, and nothing where that cannot be read', () => {
    expect(watch([], planOf(), (second) => ({ errors_since_deployed: second })).second).toBe(5)
    expect(watch(steady(60), planOf(), () => ({ errors_since_deployed: null })).verdict).toBeNull()
    expect(watch(steady(60), planOf(), (second) => (second < 100 ? { errors_since_deployed: null } : {})).second).toBe(
      100,
    )
  })

  it('never acts on a rate that cannot be read', () => {
    const unread = { sample: sampleOf({ error_rate_per_minute: null }), errors_in_window: 500 }
    expect(watch([], planOf(), () => unread).verdict).toBeNull()
  })

  it('takes no evidence from the warm-up, nor from what was in breach before', () => {
    const warm = planOf({ watch: { ...watchPolicy, warm_up_seconds: 60 } })
    expect(watch(steady(60, 0, 58), warm).verdict).toBeNull()
    expect(watch(steady(60), warm).second).toBe(64)
    expect(watch(steady(60), planOf({ baseline_breached: ['recent_errors'] })).verdict).toBeNull()
    expect(watch(steady(60), planOf({ baseline_breached: ['error_rate_per_minute'] })).verdict).toBeNull()
    expect(watch(steady(60), planOf({ baseline_breached: ['database_connection_percent'] })).second).toBe(5)
  })

  it('lets a breach last where that is asked for, and leaves traffic rules their say', () => {
    expect(watch(steady(60), planOf({ thresholds: { ...sequential, for_seconds: 10 } })).second).toBe(15)
    const few = planOf({ thresholds: { ...sequential, min_requests: 20 } })
    const sample = sampleOf({ error_rate_per_minute: 60, recent_errors: 60, requests_per_minute: 19 })
    expect(watch(steady(60), few, () => ({ sample })).verdict).toBeNull()
  })

  it('standing by begins anew, and asks for recent errors too', () => {
    const standby = planOf({ phase: 'standby' })
    const history = steady(4, 0, 300)
    const { verdict, second } = watch([...history, ...steady(60, 400)], standby, undefined, 600)
    expect(verdict?.kind).toBe('breach')
    expect(second).toBeGreaterThanOrEqual(410)
    expect(second).toBeLessThan(425)
    const alone = watch(steady(60, 400, 424), standby, undefined, 600)
    expect(alone.verdict).toBeNull()
    expect(watch(steady(60, 400, 430), standby, undefined, 600).verdict?.kind).toBe('breach')
  })

  it('keeps a state that a heartbeat can carry', () => {
    const { state } = watch(steady(2))
    expect(JSON.stringify(state).length).toBeLessThan(2000)
    expect(JSON.parse(JSON.stringify(state))).toEqual(state)
  })
})
