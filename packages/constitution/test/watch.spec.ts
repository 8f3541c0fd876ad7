import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  countsErrors,
  type HealthSample,
  observe,
  type SignalName,
  startWatch,
  type WatchPlan,
  type WatchState,
  type WatchTick,
} from '../src/index.ts'
import { blind, broken, calm, sampleOf, thresholds, watchPolicy } from './make.ts'

const DEPLOYED_AT = 1_700_000_000_000
const planOf = (change: Partial<WatchPlan> = {}): WatchPlan => ({
  phase: 'window',
  deployed_at: DEPLOYED_AT,
  thresholds,
  watch: watchPolicy,
  baseline_breached: [],
  clean_window: false,
  ...change,
})
const tickAt = (seconds: number, sample: HealthSample = calm, change: Partial<WatchTick> = {}): WatchTick => ({
  at: DEPLOYED_AT + seconds * 1000,
  sample,
  errors_in_window: 0,
  superseded: false,
  rollback_open: false,
  ...change,
})

/** Ticks once a second through `until`, with the sample that `sampleAt` gives; JSON in between, as on a heartbeat. */
function run(
  state: WatchState,
  until: number,
  sampleAt: (second: number) => HealthSample,
  change: Partial<WatchTick> = {},
) {
  const effects: unknown[] = []
  let kept = 0
  const from = Math.round((state.attention.last_at - DEPLOYED_AT) / 1000) + 1
  for (let second = from; second <= until; second += 1) {
    const seen = observe(JSON.parse(JSON.stringify(state)), tickAt(second, sampleAt(second), change))
    effects.push(...seen.effects)
    if (seen.keep_sample) kept += 1
    state = seen.state
    if (seen.verdict) return { state, verdict: seen.verdict, second, effects, kept }
  }
  return { state, verdict: null, second: until, effects, kept }
}

