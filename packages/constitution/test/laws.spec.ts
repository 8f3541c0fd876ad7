import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { evaluateLaws, LAWS, RULES } from '../src/index.ts'

const rollback = {
  method_type: 'harmonic_resonance',
  risk_to_life: 0,
  entropy_increase: -0.1,
  geometric_ratio: 1.618,
  target_frequency: 7.83,
  description: 'Rollback deployment: High error rate',
}
const unstable = { entropy: 0.5 }

describe('the four laws', () => {
  it('uphold the rollback of an unstable system to a known-good state', () => {
    const validation = evaluateLaws(rollback, unstable)
    expect(validation).toMatchObject({ compliant: true, violations: [], warnings: [], violated: [] })
    expect(validation.findings.map(({ law, passed }) => [law, passed])).toEqual(LAWS.map((law) => [law, true]))
    expect(validation.findings.map(({ rule }) => rule)).toEqual(LAWS.map((law) => RULES[law]))
  })

  it.each([
    [
      { risk_to_life: 0.0001 },
      unstable,
      'inhabitance',
      'Law of Inhabitance violated: risk_to_life must be 0, was 0.0001',
    ],
    [{ risk_to_life: -1 }, unstable, 'inhabitance', 'Law of Inhabitance violated: risk_to_life must be 0, was -1'],
    [
      { method_type: 'brute_force', target_frequency: 0 },
      unstable,
      'harmonic_attraction',
      'Law of Harmonic Attraction violated: brute_force without 7.83 Hz, was 0 Hz',
    ],
    [
      { entropy_increase: 0.0001 },
      { entropy: 0.1 },
      'total_coherence',
      'Law of Total Coherence violated: Cannot increase entropy when system unstable',
    ],
    [
      { geometric_ratio: 1.2135 },
      unstable,
      'structural_integrity',
      'Law of Structural Integrity violated: geometric_ratio must be within 0.1 of 1.618, was 1.2135',
    ],
  ])('refuse %j in %j', (change, evidence, law, message) => {
    const validation = evaluateLaws({ ...rollback, ...change }, evidence)
    expect(validation).toMatchObject({ compliant: false, violations: [message], violated: [law] })
    expect(validation.findings.find((finding) => finding.law === law)).toMatchObject({ passed: false, message })
  })

  it.each([
    [{ entropy_increase: 0.3 }, { entropy: 0.0999 }, []],
    [{ entropy_increase: 0 }, { entropy: 1 }, []],
    [{ method_type: 'brute_force' }, unstable, []],
    [{ geometric_ratio: 1.619 }, unstable, []],
    [{ geometric_ratio: 1.6191 }, unstable, ['geometric_ratio 1.6191 is off 1.618']],
    [{ geometric_ratio: 1.718 }, unstable, ['geometric_ratio 1.718 is off 1.618']],
    [{ geometric_ratio: 1.518 }, unstable, ['geometric_ratio 1.518 is off 1.618']],
    [{ target_frequency: 8 }, unstable, ['target_frequency is 8 Hz, not 7.83 Hz']],
  ])('allow %j in %j, with warnings %j', (change, evidence, warnings) => {
    expect(evaluateLaws({ ...rollback, ...change }, evidence)).toMatchObject({ compliant: true, warnings })
  })

  it.each([1.7181, 1.5179])('refuse a ratio of %s, just beyond the bound', (geometric_ratio) => {
    expect(evaluateLaws({ ...rollback, geometric_ratio }, unstable).violated).toEqual(['structural_integrity'])
  })

  it('collect all violations', () => {
    const worst = { ...rollback, method_type: 'brute_force', target_frequency: 1, risk_to_life: 1, entropy_increase: 1 }
    expect(evaluateLaws({ ...worst, geometric_ratio: 0 }, unstable)).toMatchObject({ violated: [...LAWS] })
  })
})

