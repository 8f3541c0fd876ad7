import { describe, expect, it } from 'vitest'
import {
  type HealthSample,
  observeVerification,
  startVerification,
  type VerificationState,
  type VerificationTick,
} from '../src/index.ts'
import { blind, broken, calm, thresholds, watchPolicy } from './make.ts'

const DEPLOYED_AT = 1_700_000_000_000
const start = () => startVerification({ deployed_at: DEPLOYED_AT, thresholds, watch: watchPolicy })
const tickAt = (seconds: number, sample: HealthSample = calm, change: Partial<VerificationTick> = {}) => ({
  at: DEPLOYED_AT + seconds * 1000,
  sample,
  errors_total: 0,
  superseded: false,
  ...change,
})

function run(
  sampleAt: (second: number) => HealthSample,
  errorsAt: (second: number) => number | null = () => 0,
  state: VerificationState = start(),
) {
  let announced = 0
  for (let second = 1; second <= 400; second += 1) {
    const tick = tickAt(second, sampleAt(second), { errors_total: errorsAt(second) })
    const seen = observeVerification(JSON.parse(JSON.stringify(state)), tick)
    state = seen.state
    if (seen.announce_blind) announced += 1
    if (seen.verdict) return { ...seen.verdict, second, announced, state }
  }
  throw new Error('no verdict')
}

