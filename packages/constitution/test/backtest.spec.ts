import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BacktestDeployment, backtest, type Label, type StoredLife } from '../src/analysis.ts'
import {
  DEFAULT_POLICY,
  type GuardPolicy,
  type HealthSample,
  observe,
  startWatch,
  type Thresholds,
  type WatchPolicy,
} from '../src/index.ts'
import { replay } from '../src/replay.ts'
import { sampleOf } from './make.ts'

const T0 = 1_700_000_000_000
const at = (second: number) => T0 + second * 1000
const sampleAt = (second: number, change: Parameters<typeof sampleOf>[0] = {}) =>
  sampleOf({ ...change, timestamp: new Date(at(second)).toISOString() })
const lifeOf = (errors: number[], change: Partial<StoredLife> = {}): StoredLife => ({
  deployed_at: T0,
  replaced_at: null,
  errors: errors.map(at),
  samples: [],
  ...change,
})
const policyOf = (limits: Partial<Thresholds> = {}, watch: Partial<WatchPolicy> = {}): GuardPolicy => ({
  ...DEFAULT_POLICY,
  thresholds: { ...DEFAULT_POLICY.thresholds, ...limits },
  watch: { ...DEFAULT_POLICY.watch, ...watch },
})
const today = policyOf()
const burst = (from: number, count: number, every = 1) =>
  Array.from({ length: count }, (_, index) => from + index * every)

