import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deriveActionProfile } from '../src/action-profile.ts'
import {
  type BrakeEvidence,
  brake,
  DEFAULT_THRESHOLDS,
  type HealthSample,
  isStable,
  judgeSample,
  MODES,
  mayRollBack,
  observe,
  type RollbackEvidence,
  SIGNALS,
  startWatch,
  type Thresholds,
  type WatchState,
} from '../src/index.ts'
import { breached, byMachine, byPerson, calm, evidenceOf, sampleOf, target, thresholds, watchPolicy } from './make.ts'

const T0 = 1_700_000_000_000
const stable = { sample: calm, stable: true }

describe('total: whatever is stored or sent, there is an answer', () => {
  const anyThresholds = fc
    .record(
      Object.fromEntries(
        [
          ...SIGNALS,
          'rate_window_seconds',
          'for_seconds',
          'min_requests',
          'error_percent',
          'evidence',
          'false_alarm_bound',
        ].map((key) => [key, fc.oneof(fc.jsonValue(), fc.constant('sequential'))]),
      ),
      { requiredKeys: [] },
    )
    .map((limits) => limits as unknown as Thresholds)

  it('a sample under any thresholds', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.anything()), anyThresholds, (sample, limits) => {
        const verdict = judgeSample(sample as HealthSample, limits)
        expect(['healthy', 'watching', 'breach', 'unknown']).toContain(verdict.state)
        expect(verdict.signals.map(({ signal }) => signal)).toEqual([...SIGNALS])
        expect(verdict.signals.every(({ threshold }) => Number.isFinite(threshold) && threshold >= 0)).toBe(true)
        expect(verdict.reason).not.toBe('')
        expect(isStable(sample as HealthSample, limits, { breached_recently: true })).toBe(false)
      }),
    )
  })

  it('a watch of any ticks, whose state stays JSON', () => {
    const tick = fc.record({
      sample: fc.oneof(fc.jsonValue(), fc.constant(calm)),
      errors: fc.oneof(fc.integer({ min: 0, max: 1e9 }), fc.constant(null), fc.double()),
      step: fc.integer({ min: -1000, max: 100_000 }),
    })
    fc.assert(
      fc.property(fc.array(tick, { maxLength: 15 }), fc.constantFrom('threshold', 'sequential'), (ticks, evidence) => {
        const plan = {
          phase: 'window',
          deployed_at: T0,
          watch: watchPolicy,
          baseline_breached: [],
          clean_window: false,
        } as const
        let state: WatchState = startWatch({ ...plan, thresholds: { ...thresholds, evidence } as Thresholds })
        let at = T0
        for (const { sample, errors, step } of ticks) {
          at += step
          const seen = observe(state, {
            at,
            sample: sample as never,
            errors_in_window: errors,
            superseded: false,
            rollback_open: false,
          })
          if (seen.verdict === null) expect(JSON.parse(JSON.stringify(seen.state))).toEqual(seen.state)
          state = seen.state
        }
      }),
    )
  })
})