describe('malformed input', () => {
  const bad = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, undefined, null, '0', [], {}, true]
  const fields = [
    ['risk_to_life', 'inhabitance'],
    ['entropy_increase', 'total_coherence'],
    ['geometric_ratio', 'structural_integrity'],
    ['target_frequency', 'harmonic_attraction'],
  ]
  const table = fields.flatMap(([field, law]) => bad.map((value) => [field, law, value] as const))

  it.each(table)('in %s violates %s: %s', (field, law, value) => {
    const { violated, violations } = evaluateLaws({ ...rollback, [field as string]: value }, { entropy: 0.5 })
    expect(violated).toEqual([law])
    expect(violations).toHaveLength(1)
    expect(violations[0]).toContain(field)
  })

  it.each([
    [Number.NaN, 'must be a finite number, was NaN'],
    [Number.NEGATIVE_INFINITY, 'must be a finite number, was -Infinity'],
    [-0, 'must be a finite number, was -0'],
    [undefined, 'is absent'],
    [null, 'is absent'],
    ['1.618', 'must be a finite number, was 1.618'],
    ['x'.repeat(40), `must be a finite number, was ${'x'.repeat(40)}`],
    ['x'.repeat(41), `must be a finite number, was ${'x'.repeat(40)}…`],
    [[1.618], 'must be a finite number, was a list'],
    [{ ratio: 1.618 }, 'must be a finite number, was an object'],
    [true, 'must be a finite number, was true'],
    [1.9000000000000001, 'must be within 0.1 of 1.618, was 1.9'],
    [1.23456789012345, 'must be within 0.1 of 1.618, was 1.23456789012'],
  ])('is told as it is: %s %s', (geometric_ratio, told) => {
    const { violations, findings } = evaluateLaws({ ...rollback, geometric_ratio }, unstable)
    expect(violations).toEqual([`Law of Structural Integrity violated: geometric_ratio ${told}`])
    const seen = told.includes(', was ') ? told.replace(/.*, was /, '') : 'absent'
    expect(findings[3]?.observed).toBe(`geometric_ratio ${seen}`)
  })

  it('of no known method is neither force nor harmony', () => {
    expect(evaluateLaws({ ...rollback, method_type: 'gentle', target_frequency: 8 }, unstable)).toMatchObject({
      violations: [
        'Law of Harmonic Attraction violated: method_type must be one of harmonic_resonance, brute_force, was gentle',
      ],
      warnings: [],
    })
  })

  it.each([7, '', null])('as a description is refused: %j', (description) => {
    expect(evaluateLaws({ ...rollback, description }, unstable).violated).toEqual(['structural_integrity'])
  })

  it('is told all at once, law by law', () => {
    const { findings, violations } = evaluateLaws({ ...rollback, geometric_ratio: 2, approved: true }, unstable)
    expect(violations).toEqual([
      'Law of Structural Integrity violated: approved is not a field of a profile',
      'Law of Structural Integrity violated: geometric_ratio must be within 0.1 of 1.618, was 2',
    ])
    expect(findings.map(({ message }) => message)).toEqual([
      'Law of Inhabitance upheld: risk_to_life 0',
      'Law of Harmonic Attraction upheld: harmonic_resonance at 7.83 Hz',
      'Law of Total Coherence upheld: entropy 0.5, entropy_increase -0.1',
      violations.join('; '),
    ])
    expect(findings.map(({ required }) => required)).toEqual([
      'risk_to_life 0',
      'harmonic_resonance, or brute_force at 7.83 Hz',
      'entropy_increase 0 or less while entropy is 0.1 or more',
      'geometric_ratio within 0.1 of 1.618',
    ])
  })

  it.each([
    [undefined, 'entropy cannot be read'],
    [null, 'entropy cannot be read'],
    [-0.1, 'entropy must be a number from 0 to 1, was -0.1'],
    [1.1, 'entropy must be a number from 0 to 1, was 1.1'],
    ['high', 'entropy must be a number from 0 to 1, was high'],
  ])('of the present entropy, %s, is told: %s', (entropy, told) => {
    expect(evaluateLaws(rollback, { entropy }).violations).toEqual([`Law of Total Coherence violated: ${told}`])
  })

  it.each([
    [{ ...rollback, method_type: 'gentle' }, 'harmonic_attraction', 'method_type'],
    [{ ...rollback, description: ' ' }, 'structural_integrity', 'description'],
    [{ ...rollback, approved: true }, 'structural_integrity', 'approved'],
    [JSON.parse(`{"__proto__":1,${JSON.stringify(rollback).slice(1)}`), 'structural_integrity', '__proto__'],
  ])('%j violates %s', (profile, law, field) => {
    const { violated, violations } = evaluateLaws(profile, unstable)
    expect(violated).toEqual([law])
    expect(violations[0]).toContain(field)
  })

  it.each([
    undefined,
    null,
    {},
    { entropy: null },
    { entropy: Number.NaN },
    { entropy: -0 },
    { entropy: 1.1 },
    [0],
    'x',
  ])('as evidence violates total coherence: %j', (evidence) => {
    expect(evaluateLaws(rollback, evidence)).toMatchObject({ violated: ['total_coherence'] })
  })

  it('never throws and never passes, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.anything()), fc.anything(), (profile, evidence) => {
        const { compliant, violated, findings } = evaluateLaws(profile, evidence)
        expect(compliant).toBe(false)
        expect(violated).not.toEqual([])
        expect(findings).toHaveLength(4)
      }),
    )
  })
})

describe('for any profile', () => {
  const number = fc.oneof(fc.double(), fc.constantFrom(0, -0, 7.83, 1.618))
  const profile = fc.record({
    method_type: fc.constantFrom('harmonic_resonance', 'brute_force', 'other'),
    risk_to_life: number,
    entropy_increase: number,
    geometric_ratio: number,
    target_frequency: number,
    description: fc.constantFrom('', 'a rollback'),
  })
  const evidence = fc.record({ entropy: fc.double({ min: 0, max: 1, noNaN: true }) })

  it('the same answer comes back, whatever the order of its fields', () => {
    fc.assert(
      fc.property(profile, evidence, (p, e) => {
        const reversed = Object.fromEntries(Object.entries(p).reverse())
        expect(evaluateLaws(reversed, e)).toEqual(evaluateLaws(p, e))
      }),
    )
  })

  it('a violated law has a finding and a violation, and only then', () => {
    fc.assert(
      fc.property(profile, evidence, (p, e) => {
        const { compliant, violated, violations, findings } = evaluateLaws(p, e)
        expect(findings.filter(({ passed }) => !passed).map(({ law }) => law)).toEqual(violated)
        expect(compliant).toBe(violations.length === 0)
        expect(violations.length).toBeGreaterThanOrEqual(violated.length)
      }),
    )
  })

  it('more entropy never makes a refused action lawful', () => {
    fc.assert(
      fc.property(profile, evidence, fc.double({ min: 0, max: 1, noNaN: true }), (p, e, more) => {
        fc.pre(!Object.is(e.entropy, -0) && !Object.is(more, -0))
        const higher = { entropy: Math.max(e.entropy, more) }
        if (!evaluateLaws(p, e).compliant) expect(evaluateLaws(p, higher).compliant).toBe(false)
      }),
    )
  })
})
