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
    expect(observeVerification(start(), tickAt(3, broken, { superseded: true })).verdict?.kind).toBe('superseded')
  })

  it('judged once: the verdict stays', () => {
    const { state } = run(() => calm)
    expect(observeVerification(state, tickAt(70, broken)).verdict?.kind).toBe('verified')
  })

  it('judged through a state that stays small', () => {
    const { state } = run(
      () => calm,
      (s) => s * s,
    )
    expect(JSON.stringify(state).length).toBeLessThan(20_000)
  })
})
