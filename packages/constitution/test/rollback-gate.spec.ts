import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mayRollBack, type Override, type RollbackEvidence, VIOLATIONS, type ViolationName } from '../src/index.ts'
import { breached, byMachine, byPerson, calm, evidenceOf, target } from './make.ts'

const stable = { sample: calm, stable: true }
const inconsistent = { state: 'inconsistent', detail: 'migration 0004_pay failed' } as const
const undoing = { policy: 'undo', newer: [{ name: '0002_add', has_rollback_script: false }] } as const
const never = { ...target, known_good: false }
const worse = { ...target, entropy: 0.9 }
const failing = { name: 'deployer_able', holds: false, detail: './deploy.sh is not there' } as const
const unable: RollbackEvidence['checks'] = [failing]

const overrideOf = (violations: readonly ViolationName[], change: Partial<Override> = {}): Override => ({
  deployment_id: 'bad',
  violations,
  reason: 'customers cannot pay',
  authorised: true,
  ...change,
})

const codeOf = (decision: ReturnType<typeof mayRollBack>) => (decision.allowed ? 'allowed' : decision.code)

describe('a rollback', () => {
  it('of a breached deployment to a known-good one is lawful', () => {
    const decision = mayRollBack(breached)
    expect(decision).toMatchObject({ allowed: true, warnings: [], overridden: [] })
    expect(decision.validation).toMatchObject({ compliant: true, violations: [], warnings: [], violated: [] })
  })

  it.each<[Partial<RollbackEvidence>, ViolationName[]]>([
    [{ present: stable }, ['stable_system']],
    [{ present: stable, request: byMachine }, ['stable_system']],
    [{ target: null }, ['no_target']],
    [{ target: { ...target, deployment_id: 'bad' } }, ['no_target']],
    [{ database: inconsistent }, ['inhabitance', 'database_inconsistent']],
    [{ migrations: { ...undoing, newer: [...undoing.newer] } }, ['inhabitance']],
    [{ target: never, forced_target: true }, ['harmonic_attraction']],
    [{ target: worse }, ['total_coherence']],
    [{ checks: unable }, ['structural_integrity']],
    [
      { target: { ...never, entropy: 1 }, database: inconsistent, checks: unable },
      ['inhabitance', 'harmonic_attraction', 'total_coherence', 'structural_integrity', 'database_inconsistent'],
    ],
  ])('with %j violates %j', (change, violated) => {
    const decision = mayRollBack(evidenceOf(change))
    expect(decision.allowed).toBe(false)
    expect(decision.validation.violated).toEqual(violated)
    if (decision.allowed) return
    expect(decision.overridable).toBe(!violated.includes('no_target'))
    expect(new Set(decision.reasons.map(({ name }) => name))).toEqual(new Set(violated))
    expect(decision.reasons.every(({ message, way_out }) => message !== '' && way_out !== '')).toBe(true)
  })

  it('to a worse state says so in the words of the law', () => {
    expect(mayRollBack(evidenceOf({ target: worse })).validation.violations).toEqual([
      'Law of Total Coherence violated: Cannot increase entropy when system unstable',
    ])
  })

  it('that risks data names the risk', () => {
    const decision = mayRollBack(evidenceOf({ database: inconsistent }))
    expect(decision).toMatchObject({
      reasons: [
        {
          name: 'inhabitance',
          message:
            'Law of Inhabitance violated: risk_to_life must be 0, was 1: the database is inconsistent (migration 0004_pay failed)',
        },
        { name: 'database_inconsistent', message: 'Database in inconsistent state: migration 0004_pay failed' },
      ],
    })
  })

  it('whose plan does not hold together names the check that failed, wherever it is told', () => {
    const checks = [failing, ...breached.checks.slice(1)]
    const told =
      'Law of Structural Integrity violated: geometric_ratio must be within 0.1 of 1.618, was 1.2135: ' +
      '3 of 4 structural checks hold; failed: deployer_able (./deploy.sh is not there)'
    const decision = mayRollBack(evidenceOf({ checks, target: worse }))
    expect(decision).toMatchObject({ reasons: [{ name: 'total_coherence' }, { message: told }] })
    const coherence = 'Law of Total Coherence violated: Cannot increase entropy when system unstable'
    expect(decision.validation.violations).toEqual([coherence, told])
    const messages = decision.validation.findings.map(({ message }) => message)
    expect(messages).toEqual([
      'Law of Inhabitance upheld: risk_to_life 0',
      'Law of Harmonic Attraction upheld: harmonic_resonance at 7.83 Hz',
      coherence,
      told,
    ])
  })

  it('without a target begins with the promised words', () => {
    const decision = mayRollBack(evidenceOf({ target: null, database: inconsistent }))
    expect(decision).toMatchObject({ code: 'no_valid_target', overridable: false, profile: null, trace: [] })
    expect(decision.validation).toMatchObject({
      violations: [
        'No valid rollback target found for storefront in production',
        'Database in inconsistent state: migration 0004_pay failed',
      ],
      warnings: [],
      findings: [],
    })
    if (!decision.allowed) expect(decision.reasons[0]?.message).toMatch(/^No valid rollback target found/)
  })

  it.each([
    [
      { request: byPerson },
      'The system is stable: this rollback rests on the stated reason, "Critical bug in payment flow"',
    ],
    [
      { request: { trigger_type: 'constitutional_violation', person: false, reason: 'declared risk' } as const },
      'The system is stable: this rollback rests on the stated reason, "declared risk"',
    ],
  ])('of a stable system is allowed with a warning: %j', (change, warning) => {
    expect(mayRollBack(evidenceOf({ present: stable, ...change }))).toMatchObject({
      allowed: true,
      warnings: [warning],
    })
  })

  it('of an unstable system needs no such warning, whoever asks', () => {
    expect(mayRollBack(evidenceOf({ request: byPerson })).warnings).toEqual([])
  })

  it.each<[string, Partial<RollbackEvidence>]>([
    ['rollback_in_progress', { running_event_id: 'other', live: null, target: null, present: stable }],
    ['deployment_not_live', { live: { ...target }, target: null, present: stable }],
    ['deployment_not_live', { live: null }],
    ['replacement_not_automatic', { deployment: { ...breached.deployment, is_replacement: true }, target: null }],
    ['automatic_already_tried', { deployment: { ...breached.deployment, automatic_tried: true }, target: null }],
    ['no_valid_target', { target: null, present: stable }],
    ['constitutional_rejection', { present: stable }],
  ])('is answered %s before anything later in the order', (code, change) => {
    expect(codeOf(mayRollBack(evidenceOf(change)))).toBe(code)
    const override = overrideOf(VIOLATIONS)
    if (code !== 'constitutional_rejection') expect(codeOf(mayRollBack(evidenceOf(change), override))).toBe(code)
  })

  it('of a deployment that has filled its database is lawful, though its errors cannot be read', () => {
    const full = { database_connections: 100, max_database_connections: 100 }
    const sample = {
      ...calm,
      ...full,
      error_rate_per_minute: null,
      recent_errors: null,
      unavailable: ['recent_errors'],
    }
    expect(mayRollBack(evidenceOf({ present: { sample, stable: false } }))).toMatchObject({ allowed: true })
  })

  it.each([
    ['is_replacement', 'replacement_not_automatic'],
    ['automatic_tried', 'automatic_already_tried'],
  ])('minds %s where nobody asked for it, and only there', (fact, code) => {
    const deployment = { ...breached.deployment, [fact]: true }
    const asked = (trigger_type: RollbackEvidence['request']['trigger_type'], person: boolean) =>
      codeOf(mayRollBack(evidenceOf({ deployment, request: { trigger_type, person, reason: 'declared risk' } })))
    expect(asked('automatic', false)).toBe(code)
    expect(asked('constitutional_violation', false)).toBe(code)
    expect(asked('automatic', true)).toBe('allowed')
    expect(asked('constitutional_violation', true)).toBe('allowed')
    // A client's own request is deliberate.
    expect(asked('manual', false)).toBe('allowed')
    expect(asked('manual', true)).toBe('allowed')
  })

  it('with any check that fails is refused, however many others hold or are left out', () => {
    const names = ['deployer_able', 'schema_compatible', 'record_matches_reality'] as const
    const answers = [undefined, null, true, false]
    for (const [a, b, c] of answers.flatMap((x) => answers.flatMap((y) => answers.map((z) => [x, y, z])))) {
      const checks = names.flatMap((name, index) => {
        const holds = [a, b, c][index]
        return holds === undefined ? [] : [{ name, holds }]
      })
      for (const git_branch of ['main', '']) {
        const { validation } = mayRollBack(evidenceOf({ checks, target: { ...target, git_branch } }))
        const failed = git_branch === '' || [a, b, c].includes(false)
        expect(validation.violated).toEqual(failed ? ['structural_integrity'] : [])
        expect(validation.warnings).toHaveLength([a, b, c].filter((holds) => typeof holds !== 'boolean').length)
      }
    }
  })
})

