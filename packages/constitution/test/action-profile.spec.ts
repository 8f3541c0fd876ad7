import { describe, expect, it } from 'vitest'
import { deriveActionProfile } from '../src/action-profile.ts'
import { evaluateLaws } from '../src/index.ts'
import { blind, breached, calm, evidenceOf, sampleOf, target } from './make.ts'

const newer = [
  { name: '0003_more', has_rollback_script: true },
  { name: '0002_add', has_rollback_script: false },
]

const NAMES = { a: 'deployer_able', b: 'record_matches_reality', c: 'schema_compatible' } as const

describe('the profile of a rollback', () => {
  it('is the harmonic one for a known-good target that is calmer than the present', () => {
    const { profile, trace, warnings } = deriveActionProfile(breached)
    expect(profile).toEqual({
      method_type: 'harmonic_resonance',
      risk_to_life: 0,
      entropy_increase: 0.02 - 0.85,
      geometric_ratio: 1.618,
      target_frequency: 7.83,
      description: 'Rollback deployment: High error rate: 8.5 errors/minute',
    })
    expect(warnings).toEqual([])
    expect(Object.fromEntries(trace.map(({ field, value }) => [field, value]))).toEqual(profile)
    expect(trace.find(({ field }) => field === 'entropy_increase')?.from).toBe(
      "the target's recorded entropy 0.02 less the present 0.85",
    )
  })

  it('does not exist without a target', () => {
    expect(deriveActionProfile(evidenceOf({ target: null }))).toEqual({ profile: null, trace: [], warnings: [] })
  })

  it.each([
    [{ known_good: false }, true, 'brute_force', 0, 'target v2.5.2 never was known-good and was forced by a person'],
    [{ known_good: false }, false, 'brute_force', 0, 'target v2.5.2 never was known-good'],
    [
      { quarantined: true },
      true,
      'brute_force',
      0,
      'target v2.5.2 is of a quarantined commit and was forced by a person',
    ],
    [{}, true, 'harmonic_resonance', 7.83, 'target v2.5.2 is known-good'],
  ])('for a target with %j, forced: %s, is %s', (change, forced_target, method_type, target_frequency, from) => {
    const { profile, trace } = deriveActionProfile(evidenceOf({ target: { ...target, ...change }, forced_target }))
    expect(profile).toMatchObject({ method_type, target_frequency })
    expect(trace[0]?.from).toBe(from)
  })

  it.each([
    [{ migrations: { policy: 'undo', newer } }, 1, 'these migrations have no rollback script: 0002_add'],
    [
      { migrations: { policy: 'undo', newer: newer.slice(0, 1) } },
      0,
      'every newer migration has a rollback script; the database is consistent',
    ],
    [{ migrations: { policy: 'keep', newer } }, 0, 'migrations are kept; the database is consistent'],
    [{ database: { state: 'inconsistent', detail: '0004 failed' } }, 1, 'the database is inconsistent (0004 failed)'],
    [
      { database: { state: 'unknown', detail: null } },
      0,
      'migrations are kept; the database is not known to be inconsistent',
    ],
  ] as const)('for %j carries a risk of %s', (change, risk_to_life, from) => {
    const { profile, trace } = deriveActionProfile(evidenceOf(change as never))
    expect(profile).toMatchObject({ risk_to_life })
    expect(trace[1]?.from).toBe(from)
  })

  it('says every risk, in one order', () => {
    const unscripted = ['0005_c', '0004_b', '0006_d'].map((name) => ({ name, has_rollback_script: false }))
    const { profile, trace, warnings } = deriveActionProfile(
      evidenceOf({
        migrations: { policy: 'undo', newer: [...newer, ...unscripted] },
        database: { state: 'inconsistent', detail: null },
      }),
    )
    expect(profile?.risk_to_life).toBe(1)
    expect(trace[1]?.from).toBe(
      'these migrations have no rollback script: 0002_add, 0004_b, 0005_c, 0006_d; the database is inconsistent',
    )
    expect(warnings).toEqual([
      'Migrations newer than the target stay in place if this is overridden: 0002_add, 0003_more, 0004_b, 0005_c, 0006_d',
    ])
  })

  it('warns where the state of migrations cannot be read', () => {
    const database = { state: 'unknown', detail: 'permission denied' } as const
    expect(deriveActionProfile(evidenceOf({ database })).warnings).toEqual([
      'The state of migrations cannot be read (permission denied)',
    ])
  })

  it.each([
    [null, breached.present, "the target's entropy is unknown and the system is unstable"],
    [null, { sample: calm, stable: true }, "the target's entropy is unknown and the system is stable"],
    [0.0204, breached.present, "the target's recorded entropy 0.02 less the present 0.85"],
    [0.0206, breached.present, "the target's recorded entropy 0.021 less the present 0.85"],
    [0.02, { sample: blind, stable: false }, 'present entropy cannot be read'],
  ])('tells where its entropy comes from: %s and %j', (entropy, present, from) => {
    const { trace } = deriveActionProfile(evidenceOf({ target: { ...target, entropy }, present }))
    expect(trace[2]?.from).toBe(from)
    expect(trace[5]?.from).toBe('the reason given with the request')
  })

  it('says which newer migrations stay, whatever order they come in', () => {
    const expected = ['Migrations newer than the target stay in place: 0002_add, 0003_more']
    for (const order of [newer, [...newer].reverse()]) {
      expect(deriveActionProfile(evidenceOf({ migrations: { policy: 'keep', newer: order } })).warnings).toEqual(
        expected,
      )
    }
  })

  it.each([
    [0.02, calm, true, 0.02],
    [0.9, breached.present.sample, false, 0.9 - 0.85],
    [0, calm, true, 0],
    [null, breached.present.sample, false, -0.1],
    [null, calm, true, 0],
    [0.02, blind, false, null],
    [null, blind, false, null],
  ])('target entropy %s, present %j (stable: %s) → increase %s', (entropy, sample, stable, increase) => {
    const { profile } = deriveActionProfile(evidenceOf({ target: { ...target, entropy }, present: { sample, stable } }))
    expect(profile?.entropy_increase).toBe(increase)
    expect(Object.is(profile?.entropy_increase, -0)).toBe(false)
  })

  it('with present entropy unreadable is refused by total coherence, naming the field', () => {
    const { profile } = deriveActionProfile(evidenceOf({ present: { sample: blind, stable: false } }))
    const { violated, violations } = evaluateLaws(profile, { entropy: null })
    expect(violated).toEqual(['total_coherence'])
    expect(violations.join()).toContain('entropy_increase')
  })

  it('loses its proportion with every structural check that fails', () => {
    const unable = { name: 'deployer_able', holds: false, detail: 'no token' } as const
    const checks = [unable, ...breached.checks.slice(1)]
    const { profile, trace } = deriveActionProfile(evidenceOf({ checks }))
    expect(profile?.geometric_ratio).toBeCloseTo(1.618 * 0.75)
    expect(trace[3]?.from).toBe('3 of 4 structural checks hold; failed: deployer_able (no token)')
  })

  it('finds a target that was not recorded whole', () => {
    const { profile, trace } = deriveActionProfile(evidenceOf({ target: { ...target, git_branch: ' ' } }))
    expect(profile?.geometric_ratio).toBeCloseTo(1.618 * 0.75)
    expect(trace[3]?.from).toBe(
      '3 of 4 structural checks hold; failed: target_recorded_whole (version, commit, branch)',
    )
  })

  it('leaves out what nobody can answer or did not, with a warning', () => {
    const checks = [{ name: 'record_matches_reality', holds: null, detail: 'the deployer cannot tell' } as const]
    const { profile, warnings } = deriveActionProfile(evidenceOf({ checks }))
    expect(profile?.geometric_ratio).toBe(1.618)
    expect(warnings).toEqual([
      'Nobody can answer deployer_able: it is left out',
      'Nobody can answer record_matches_reality (the deployer cannot tell): it is left out',
      'Nobody can answer schema_compatible: it is left out',
    ])
  })

  it('counts no check that nobody can answer', () => {
    const checks = [{ name: 'deployer_able', holds: false } as const]
    const { profile, trace } = deriveActionProfile(evidenceOf({ checks }))
    expect(trace[3]?.from).toBe('1 of 2 structural checks hold; failed: deployer_able')
    expect(profile?.geometric_ratio).toBeCloseTo(1.618 / 2)
  })

  it.each([['abc'], ['acb'], ['bac'], ['bca'], ['cab'], ['cba']])('tells checks in one order, given as %s', (order) => {
    const told = (holds: boolean | null) =>
      deriveActionProfile(
        evidenceOf({ checks: [...order].map((letter) => ({ name: NAMES[letter as 'a' | 'b' | 'c'], holds })) }),
      )
    const { profile, trace } = told(false)
    expect(trace[3]?.from).toBe(`1 of 4 structural checks hold; failed: ${Object.values(NAMES).join(', ')}`)
    expect(profile?.geometric_ratio).toBeCloseTo(1.618 / 4)
    expect(told(null).warnings).toEqual(Object.values(NAMES).map((name) => `Nobody can answer ${name}: it is left out`))
  })

  it('takes its entropy from what was sampled, not from a verdict', () => {
    const present = { sample: sampleOf({ recent_errors: 30 }), stable: false }
    expect(deriveActionProfile(evidenceOf({ present })).profile?.entropy_increase).toBeCloseTo(0.02 - 0.3)
  })
})