describe('the window', () => {
  it('ends healthy at its end, having kept a sample a minute', () => {
    const { verdict, second, kept } = run(startWatch(planOf()), 400, () => calm)
    expect(verdict).toMatchObject({ kind: 'healthy', reason: 'System healthy' })
    expect(second).toBe(300)
    expect(kept).toBe(5)
  })

  it('ends with the first breach, at once', () => {
    const { verdict, second } = run(startWatch(planOf()), 400, (s) => (s < 17 ? calm : broken))
    expect(verdict).toMatchObject({ kind: 'breach', reason: 'High error rate: 8.5 errors/minute' })
    expect(verdict).toMatchObject({ since: DEPLOYED_AT + 17_000, signals: [{ signal: 'error_rate_per_minute' }] })
    expect(second).toBe(17)
  })

  it.each([
    [300, 4, 'healthy'],
    [300, 5, 'inconclusive'],
    [20, 4, 'healthy'],
    [20, 5, 'inconclusive'],
    [600, 9, 'healthy'],
    [600, 10, 'inconclusive'],
  ])('of %s seconds with %s errors is %s', (window_seconds, errors_in_window, kind) => {
    const watch = { ...watchPolicy, window_seconds }
    const { verdict } = run(startWatch(planOf({ watch })), 700, () => calm, { errors_in_window })
    expect(verdict?.kind).toBe(kind)
    if (verdict?.kind === 'inconclusive') expect(verdict.why).toBe('errors')
  })

  it.each([
    [60, 'healthy'],
    [61, 'inconclusive'],
  ])('blind for %s of 300 seconds is %s', (seconds, kind) => {
    const { verdict } = run(startWatch(planOf()), 400, (s) => (s > 100 && s <= 100 + seconds ? blind : calm))
    expect(verdict?.kind).toBe(kind)
    if (verdict?.kind === 'inconclusive') expect(verdict).toMatchObject({ why: 'blind' })
  })

  it('is not closed healthy by a moment that cannot see', () => {
    const { verdict, second } = run(startWatch(planOf()), 400, (s) => (s >= 295 && s < 310 ? blind : calm))
    expect(verdict?.kind).toBe('healthy')
    expect(second).toBe(310)
  })

  it('announces blindness of 30 seconds once', () => {
    const dark = (s: number) => (s > 10 && s < 45) || (s > 100 && s < 140)
    const { effects } = run(startWatch(planOf()), 290, (s) => (dark(s) ? blind : calm))
    const since = DEPLOYED_AT + 10_000
    expect(effects).toEqual([
      { kind: 'announce_blind', since, unavailable: ['error_rate_per_minute', 'postgres', 'recent_errors'] },
    ])
  })

  it('counts a gap that no rate window covers as blind', () => {
    const seen = observe(startWatch(planOf()), tickAt(300))
    expect(seen.state.attention.blind_ms).toBe(240_000)
    expect(seen.verdict).toMatchObject({ kind: 'inconclusive', why: 'blind' })
    expect(observe(startWatch(planOf()), tickAt(60)).state.attention.blind_ms).toBe(0)
  })

  it('is never healthy while a rollback is open, and gives up when the watch could end', () => {
    const { verdict, state } = run(startWatch(planOf()), 1799, () => calm, { rollback_open: true })
    expect(verdict).toBeNull()
    expect(run(state, 1810, () => calm).verdict?.kind).toBe('healthy')
    const open = run(state, 1810, () => calm, { rollback_open: true })
    expect(open.verdict).toMatchObject({ kind: 'inconclusive', why: 'rollback_open' })
    expect(open.second).toBe(1800)
  })

  it('is superseded rather than anything else', () => {
    expect(observe(startWatch(planOf()), tickAt(9, broken, { superseded: true })).verdict).toMatchObject({
      kind: 'superseded',
      reason: 'A newer deployment is live',
    })
  })

  it('announces blindness when it has lasted 30 seconds, not before', () => {
    const effectsAt = (second: number) => {
      const { state } = run(startWatch(planOf()), second - 1, (s) => (s > 10 ? blind : calm))
      return observe(state, tickAt(second, blind)).effects.length
    }
    expect([effectsAt(39), effectsAt(40), effectsAt(41)]).toEqual([0, 1, 0])
  })

  it('beyond its end wants recent errors too before the rate alone is a breach', () => {
    const late = (at: number, recent_errors: number) => {
      const { state } = run(startWatch(planOf()), at - 1, (s) => (s >= 295 ? blind : calm))
      return observe(state, tickAt(at, sampleOf({ error_rate_per_minute: 8, recent_errors }))).verdict?.kind
    }
    expect(late(300, 20)).toBe('breach')
    expect(late(301, 26)).toBe('breach')
    expect(late(301, 20)).not.toBe('breach')
  })

  it('waits for errors that cannot be counted', () => {
    const { state, verdict } = run(startWatch(planOf()), 310, () => calm, { errors_in_window: null })
    expect(verdict).toBeNull()
    expect(run(state, 311, () => calm).verdict?.kind).toBe('healthy')
  })

  it('is over with its verdict: what comes later is neither kept nor told', () => {
    const { state } = run(startWatch(planOf()), 20, () => broken)
    const { verdict, keep_sample, effects } = observe(state, tickAt(900, blind))
    expect({ kind: verdict?.kind, keep_sample, effects }).toEqual({ kind: 'breach', keep_sample: false, effects: [] })
  })

  it.each<[string, (second: number) => HealthSample, Partial<WatchTick>, Partial<WatchPlan>]>([
    ['Health could not be read for 61 of 300 seconds', (s) => (s > 100 && s <= 161 ? blind : calm), {}, {}],
    ['12 errors in 300 seconds: a clean window has fewer than 5', () => calm, { errors_in_window: 12 }, {}],
    [
      'A rollback of this deployment was open until the watch ended',
      () => calm,
      { rollback_open: true },
      { watch: { ...watchPolicy, auto_rollback_within_seconds: 300 } },
    ],
    [
      'error_rate_per_minute, recent_errors was in breach before this deployment and still after it',
      () => sampleOf({ error_rate_per_minute: 9, recent_errors: 60 }),
      {},
      { baseline_breached: ['recent_errors', 'error_rate_per_minute'] },
    ],
  ])('says why it is inconclusive: %s', (reason, sampleAt, change, plan) => {
    const { verdict, second } = run(startWatch(planOf(plan)), 400, sampleAt, change)
    expect(verdict).toMatchObject({ kind: 'inconclusive', reason })
    expect(second).toBe(300)
  })

  it('waits for a breach to hold as long as configured', () => {
    const state = () => startWatch(planOf({ thresholds: { ...thresholds, for_seconds: 30 } }))
    expect(run(state(), 299, (s) => (s % 30 === 0 ? calm : broken)).verdict).toBeNull()
    const held = run(state(), 299, (s) => (s < 100 ? calm : s === 115 ? blind : broken))
    expect(held.verdict).toMatchObject({ kind: 'breach', since: DEPLOYED_AT + 100_000 })
    expect(held.second).toBe(130)
  })

  it('does not take a blind moment for a breach that held', () => {
    const state = startWatch(planOf({ thresholds: { ...thresholds, for_seconds: 30 } }))
    const held = run(state, 299, (s) => (s < 100 ? calm : s >= 130 && s < 133 ? blind : broken))
    expect(held).toMatchObject({ verdict: { kind: 'breach' }, second: 133 })
  })

  it('is not closed healthy while a breach may still hold', () => {
    const state = startWatch(planOf({ thresholds: { ...thresholds, for_seconds: 30 } }))
    const { verdict, second } = run(state, 400, (s) => (s < 290 ? calm : sampleOf({ recent_errors: 51 })))
    expect(verdict?.kind).toBe('breach')
    expect(second).toBe(320)
  })

  it('lets breaches pass in the warm-up, if one is configured', () => {
    const watch = { ...watchPolicy, warm_up_seconds: 30 }
    expect(run(startWatch(planOf({ watch })), 299, (s) => (s < 30 ? broken : calm)).verdict).toBeNull()
    expect(run(startWatch(planOf({ watch })), 299, () => broken).second).toBe(30)
  })
})