describe('a rollback is', () => {
  it('verified by a clean stretch after the drain', () => {
    expect(run(() => calm)).toMatchObject({ kind: 'verified', second: 65 })
  })

  it('verified later after a breach, which starts the stretch again', () => {
    expect(run((s) => (s >= 10 && s <= 30 ? broken : calm))).toMatchObject({ kind: 'verified', second: 90 })
  })

  it('not held back by what happens in the drain', () => {
    expect(
      run(
        (s) => (s < 5 ? broken : calm),
        (s) => Math.min(s, 4),
      ),
    ).toMatchObject({ kind: 'verified', second: 65 })
  })

  it('unhealthy when last seen in breach at the deadline', () => {
    expect(run(() => broken)).toMatchObject({
      kind: 'unhealthy',
      reason: 'High error rate: 8.5 errors/minute',
      second: 305,
    })
    expect(run((s) => (s < 200 ? broken : blind))).toMatchObject({ kind: 'unhealthy', second: 305 })
  })

  it('unverified when it could not be told', () => {
    expect(run(() => blind)).toMatchObject({ kind: 'unverified', second: 305, announced: 1 })
    expect(run((s) => (s < 280 ? broken : calm))).toMatchObject({
      kind: 'unverified',
      reason: '300 seconds passed: the stretch without a breach is 26 seconds long',
    })
    expect(
      run(
        () => calm,
        () => null,
      ),
    ).toMatchObject({ kind: 'unverified' })
  })

  it('unverified while its errors rise, though none is a breach', () => {
    const rising = run(
      () => calm,
      (s) => Math.floor((s * s) / 1000),
    )
    expect(rising.kind).toBe('unverified')
    expect(rising.reason).toMatch(/^300 seconds passed: errors rise: \d+ in the second half of the stretch after \d+/)
  })

  it('verified when errors fade or stay level', () => {
    expect(
      run(
        () => calm,
        (s) => Math.min(s, 20),
      ),
    ).toMatchObject({ kind: 'verified', second: 65 })
    expect(
      run(
        () => calm,
        (s) => Math.floor(s / 15),
      ),
    ).toMatchObject({ kind: 'verified' })
  })

  it.each([
    [12, 65],
    [13, 70],
  ])('verified after %s blind seconds at second %s', (seconds, second) => {
    expect(run((s) => (s > 20 && s <= 20 + seconds ? blind : calm))).toMatchObject({ kind: 'verified', second })
  })

  it('ended by a newer deployment', () => {
    expect(observeVerification(start(), tickAt(3, broken, { superseded: true })).verdict).toMatchObject({
      kind: 'superseded',
      reason: 'A newer deployment is live',
    })
  })

  it('judged once: the verdict stays, and what comes later is neither kept nor told', () => {
    const { state } = run(() => calm)
    const { verdict, keep_sample, announce_blind } = observeVerification(state, tickAt(170, blind))
    expect({ kind: verdict?.kind, keep_sample, announce_blind }).toEqual({
      kind: 'verified',
      keep_sample: false,
      announce_blind: false,
    })
  })

  it('judged from the very moment the drain ends', () => {
    expect(run((s) => (s < 5 ? calm : s === 5 ? broken : blind))).toMatchObject({
      kind: 'unhealthy',
      reason: 'The last health that could be read was in breach',
    })
    expect(run((s) => (s < 5 ? broken : blind)).kind).toBe('unverified')
  })

  it.each<[string, (second: number) => HealthSample, (second: number) => number | null]>([
    ['health cannot be read: error_rate_per_minute, postgres, recent_errors', (s) => (s > 60 ? blind : calm), () => 0],
    [
      'health could not be read for 61 seconds of it',
      (s) => (s > 100 && s <= 161 ? blind : calm),
      (s) => Math.min(s, 5),
    ],
    ['errors cannot be counted', () => calm, (s) => (s < 60 ? 0 : null)],
    ['errors cannot be counted', () => calm, (s) => (s < 305 ? 7 : null)],
  ])('unverified where %s', (missing, sampleAt, errorsAt) => {
    const tick = (second: number) => tickAt(second, sampleAt(second), { errors_total: errorsAt(second) })
    let state = start()
    // Nothing but what this is about may speak against it.
    for (let second = 1; second < 305; second += 1)
      state = { ...observeVerification(state, tick(second)).state, verdict: null }
    expect(observeVerification(state, tick(305)).verdict).toMatchObject({
      kind: 'unverified',
      reason: `300 seconds passed: ${missing}`,
    })
  })

  it('verified in words', () => {
    expect(run(() => calm).reason).toBe('No breach for 60 seconds, and errors did not rise')
  })

  it.each<[string, (second: number) => number | null, number]>([
    ['of the drain', (s) => Math.min(s, 4) + (s >= 50 ? 1 : 0), 95],
    ['at the drain’s end', (s) => (s >= 5 ? 3 : 0) + (s >= 50 ? 1 : 0), 95],
    ['before the first that could be counted', (s) => (s < 20 ? null : s >= 50 ? 4 : 3), 95],
    ['of moments that could not be counted', (s) => (s > 40 && s < 60 ? null : s >= 60 ? 4 : 3), 115],
  ])('not made to look better by errors %s', (_when, errorsAt, second) => {
    expect(run(() => calm, errorsAt)).toMatchObject({ kind: 'verified', second })
  })

  it('told what it counted, once for every change, in order', () => {
    const counts = (...ticks: [second: number, errors: number | null][]) =>
      ticks
        .reduce(
          (state, [second, errors_total]) => observeVerification(state, tickAt(second, calm, { errors_total })).state,
          start(),
        )
        .counts.map(({ at, errors }) => [(at - DEPLOYED_AT) / 1000, errors])
    expect(start().counts).toEqual([])
    expect(counts([1, 0], [2, 0], [3, 2], [4, 2], [5, null], [6, 2], [7, 3])).toEqual([
      [1, 0],
      [3, 2],
      [7, 3],
    ])
    expect(counts([10, 1], [9, 5], [10, 2], [11, 1])).toEqual([
      [10, 1],
      [10, 2],
      [11, 1],
    ])
  })

  it('judged through no more than the last count when a breach starts it again', () => {
    let state = start()
    for (const [second, errors_total] of [
      [6, 1],
      [7, 4],
      [8, 9],
    ] as const) {
      state = observeVerification(state, tickAt(second, second === 8 ? broken : calm, { errors_total })).state
    }
    expect(state.counts).toEqual([{ at: DEPLOYED_AT + 8000, errors: 9 }])
    const once = observeVerification(start(), tickAt(6, broken, { errors_total: 1 })).state
    expect(once.counts).toEqual([{ at: DEPLOYED_AT + 6000, errors: 1 }])
  })

  it('judged through a state that stays small', () => {
    const { state } = run(
      () => calm,
      (s) => s * s,
    )
    expect(JSON.stringify(state).length).toBeLessThan(20_000)
  })
})