describe('monotone: worse never turns into calm', () => {
  it('in any signal, an exceeded one stays exceeded and a warning stays a warning', () => {
    const fields = [
      'error_rate_per_minute',
      'recent_errors',
      'database_connections',
      'p95_response_ms',
      'memory_percent',
    ] as const
    const amount = fc.double({ min: 0, max: 20_000, noNaN: true })
    fc.assert(
      fc.property(fc.constantFrom(...fields), amount, amount, (field, value, by) => {
        const rank = { healthy: 0, unknown: 0, watching: 1, breach: 2 }
        const before = judgeSample(sampleOf({ [field]: value }), thresholds)
        const worse = judgeSample(sampleOf({ [field]: value + by }), thresholds)
        expect(rank[worse.state]).toBeGreaterThanOrEqual(rank[before.state])
        expect(worse.warnings.length).toBeGreaterThanOrEqual(before.warnings.length)
        before.signals.forEach((finding, index) => {
          expect(rank[worse.signals[index]!.state]).toBeGreaterThanOrEqual(rank[finding.state])
        })
      }),
    )
  })

  it('a higher threshold never makes a breach', () => {
    const sample = fc.record({
      error_rate_per_minute: fc.integer({ min: 0, max: 30 }),
      recent_errors: fc.integer({ min: 0, max: 150 }),
      database_connections: fc.integer({ min: 0, max: 100 }),
    })
    fc.assert(
      fc.property(sample, fc.constantFrom(...SIGNALS), fc.nat(100), (change, signal, by) => {
        const higher = { ...thresholds, [signal]: DEFAULT_THRESHOLDS[signal] + by }
        if (judgeSample(sampleOf(change), thresholds).state !== 'breach') {
          expect(judgeSample(sampleOf(change), higher).state).not.toBe('breach')
        }
      }),
    )
  })

  /** Each makes the evidence worse in one respect. */
  const worse: ((evidence: RollbackEvidence) => RollbackEvidence)[] = [
    (e) => ({ ...e, target: null }),
    (e) => ({ ...e, database: { state: 'inconsistent', detail: 'migration 0004 failed' } }),
    (e) => ({ ...e, checks: e.checks.map((check) => ({ ...check, holds: check.name !== 'deployer_able' })) }),
    (e) => ({ ...e, target: e.target && { ...e.target, known_good: false } }),
    (e) => ({ ...e, target: e.target && { ...e.target, quarantined: true } }),
    (e) => ({ ...e, present: stable, request: byMachine }),
    (e) => ({ ...e, running_event_id: 'other' }),
    (e) => ({ ...e, live: null }),
    (e) => ({
      ...e,
      migrations: { policy: 'undo', newer: [...e.migrations.newer, { name: '0009', has_rollback_script: false }] },
    }),
    (e) => ({
      ...e,
      request: { ...e.request, trigger_type: 'automatic', person: false },
      deployment: { ...e.deployment, automatic_tried: true },
    }),
    (e) => ({
      ...e,
      request: { ...e.request, trigger_type: 'automatic', person: false },
      deployment: { ...e.deployment, is_replacement: true },
    }),
  ]
  const evidence = fc
    .record({
      target: fc.constantFrom(target, null, { ...target, entropy: 0.95 }, { ...target, entropy: null }),
      present: fc.constantFrom(breached.present, stable),
      request: fc.constantFrom(byPerson, breached.request),
      database: fc.constantFrom(
        { state: 'consistent' as const, detail: null },
        { state: 'unknown' as const, detail: null },
      ),
    })
    .map((change) => evidenceOf(change))

  it('for a decision, worse evidence never turns a refusal into a rollback', () => {
    fc.assert(
      fc.property(evidence, fc.array(fc.constantFrom(...worse), { minLength: 1, maxLength: 3 }), (e, changes) => {
        const after = mayRollBack(changes.reduce((given, change) => change(given), e))
        expect(after.allowed).toBe(false)
      }),
    )
  })

  it('a higher entropy of the target never makes an unlawful rollback lawful', () => {
    const entropy = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(entropy, entropy, (a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)]
        const decided = (value: number) => mayRollBack(evidenceOf({ target: { ...target, entropy: value } })).allowed
        if (!decided(low)) expect(decided(high)).toBe(false)
        const derived = (value: number) =>
          deriveActionProfile(evidenceOf({ target: { ...target, entropy: value } })).profile
        expect(derived(high)!.entropy_increase!).toBeGreaterThanOrEqual(derived(low)!.entropy_increase!)
      }),
    )
  })

  it('one more brake never lets the guard go further', () => {
    const reach = { observe: 0, ask: 1, auto: 2 }
    const free = fc.record<BrakeEvidence>({
      mode: fc.constantFrom(...MODES),
      frozen: fc.boolean(),
      automatic_last_hour: fc.nat(5),
      hourly_cap: fc.nat(5),
      services_breaching: fc.nat(5),
      late: fc.boolean(),
    })
    const brakes: ((e: BrakeEvidence) => BrakeEvidence)[] = [
      (e) => ({ ...e, frozen: true }),
      (e) => ({ ...e, late: true }),
      (e) => ({ ...e, services_breaching: Number(e.services_breaching) + 1 }),
      (e) => ({ ...e, automatic_last_hour: e.automatic_last_hour + 1 }),
      (e) => ({ ...e, hourly_cap: Math.max(0, e.hourly_cap - 1) }),
      (e) => ({ ...e, mode: e.mode === 'auto' ? 'ask' : 'observe' }),
    ]
    fc.assert(
      fc.property(free, fc.constantFrom(...brakes), (e, more) => {
        const [before, after] = [brake(e), brake(more(e))]
        expect(reach[after.action]).toBeLessThanOrEqual(reach[before.action])
        expect(after.reason === null).toBe(after.action === 'auto')
      }),
    )
  })
})