describe('a policy with what is no number', () => {
  const junk = [Number.NaN, Number.POSITIVE_INFINITY, -5, 'soon', null, {}] as never[]
  const odd = (change: object) => planOf({ watch: { ...watchPolicy, ...change } })

  it.each(junk)('neither waits for %j seconds nor warms up for them', (value) => {
    const plan = planOf({
      thresholds: { ...thresholds, for_seconds: value },
      watch: { ...watchPolicy, warm_up_seconds: value },
    })
    expect(run(startWatch(plan), 299, (s) => (s < 17 ? calm : broken)).second).toBe(17)
  })

  it.each([...junk, 0])('watches for the usual time, not for %j seconds', (value) => {
    expect(run(startWatch(odd({ window_seconds: value })), 400, () => calm)).toMatchObject({
      verdict: { kind: 'healthy' },
      second: 300,
    })
  })

  it.each(junk)('stands by for the usual time, not for %j seconds', (value) => {
    const plan = { ...odd({ auto_rollback_within_seconds: value }), phase: 'standby' as const }
    expect(run(startWatch(plan), 2000, () => calm)).toMatchObject({ verdict: { kind: 'ended' }, second: 1800 })
  })
})

describe('the count of errors', () => {
  const sequential = { ...thresholds, evidence: 'sequential' as const }
  it.each([
    ['window', {}, [299, false], [300, true], [400, true]],
    ['standby', { phase: 'standby' as const }, [300, false], [1800, false]],
    ['sequential window', { thresholds: sequential }, [1, true], [300, true]],
    ['sequential standby', { phase: 'standby' as const, thresholds: sequential }, [301, true]],
  ])('is asked for when the %s goes by it', (_what, change, ...moments) => {
    for (const [second, asked] of moments as [number, boolean][])
      expect(countsErrors(planOf(change), DEPLOYED_AT + second * 1000), `second ${second}`).toBe(asked)
  })

  it('changes nothing at any moment when it is not asked for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9 }), fc.boolean(), (errors, withBreach) => {
        const ends = [true, false].map((always) => {
          let state = startWatch(planOf())
          for (let second = 1; ; second += 1) {
            const asked = always || countsErrors(state.plan, DEPLOYED_AT + second * 1000)
            const sample = withBreach && second === 200 ? broken : calm
            const seen = observe(state, tickAt(second, sample, { errors_in_window: asked ? errors : null }))
            if (seen.verdict) return { second, ...seen.verdict }
            state = seen.state
          }
        })
        expect(ends[1]).toEqual(ends[0])
      }),
    )
  })
})