describe('an override', () => {
  const refused = evidenceOf({ database: inconsistent, request: byPerson })

  it('lifts what it names, and leaves what was found on record', () => {
    const decision = mayRollBack(refused, overrideOf(['database_inconsistent', 'inhabitance']))
    expect(decision).toMatchObject({ allowed: true, overridden: ['inhabitance', 'database_inconsistent'] })
    expect(decision.validation.compliant).toBe(false)
    expect(decision.warnings).toContain('Overridden: inhabitance, database_inconsistent. Reason: customers cannot pay')
  })

  it.each([
    ['override_not_covering', overrideOf(['inhabitance'])],
    ['override_not_covering', overrideOf([...VIOLATIONS], { deployment_id: 'another' })],
    ['override_incomplete', overrideOf([...VIOLATIONS], { reason: '  ' })],
    ['forbidden', overrideOf([...VIOLATIONS], { authorised: false })],
  ])('is refused as %s: %j', (code, override) => {
    expect(mayRollBack(refused, override)).toMatchObject({ allowed: false, code, overridden: [] })
  })

  it('is not needed where nothing is violated any more', () => {
    const decision = mayRollBack(breached, overrideOf(['inhabitance']))
    expect(decision).toMatchObject({ allowed: true, overridden: [], warnings: [] })
  })

  it('is on record with its reason, as it was meant', () => {
    const decision = mayRollBack(
      refused,
      overrideOf(['inhabitance', 'database_inconsistent'], { reason: ' by hand\n' }),
    )
    expect(decision.warnings.at(-1)).toBe('Overridden: inhabitance, database_inconsistent. Reason: by hand')
  })
})