describe('a replay', () => {
  it('ends with the first error that breaks a threshold, at its very moment', () => {
    expect(replay(lifeOf([10.25, 11, 12, 13, 14, 15.75, 16]), today)).toEqual({
      rolls_back: true,
      verdict: 'breach',
      phase: 'window',
      at: at(15.75),
      reason: 'High error rate: 6 errors/minute',
      signals: ['error_rate_per_minute'],
    })
  })

  it('sees what no tick of a second would: a window that is full for a moment only', () => {
    const errors = [0.5, 1, 2, 3, 4, 60.4]
    expect(replay(lifeOf(errors), today)).toMatchObject({ rolls_back: true, at: at(60.4) })
    expect(replay(lifeOf([0.4, 1, 2, 3, 4, 60.4]), today).rolls_back).toBe(false)
  })

  it('needs no order, and ignores what is no error of the deployment', () => {
    const errors = [15, 12, 10, 14, 13, 11]
    expect(replay(lifeOf(errors), today).at).toBe(at(15))
    expect(replay(lifeOf([-3, -2, -1, 10, 11, 12]), today)).toMatchObject({ verdict: 'healthy', at: at(300) })
    expect(replay(lifeOf([0, 10, 11, 12, 13, 14]), today).at).toBe(at(14))
    expect(replay(lifeOf([10, 11, 12, 13, 14, 15, 16], { replaced_at: at(15) }), today)).toMatchObject({
      verdict: 'superseded',
      rolls_back: false,
      at: at(15),
    })
  })

  it.each([
    [[], 'healthy', 'window', 300],
    [burst(30, 5, 50), 'inconclusive', 'window', 300],
    [burst(30, 4, 50), 'healthy', 'window', 300],
    [burst(400, 26, 2), 'breach', 'standby', 450],
    [burst(400, 25, 2), 'healthy', 'window', 300],
    [burst(1795, 6), 'healthy', 'window', 300],
    [burst(299.5, 6, 0.2), 'healthy', 'window', 300],
    [burst(299.5, 30, 0.2), 'breach', 'standby', 304.5],
  ] as const)('of errors at %j is %s, from the %s, at %s s', (errors, verdict, phase, second) => {
    expect(replay(lifeOf([...errors]), today)).toMatchObject({ verdict, phase, at: at(second) })
  })

  it('stops where the deployment was replaced, whatever came later', () => {
    expect(replay(lifeOf(burst(100, 20), { replaced_at: at(90) }), today)).toMatchObject({
      verdict: 'superseded',
      at: at(90),
    })
    expect(replay(lifeOf(burst(500, 60), { replaced_at: at(450) }), today)).toMatchObject({
      verdict: 'healthy',
      rolls_back: false,
    })
  })

  it('says where nothing is stored any more', () => {
    expect(replay(lifeOf([], { observed_until: at(200) }), today)).toEqual({
      rolls_back: false,
      verdict: 'unended',
      phase: 'window',
      at: at(200),
      reason: 'What is stored ends before any verdict',
      signals: [],
    })
    expect(replay(lifeOf([], { observed_until: at(600) }), today).verdict).toBe('healthy')
    expect(replay(lifeOf([], { observed_until: at(-5) }), today)).toMatchObject({ verdict: 'unended', at: T0 })
  })

  it('takes the other signals from the samples that were kept, as long as they hold', () => {
    const full = { database_connections: 95 }
    expect(replay(lifeOf([], { samples: [sampleAt(100.5, full)] }), today)).toMatchObject({
      signals: ['database_connection_percent'],
      at: at(100.5),
    })
    const lasting = policyOf({ for_seconds: 70 })
    const lastingLonger = policyOf({ for_seconds: 90 })
    const samples = [sampleAt(400, {}), sampleAt(100, full)]
    expect(replay(lifeOf([], { samples }), lasting)).toMatchObject({ rolls_back: true, at: at(170) })
    expect(replay(lifeOf([], { samples }), lastingLonger).rolls_back).toBe(false)
    const again = [...samples, sampleAt(160, full)]
    expect(replay(lifeOf([], { samples: again }), lastingLonger)).toMatchObject({ rolls_back: true, at: at(190) })
  })

  it('counts errors again, whatever a sample said of them', () => {
    const samples = [sampleAt(50, { error_rate_per_minute: 99, recent_errors: 99 })]
    expect(replay(lifeOf([], { samples }), today).verdict).toBe('healthy')
  })

  it('was blind where the guard was', () => {
    const samples = burst(60, 3, 60).map((second) =>
      sampleAt(second, { unavailable: ['error_rate_per_minute', 'recent_errors'] }),
    )
    expect(replay(lifeOf(burst(70, 20), { samples }), today)).toMatchObject({
      verdict: 'inconclusive',
      rolls_back: false,
    })
  })

  it('knows what was in breach before', () => {
    const errors = burst(5, 280)
    expect(
      replay(lifeOf(errors, { baseline_breached: ['error_rate_per_minute', 'recent_errors'] }), today).rolls_back,
    ).toBe(false)
  })

  it('is bounded for a flood of errors and for a long watch, and still exact to 50 ms', () => {
    const flood = Array.from({ length: 12_000 }, (_, index) => 100.37 + index * 0.02)
    const high = policyOf({ error_rate_per_minute: 2999.5, recent_errors: 1e9 })
    const seen = replay(lifeOf(flood), high)
    expect(seen.rolls_back).toBe(true)
    expect(Math.abs(seen.at - at(160.35))).toBeLessThanOrEqual(50)
    const long = policyOf({ recent_errors: 2 }, { window_seconds: 90_000, auto_rollback_within_seconds: 90_000 })
    expect(replay(lifeOf([70_000, 70_001, 70_002]), long)).toMatchObject({ rolls_back: true, at: at(70_002) })
  })

  it('takes nothing from before the deployment, nor from after what is stored', () => {
    const full = { database_connections: 95 }
    expect(replay(lifeOf([], { samples: [sampleAt(-5, full)] }), today)).toMatchObject({ rolls_back: true, at: at(1) })
    expect(replay(lifeOf([], { samples: [sampleAt(0, full)] }), today)).toMatchObject({ rolls_back: true, at: at(1) })
    const until = { observed_until: at(200.5) }
    const after = { ...until, samples: [sampleAt(250, full)] }
    expect(replay(lifeOf(burst(201, 20), after), today)).toMatchObject({ verdict: 'unended', at: at(200.5) })
    expect(replay(lifeOf(burst(195.5, 6), until), today)).toMatchObject({ verdict: 'breach', at: at(200.5) })
    expect(replay(lifeOf([], { replaced_at: at(90.3) }), today)).toMatchObject({
      verdict: 'superseded',
      at: at(90.3),
      signals: [],
    })
  })

  const conn = (second: number, database_connections: number) => sampleAt(second, { database_connections })
  const dark = (second: number) => sampleAt(second, { unavailable: ['http'] })
  const long = { window_seconds: 600 }

  // Moments are chosen to lie between those that a replay which passes over idle seconds would look at.
  it.each<[string, number[], HealthSample[], Partial<Thresholds>, Partial<WatchPolicy>]>([
    ['a breach between two seconds', [], [conn(60, 20), conn(95.5, 95)], {}, {}],
    ['a breach that is over soon', [], [conn(60, 20), conn(95.5, 95), conn(97, 20)], { for_seconds: 1 }, {}],
    ['a breach that must last', [], [conn(103.5, 95), conn(160, 95)], { for_seconds: 67 }, {}],
    ['a breach in the warm-up', [], [conn(7.5, 95)], {}, { warm_up_seconds: 33 }],
    ['a breach in the warm-up that must last', [], [conn(7.5, 95)], { for_seconds: 14 }, { warm_up_seconds: 33 }],
    ['evidence that gathers', burst(100.2, 40, 3), [], { evidence: 'sequential' }, {}],
    ['quiet under a short rate window', [], [], { rate_window_seconds: 5 }, {}],
    ['a warning that comes and goes', [], [conn(60, 20), conn(95.5, 85), conn(128.5, 20)], {}, {}],
    ['blindness for as long as allowed', [], [conn(60.5, 20), dark(95.5), conn(156, 20)], {}, {}],
    ['blindness for too long', [], [conn(60.5, 20), dark(95.5), conn(157, 20)], {}, {}],
    ['errors of the last moment', [30, 80, 130, 180, 300], [], {}, {}],
    ['errors after a window that cannot be closed', [30, 80, 130, 180, 302], [dark(290.5), conn(310.5, 20)], {}, {}],
    ['a window that is closed late', [], [dark(590.5), conn(640.5, 20)], {}, long],
    ['a breach that must last beyond the window', [], [conn(590.5, 95), conn(650.5, 95)], { for_seconds: 67 }, long],
  ])('passes nothing over: %s', (_what, errors, samples, limits, watch) => {
    const rules = policyOf(limits, { auto_rollback_within_seconds: 600, ...watch })
    const stored = lifeOf(errors, { samples })
    const { verdict, at: when, reason } = replay(stored, rules)
    expect({ verdict, at: when, reason }).toEqual(askedEverySecond(stored, rules))
  })

  it('is the same as asking every second and at every error', () => {
    const life = fc.record({
      errors: fc.array(fc.integer({ min: 0, max: 700_000 }), { maxLength: 60 }),
      replaced: fc.option(fc.integer({ min: 10, max: 700 })),
      baseline: fc.subarray(['error_rate_per_minute' as const, 'recent_errors' as const]),
      blind: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 3 }),
      limits: fc.constantFrom<Partial<Thresholds>>(
        {},
        { for_seconds: 20 },
        { recent_errors: 12 },
        { rate_window_seconds: 5 },
      ),
    })
    fc.assert(
      fc.property(life, ({ errors, replaced, baseline, blind, limits }) => {
        const rules = policyOf(limits, { auto_rollback_within_seconds: 600 })
        const samples = blind.map((tenth) => sampleAt(tenth * 30, { unavailable: ['http'] }))
        const change = { replaced_at: replaced === null ? null : at(replaced), baseline_breached: baseline, samples }
        const stored = lifeOf(
          errors.map((ms) => ms / 1000),
          change,
        )
        const { verdict, at: when, reason } = replay(stored, rules)
        expect({ verdict, at: when, reason }).toEqual(askedEverySecond(stored, rules))
      }),
      { numRuns: 25 },
    )
  })

  /** The plainest possible replay, with no moment left out and every window counted from scratch. */
  function askedEverySecond(life: StoredLife, { thresholds, watch }: GuardPolicy) {
    const end = Math.min(life.replaced_at ?? Number.POSITIVE_INFINITY, at(660 + (thresholds.for_seconds ?? 0)))
    const errors = life.errors.filter((t) => life.replaced_at === null || t < life.replaced_at)
    const stamps = life.samples.map((sample) => ({ t: Date.parse(sample.timestamp), sample })).sort((a, b) => a.t - b.t)
    const grid = burst(1, Math.floor((end - T0) / 1000)).map(at)
    const times = [...new Set([...grid, ...errors, ...stamps.map(({ t }) => t).filter((t) => t > T0), end])]
    const plan = { deployed_at: T0, thresholds, watch, baseline_breached: life.baseline_breached ?? [] }
    let state = startWatch({ ...plan, phase: 'window', clean_window: false })
    let window: { verdict: string; at: number; reason: string } | null = null
    for (const t of times.filter((time) => time <= end).sort((a, b) => a - b)) {
      const counted = (ms: number) => errors.filter((e) => e <= t && e > t - ms).length
      const kept = stamps.findLast((stamp) => stamp.t <= t)
      const unknown = {
        database_connections: null,
        max_database_connections: null,
        p95_response_ms: null,
        memory_percent: null,
      }
      const rateMs = (thresholds.rate_window_seconds ?? 60) * 1000
      const sample = {
        ...(kept && t - kept.t <= 75_000 ? kept.sample : sampleOf(unknown)),
        error_rate_per_minute: (counted(rateMs) * 60_000) / rateMs,
        recent_errors: counted(300_000),
      }
      const { verdict, state: next } = observe(state, {
        at: t,
        sample,
        errors_in_window: errors.filter((e) => e <= t && e <= at(watch.window_seconds)).length,
        superseded: life.replaced_at !== null && t >= life.replaced_at,
        rollback_open: false,
      })
      state = next
      if (verdict === null) continue
      const told = { verdict: verdict.kind, at: verdict.at, reason: verdict.reason }
      if (verdict.kind === 'breach') return told
      if (window !== null || verdict.kind === 'superseded') return window ?? told
      window = told
      state = startWatch({ ...plan, phase: 'standby', clean_window: verdict.kind === 'healthy' })
    }
    return window ?? { verdict: 'unended', at: end, reason: 'What is stored ends before any verdict' }
  }
})