describe('what was in breach before the deployment', () => {
  const baseline_breached = ['error_rate_per_minute'] as const

  it('is not blamed on it, is told once, and makes no known-good', () => {
    const { verdict, effects } = run(startWatch(planOf({ baseline_breached })), 400, () => broken)
    expect(effects).toEqual([{ kind: 'announce_breached_before', signals: ['error_rate_per_minute'] }])
    expect(verdict).toMatchObject({ kind: 'inconclusive', why: 'breached_before' })
  })

  const watch = { ...watchPolicy, window_seconds: 900 }
  const connections = sampleOf({ database_connections: 95 })

  it.each<[SignalName, HealthSample, from: number, to: number, last: number]>([
    // Below from the first second: the rate's window is full after 60, that of recent errors after 300.
    ['error_rate_per_minute', broken, 1, 360, 359],
    ['recent_errors', broken, 1, 360, 359],
    ['recent_errors', sampleOf({ recent_errors: 60 }), 1, 600, 599],
    // Below only later, with every window full.
    ['error_rate_per_minute', broken, 101, 401, 400],
    ['recent_errors', sampleOf({ recent_errors: 60 }), 301, 601, 600],
    // No count, and so whole from the first second.
    ['database_connection_percent', connections, 1, 61, 60],
  ])('%s is blamed again once it was below for a full window', (signal, above, from, to, last) => {
    const calmUntil = (end: number) => (s: number) => (s >= from && s <= end ? calm : above)
    const start = () => startWatch(planOf({ watch, baseline_breached: [signal] }))
    expect(run(start(), 700, calmUntil(last)).verdict).toBeNull()
    const blamed = run(start(), 700, calmUntil(to))
    expect(blamed).toMatchObject({ verdict: { kind: 'breach' }, second: to + 1 })
  })

  it('is longer below where errors are counted over longer', () => {
    const slow = { ...thresholds, rate_window_seconds: 400 }
    const calmUntil = (end: number) => (s: number) => (s <= end ? calm : broken)
    const start = () => startWatch(planOf({ watch, thresholds: slow, baseline_breached }))
    expect(run(start(), 850, calmUntil(799)).verdict).toBeNull()
    expect(run(start(), 850, calmUntil(800)).second).toBe(801)
  })

  it('has to be seen below: a blind moment starts the stretch again', () => {
    const sampleAt = (s: number) => (s === 80 ? blind : s <= 380 ? calm : broken)
    const { verdict } = run(startWatch(planOf({ watch, baseline_breached })), 700, sampleAt)
    expect(verdict).toBeNull()
  })

  it('is below also while what counts no errors is above', () => {
    const elsewhere = sampleOf({ memory_percent: 99, p95_response_ms: 9000 })
    const sampleAt = (s: number) => (s === 80 ? elsewhere : s <= 360 ? calm : broken)
    expect(run(startWatch(planOf({ watch, baseline_breached })), 700, sampleAt).second).toBe(361)
  })

  it('is below only while both counts of the same errors are', () => {
    const sampleAt = (s: number) => (s === 80 ? sampleOf({ recent_errors: 60 }) : s <= 380 ? calm : broken)
    const { verdict } = run(startWatch(planOf({ watch, baseline_breached })), 700, sampleAt)
    expect(verdict).toBeNull()
  })

  it.each([
    ['error_rate_per_minute', 'recent_errors'],
    ['recent_errors', 'error_rate_per_minute'],
  ] as const)('as %s covers %s, which counts the same errors', (signal, other) => {
    const sample = sampleOf({ [other]: 60 })
    const { verdict, effects } = run(startWatch(planOf({ baseline_breached: [signal] })), 400, () => sample)
    expect(verdict).toMatchObject({ kind: 'inconclusive', why: 'breached_before' })
    expect(effects).toEqual([{ kind: 'announce_breached_before', signals: [other] }])
  })

  it('goes on from the heartbeat of a worker that suppressed the one signal only', () => {
    const before = startWatch(planOf({ watch, baseline_breached }))
    const active = [{ signal: 'error_rate_per_minute' as const, below_since: null }]
    const old = { ...before, suppression: { active, exceeded: [] } }
    const { clean_window: _, ...plan } = before.plan
    const begun = { ...old, plan: plan as WatchPlan }
    expect(run(begun, 100, () => broken)).toMatchObject({ verdict: null, state: { suppression: { active } } })
    expect(run(begun, 100, () => sampleOf({ recent_errors: 60 })).verdict?.kind).toBe('breach')
  })

  it('is told of the signal that was, not of another', () => {
    const state = startWatch(planOf({ baseline_breached: ['recent_errors'] }))
    expect(run(state, 50, () => calm).effects).toEqual([])
    const { effects } = run(state, 50, () => sampleOf({ recent_errors: 60 }))
    expect(effects).toEqual([{ kind: 'announce_breached_before', signals: ['recent_errors'] }])
  })

  it.each<[SignalName, HealthSample]>([
    ['error_rate_per_minute', connections],
    ['database_connection_percent', broken],
  ])('as %s does not cover what is counted otherwise', (signal, sample) => {
    const { verdict } = run(startWatch(planOf({ baseline_breached: [signal] })), 299, () => sample)
    expect(verdict?.kind).toBe('breach')
  })

  it.each([
    [true, 300, 'breach'],
    [true, 299, undefined],
    [false, 300, undefined],
  ])('is over with a clean window (%s) of %s seconds', (clean_window, window_seconds, kind) => {
    const brief = { ...watchPolicy, window_seconds }
    const plan = planOf({ phase: 'standby', watch: brief, baseline_breached, clean_window })
    const sample = sampleOf({ error_rate_per_minute: 8, recent_errors: 30 })
    expect(run(startWatch(plan), 400, () => sample).verdict?.kind).toBe(kind)
  })

  it('is not over with what claims to be a clean window before there was any', () => {
    const plan = planOf({ baseline_breached, clean_window: true })
    expect(run(startWatch(plan), 299, () => broken).verdict).toBeNull()
  })
})