describe('for any evidence', () => {
  const anyEvidence = fc
    .record({
      target: fc.constantFrom(null, target, never, worse, { ...target, entropy: null }),
      forced_target: fc.boolean(),
      present: fc.constantFrom(stable, breached.present),
      database: fc.constantFrom(
        inconsistent,
        { state: 'consistent', detail: null },
        { state: 'unknown', detail: null },
      ),
      migrations: fc.record({
        policy: fc.constantFrom('keep', 'undo'),
        newer: fc.array(fc.record({ name: fc.string(), has_rollback_script: fc.boolean() }), { maxLength: 4 }),
      }),
      checks: fc.uniqueArray(
        fc.record({
          name: fc.constantFrom('deployer_able', 'schema_compatible'),
          holds: fc.constantFrom(true, false, null),
        }),
        { maxLength: 2, selector: ({ name }) => name },
      ),
      request: fc.constantFrom(byPerson, byMachine, breached.request),
    })
    .map((change) => evidenceOf(change as Partial<RollbackEvidence>))

  it('an override allows exactly when it names every violation, and none is the missing target', () => {
    fc.assert(
      fc.property(anyEvidence, fc.subarray([...VIOLATIONS]), (evidence, names) => {
        const { violated } = mayRollBack(evidence).validation
        const covered = violated.every((name) => names.includes(name)) && !violated.includes('no_target')
        const decision = mayRollBack(evidence, overrideOf(names))
        expect(decision.allowed).toBe(covered)
        expect(decision.overridden).toEqual(covered ? violated : [])
      }),
    )
  })

  it('is allowed without an override exactly when nothing is violated', () => {
    fc.assert(
      fc.property(anyEvidence, (evidence) => {
        const decision = mayRollBack(evidence)
        expect(decision.allowed).toBe(decision.validation.violated.length === 0)
        expect(decision.validation.compliant).toBe(decision.allowed)
        expect(decision.validation.violations.length > 0).toBe(!decision.allowed)
      }),
    )
  })

  it('the order of evidence does not matter, and JSON carries all of it', () => {
    fc.assert(
      fc.property(anyEvidence, (evidence) => {
        const turned = {
          ...evidence,
          checks: [...evidence.checks].reverse(),
          migrations: { ...evidence.migrations, newer: [...evidence.migrations.newer].reverse() },
        }
        const decision = mayRollBack(evidence)
        expect(mayRollBack(turned)).toEqual(decision)
        expect(mayRollBack(JSON.parse(JSON.stringify(evidence)))).toEqual(JSON.parse(JSON.stringify(decision)))
      }),
    )
  })
})