describe('a backtest', () => {
  const bad = burst(100, 60)
  const mild = burst(100, 5)
  const deployment = (
    deployment_id: string,
    errors: number[],
    label: Label | null = null,
    rolled_back?: boolean,
  ): BacktestDeployment => ({
    ...lifeOf(errors),
    deployment_id,
    label,
    ...(rolled_back === undefined ? {} : { rolled_back }),
  })
  const lower = policyOf({ error_rate_per_minute: 3 })

  it('says which rollbacks come to it, which fall away, and which come earlier or later', () => {
    const deployments = [deployment('bad', bad), deployment('mild', mild), deployment('quiet', [])]
    const result = backtest(deployments, today, lower)
    expect(result).toMatchObject({ more: ['mild'], fewer: [], earlier: ['bad'], later: [] })
    expect(result.rows.map(({ change, earlier_ms }) => [change, earlier_ms])).toEqual([
      ['earlier', 2000],
      ['more', null],
      ['same', null],
    ])
    expect(result.headline).toBe('Of 3 deployments: 1 rollback more, 0 fewer, 1 earlier (by 2 s at the median)')
    const back = backtest(deployments, lower, today)
    expect(back).toMatchObject({ more: [], fewer: ['mild'], earlier: [], later: ['bad'] })
    expect(back.rows[0]).toMatchObject({ change: 'later', earlier_ms: -2000, label: null, bad: null })
    expect(back.headline).toBe('Of 3 deployments: 0 rollbacks more, 1 fewer, 1 later (by 2 s at the median)')
  })

  it('is the same for the same rules', () => {
    const result = backtest([deployment('bad', bad), deployment('quiet', [])], today, today)
    expect(result.rows.map(({ change, earlier_ms }) => [change, earlier_ms])).toEqual([
      ['same', 0],
      ['same', null],
    ])
    expect(result.today).toEqual(result.proposed)
    expect(result.headline).toBe('Of 2 deployments: 0 rollbacks more, 0 fewer')
  })

  it('tells the median of what it gains', () => {
    const deployments = [burst(10, 9, 1), burst(10, 9, 4), burst(10, 9, 2)].map((errors, index) =>
      deployment(String(index), errors),
    )
    expect(backtest(deployments, today, lower).headline).toContain('3 earlier (by 4 s at the median)')
  })

  it.each<[Label | null, boolean | undefined, boolean | null]>([
    [null, true, null],
    ['right', true, true],
    ['right', false, false],
    ['right', undefined, true],
    ['false_alarm', true, false],
    ['missed', false, true],
  ])('reads the label %s, rolled back: %s, as a bad deployment: %s', (label, rolled_back, expected) => {
    expect(backtest([deployment('d', bad, label, rolled_back)], today, lower).rows[0]?.bad).toBe(expected)
  })

  it('cannot tell what slower or blunter rules would do where a rollback came first, and scores nothing of it', () => {
    // What was rolled back by itself ends a second after its sixth error.
    const { deployed_at: start } = deployment('cut', bad)
    const cut = { ...deployment('cut', bad, 'right', true), replaced_at: start + 106_000, cut_off: true }
    const people = { ...deployment('people', mild, 'missed', true), replaced_at: start + 106_000 }
    const blunter = policyOf({ error_rate_per_minute: 10 })
    const result = backtest([cut, people], today, blunter)
    expect(result).toMatchObject({ fewer: [], unknown: ['cut'] })
    expect(result.rows.map(({ change, missing }) => [change, missing])).toEqual([
      ['unknown', ['aftermath']],
      ['same', []],
    ])
    expect(result.not_enough_data).toEqual([
      'Not enough data for 1 of 2 deployments: their rollback ended what could have made other rules act',
    ])
    // Of the other nobody but people ended anything: that rules miss it is known.
    expect(result.proposed).toMatchObject({ labelled: 1, recall: 0 })
    const patient = backtest([cut], today, policyOf({ for_seconds: 30 }))
    expect(patient).toMatchObject({ fewer: [], unknown: ['cut'] })

    const sharper = backtest([cut], today, lower)
    expect(sharper).toMatchObject({ earlier: ['cut'], unknown: [], today: { recall: 1 }, proposed: { recall: 1 } })
    // Alone, the other rules never had the time.
    expect(sharper.today.rules.recent_errors).toMatchObject({ labelled: 0, recall: null })
    expect(sharper.today.rules.error_rate_per_minute).toMatchObject({ labelled: 1, recall: 1 })

    const late = { ...cut, replaced_at: start + 1_800_000 }
    expect(backtest([late], today, policyOf({ error_rate_per_minute: 1000, recent_errors: 1000 }))).toMatchObject({
      fewer: ['cut'],
      unknown: [],
    })
  })

  it('scores both policies, and each rule as if it were alone, by the labels', () => {
    const slow = burst(10, 52, 13)
    const full = { ...deployment('full', [], 'right', true), samples: [sampleAt(100, { database_connections: 95 })] }
    const deployments = [
      deployment('bad', bad, 'right', true),
      deployment('mild', mild, 'false_alarm', true),
      deployment('slow', slow, 'missed', false),
      deployment('quiet', [], 'right', false),
      deployment('nobody said', bad),
      full,
    ]
    const { today: now, proposed } = backtest(deployments, today, lower)
    expect(now).toMatchObject({ rollbacks: 3, labelled: 5, precision: 1, recall: 2 / 3 })
    expect(proposed).toMatchObject({ rollbacks: 5, labelled: 5, precision: 3 / 4, recall: 1 })
    expect(now.rules).toEqual({
      error_rate_per_minute: { rollbacks: 1, labelled: 5, precision: 1, recall: 1 / 3 },
      recent_errors: { rollbacks: 1, labelled: 5, precision: 1, recall: 1 / 3 },
      database_connection_percent: { rollbacks: 1, labelled: 5, precision: 1, recall: 1 / 3 },
    })
    expect(proposed.rules.error_rate_per_minute).toEqual({ rollbacks: 3, labelled: 5, precision: 2 / 3, recall: 2 / 3 })
  })

  it('has no score where there is nothing to divide by', () => {
    const { today: now } = backtest([deployment('quiet', [], 'right', false)], today, lower)
    expect(now).toMatchObject({ rollbacks: 0, labelled: 1, precision: null, recall: null })
    expect(backtest([], today, lower)).toMatchObject({
      rows: [],
      headline: 'Of 0 deployments: 0 rollbacks more, 0 fewer',
    })
  })

  it('tries the remedies against noise too', () => {
    const noisy = deployment('noisy', [...burst(20, 7, 3), ...burst(90, 9, 22)])
    const flood = deployment('flood', burst(50, 200, 0.5))
    const of = (limits: Partial<Thresholds>) => backtest([noisy, flood], today, policyOf(limits)).fewer
    expect(of({})).toEqual([])
    expect(of({ for_seconds: 50 })).toEqual(['noisy'])
    expect(of({ evidence: 'sequential' })).toEqual(['noisy'])
    const samples = burst(0, 10, 60).map((second) => sampleAt(second, { requests_per_minute: 100 }))
    const busy = [noisy, flood].map((each) => ({ ...each, samples }))
    expect(backtest(busy, today, policyOf({ error_percent: 20 })).fewer).toEqual(['noisy'])
    expect(backtest(busy, today, policyOf({ min_requests: 101 })).fewer).toEqual(['noisy', 'flood'])
  })

  it('guesses nothing where the traffic that a rule asks for was not stored', () => {
    const rules = policyOf({ min_requests: 101, error_percent: 20 })
    const traffic = (change: Parameters<typeof sampleOf>[0]) => ({
      ...deployment('stored', bad, 'right', true),
      samples: burst(0, 10, 60).map((second) => sampleAt(second, change)),
    })
    const full = { ...deployment('full', bad), samples: [sampleAt(105, { database_connections: 95 })] }
    const deployments = [
      deployment('old', bad, 'right', true),
      deployment('quiet', mild),
      { ...traffic({ requests_per_minute: 200 }), deployment_id: 'busy' },
      { ...traffic({ requests_per_minute: 100 }), deployment_id: 'idle' },
      // That it could not be read then is stored, and a guard would have acted.
      { ...traffic({ requests_per_minute: null, unavailable: ['requests_per_minute'] }), deployment_id: 'blind' },
      full,
    ]
    const result = backtest(deployments, today, rules)
    expect(result.rows.map(({ deployment_id, change, missing }) => [deployment_id, change, missing])).toEqual([
      ['old', 'unknown', ['traffic']],
      ['quiet', 'same', []],
      ['busy', 'later', []],
      ['idle', 'fewer', []],
      ['blind', 'same', []],
      ['full', 'same', []],
    ])
    expect(result).toMatchObject({
      headline: expect.stringMatching(/^Of 6 deployments: 0 rollbacks more, 1 fewer, .*, 1 that cannot be told$/),
      unknown: ['old'],
      not_enough_data: [
        'Not enough data for min_requests and error_percent: of 1 of 6 deployments no traffic is stored',
      ],
      today: { rollbacks: 4, labelled: 3, recall: 1 },
      proposed: { rollbacks: 3, labelled: 3, recall: 2 / 3 },
    })
    expect(result.rows[0]).toMatchObject({
      earlier_ms: null,
      today: { rolls_back: true },
      proposed: { rolls_back: true },
    })
    expect(backtest(deployments, rules, today).unknown).toEqual(['old'])
    const alone = backtest(deployments, today, policyOf({ error_percent: 20 })).not_enough_data
    expect(alone).toEqual(['Not enough data for error_percent: of 1 of 6 deployments no traffic is stored'])
  })

  it('takes a breach that began without stored traffic for one without it', () => {
    const lasting = policyOf({ min_requests: 10, for_seconds: 30 })
    const at = (second: number) => [sampleAt(second, { requests_per_minute: 100 })]
    const changes = (samples: BacktestDeployment['samples']) =>
      backtest([{ ...deployment('d', bad), samples }], policyOf({ for_seconds: 30 }), lasting).rows[0]?.change
    expect(changes(at(120))).toBe('unknown')
    expect(changes(at(100))).toBe('same')
  })

  it('knows where errors are missing: a guard had counted more of them', () => {
    const counted = (recent_errors: number, change: Partial<BacktestDeployment> = {}) => ({
      ...deployment('d', [3, 10, 11.001, 311], 'right', true),
      samples: [sampleAt(11.0004, { recent_errors }), sampleAt(311, { recent_errors: 2 })],
      ...change,
    })
    const told = (life: BacktestDeployment) => backtest([life], today, lower)
    expect(told(counted(2))).toMatchObject({ unknown: [], not_enough_data: [] })
    expect(told(counted(3))).toMatchObject({
      unknown: ['d'],
      not_enough_data: ['Not enough data for 1 of 1 deployments: not all of their errors are stored'],
      rows: [{ missing: ['errors'] }],
      today: { labelled: 0, rules: { recent_errors: { labelled: 0 } } },
    })
    expect(told(counted(2, { replaced_at: at(11) })).unknown).toEqual(['d'])
    expect(told(counted(2, { deployed_at: at(10) })).unknown).toEqual(['d'])
    expect(
      told(counted(1, { deployed_at: at(10), errors: [at(10)], samples: [sampleAt(11, { recent_errors: 1 })] }))
        .unknown,
    ).toEqual([])
  })

  it('is deterministic, whatever the order of what is stored', () => {
    const mixed = { ...deployment('bad', [...bad].reverse()), samples: [sampleAt(200), sampleAt(100)] }
    const sorted = { ...deployment('bad', bad), samples: [sampleAt(100), sampleAt(200)] }
    expect(backtest([mixed], today, lower)).toEqual(backtest([sorted], today, lower))
  })
})