describe('standing by after the window', () => {
  const standby = () => startWatch(planOf({ phase: 'standby' }))

  it('ends when an automatic rollback may no longer come', () => {
    const { verdict, second } = run(standby(), 2000, () => calm)
    expect(verdict).toMatchObject({ kind: 'ended', reason: 'No breach within 1800 seconds after the deployment' })
    expect(second).toBe(1800)
  })

  it.each([
    [{ error_rate_per_minute: 8, recent_errors: 25 }, undefined],
    [{ error_rate_per_minute: 8, recent_errors: 26 }, 'breach'],
    [{ recent_errors: 51 }, 'breach'],
    [{ database_connections: 91 }, 'breach'],
  ])('judges %j as %s', (change, kind) => {
    expect(run(standby(), 310, () => sampleOf(change)).verdict?.kind).toBe(kind)
  })

  it('begins where the window ended, by rules of its own from the first moment', () => {
    const { effects } = run(standby(), 340, () => blind)
    expect(effects).toMatchObject([{ kind: 'announce_blind', since: DEPLOYED_AT + 300_000 }])
    const first = tickAt(300, sampleOf({ error_rate_per_minute: 8, recent_errors: 20 }))
    expect(observe(standby(), first).verdict).toBeNull()
  })

  it('by sequential evidence begins with what was counted then', () => {
    const state = startWatch(planOf({ phase: 'standby', thresholds: { ...thresholds, evidence: 'sequential' } }))
    const sample = sampleOf({ recent_errors: 40 })
    const errors = { errors_since_deployed: 500 }
    const first = observe(state, tickAt(301, sample, errors))
    expect(first.verdict).toBeNull()
    expect(observe(first.state, tickAt(302, sample, errors)).verdict).toBeNull()
    expect(observe(first.state, tickAt(302, sample, { errors_since_deployed: 540 })).verdict?.kind).toBe('breach')
  })

  it('sees a newer deployment', () => {
    expect(observe(standby(), tickAt(500, calm, { superseded: true })).verdict?.kind).toBe('superseded')
  })
})

describe('for any series of ticks', () => {
  const tick = fc.record({
    step: fc.integer({ min: -5, max: 90 }),
    sample: fc.constantFrom(calm, calm, calm, broken, blind, sampleOf({ recent_errors: 30 })),
    errors: fc.constantFrom(0, 3, 9, null),
    superseded: fc.integer({ min: 0, max: 30 }).map((n) => n === 0),
    rollback_open: fc.boolean(),
  })
  const plan = fc.record({
    phase: fc.constantFrom('window' as const, 'standby' as const),
    baseline_breached: fc.subarray(['error_rate_per_minute' as const, 'recent_errors' as const]),
    thresholds: fc.constantFrom(thresholds, { ...thresholds, for_seconds: 20 }),
  })

  it('a verdict, once given, is never taken back; no healthy one comes after a breach that counted', () => {
    fc.assert(
      fc.property(plan, fc.array(tick, { maxLength: 60 }), (change, steps) => {
        let state = startWatch(planOf(change))
        let second = 0
        let first: unknown = null
        for (const step of steps) {
          second += step.step
          const { sample, superseded, rollback_open } = step
          const seen = observe(
            state,
            tickAt(second, sample, { superseded, rollback_open, errors_in_window: step.errors }),
          )
          expect(
            observe(
              structuredClone(state),
              tickAt(second, sample, { superseded, rollback_open, errors_in_window: step.errors }),
            ),
          ).toEqual(seen)
          expect(JSON.parse(JSON.stringify(seen.state))).toEqual(seen.state)
          if (first) expect(seen.verdict).toEqual(first)
          first ??= seen.verdict
          if (seen.verdict?.kind === 'healthy') expect(seen.state.breaching_since).toBeNull()
          state = seen.state
        }
      }),
    )
  })

  it('the state stays small enough for a heartbeat', () => {
    const { state } = run(startWatch(planOf()), 299, (s) => (s % 2 === 0 ? calm : blind))
    expect(JSON.stringify(state).length).toBeLessThan(2000)
  })
})
