import { UNSTABLE_ENTROPY } from './entropy.ts'
import { isRecord } from './numbers.ts'
import { LAW_TITLES, LAWS, type LawName, RULES, type ViolationName } from './reasons.ts'

/** The golden ratio and the Schumann resonance, in the precision the laws are written in. */
export const PHI = 1.618
export const SCHUMANN_HZ = 7.83

/** How far a geometric ratio may lie from {@link PHI} before it warns, and before it violates. */
const RATIO_WARNS_BEYOND = 0.001
const RATIO_VIOLATES_BEYOND = 0.1
/** Room for binary fractions only: 1.718 − 1.618 is a hair above 0.1 in floating point and still on the boundary. */
const ROUNDING = 1e-9

export const METHOD_TYPES = ['harmonic_resonance', 'brute_force'] as const

/** What an action is, in the terms the laws judge. Derived from a rollback's plan, or declared with a deployment. */
export type ActionProfile = {
  method_type: (typeof METHOD_TYPES)[number]
  /** 0 where no data and nobody who depends on it is at risk. */
  risk_to_life: number
  /** Entropy after the action less entropy before it. */
  entropy_increase: number
  geometric_ratio: number
  /** In hertz. */
  target_frequency: number
  description: string
}

/** What the laws need to know beside the profile. */
export type LawEvidence = {
  /** Present entropy, in [0, 1]; null where it cannot be told. */
  entropy: number | null
}

/** What one law said. Exactly one per law, in the order of {@link LAWS}. */
export type LawFinding = {
  law: LawName
  /** The law in plain words. */
  rule: string
  passed: boolean
  observed: string
  required: string
  message: string
}

export type Validation = {
  compliant: boolean
  violations: string[]
  warnings: string[]
  /** The same violations for programs: what an override has to name. */
  violated: ViolationName[]
  findings: LawFinding[]
}

const FIELD_LAWS: Record<keyof ActionProfile, LawName> = {
  method_type: 'harmonic_attraction',
  risk_to_life: 'inhabitance',
  entropy_increase: 'total_coherence',
  geometric_ratio: 'structural_integrity',
  target_frequency: 'harmonic_attraction',
  description: 'structural_integrity',
}

const REQUIRED: Record<LawName, string> = {
  inhabitance: 'risk_to_life 0',
  harmonic_attraction: `harmonic_resonance, or brute_force at ${SCHUMANN_HZ} Hz`,
  total_coherence: `entropy_increase 0 or less while entropy is ${UNSTABLE_ENTROPY} or more`,
  structural_integrity: `geometric_ratio within ${RATIO_VIOLATES_BEYOND} of ${PHI}`,
}

/**
 * Judges an action profile against the four laws. Total: any JSON gets an answer, all violations are collected, and what
 * is absent, not finite, negative zero, no member of its enum or not a known field is a violation that names the field.
 */
export function evaluateLaws(profile: unknown, evidence: unknown): Validation {
  const fields = isRecord(profile) ? profile : {}
  const seen = isRecord(evidence) ? evidence : {}
  const problems: Record<LawName, string[]> = {
    inhabitance: [],
    harmonic_attraction: [],
    total_coherence: [],
    structural_integrity: [],
  }
  const warnings: string[] = []

  for (const [field, law] of Object.entries(FIELD_LAWS)) {
    const problem = malformed(field, ownValue(fields, field))
    if (problem !== null) problems[law].push(problem)
  }
  for (const field of Object.keys(fields)) {
    if (!Object.hasOwn(FIELD_LAWS, field)) problems.structural_integrity.push(`${field} is not a field of a profile`)
  }
  const entropyProblem = malformedEntropy(ownValue(seen, 'entropy'))
  if (entropyProblem !== null) problems.total_coherence.push(entropyProblem)

  judgeInhabitance(fields, problems.inhabitance)
  judgeAttraction(fields, problems.harmonic_attraction, warnings)
  judgeCoherence(fields, seen, problems.total_coherence)
  judgeIntegrity(fields, problems.structural_integrity, warnings)

  const observed: Record<LawName, string> = {
    inhabitance: `risk_to_life ${show(fields.risk_to_life)}`,
    harmonic_attraction: `${show(fields.method_type)} at ${show(fields.target_frequency)} Hz`,
    total_coherence: `entropy ${show(seen.entropy)}, entropy_increase ${show(fields.entropy_increase)}`,
    structural_integrity: `geometric_ratio ${show(fields.geometric_ratio)}`,
  }
  const messages = (law: LawName) => problems[law].map((problem) => `${LAW_TITLES[law]} violated: ${problem}`)
  const findings = LAWS.map((law): LawFinding => {
    const passed = problems[law].length === 0
    const message = passed ? `${LAW_TITLES[law]} upheld: ${observed[law]}` : messages(law).join('; ')
    return { law, rule: RULES[law], passed, observed: observed[law], required: REQUIRED[law], message }
  })
  const violated = LAWS.filter((law) => problems[law].length > 0)
  return { compliant: violated.length === 0, violations: LAWS.flatMap(messages), warnings, violated, findings }
}

function judgeInhabitance({ risk_to_life: risk }: Record<string, unknown>, problems: string[]): void {
  if (sound(risk) && risk !== 0) problems.push(`risk_to_life must be 0, was ${show(risk)}`)
}

function judgeAttraction(fields: Record<string, unknown>, problems: string[], warnings: string[]): void {
  const { method_type: method, target_frequency: frequency } = fields
  if (!sound(frequency) || frequency === SCHUMANN_HZ) return
  if (method === 'brute_force') problems.push(`brute_force without ${SCHUMANN_HZ} Hz, was ${show(frequency)} Hz`)
  if (method === 'harmonic_resonance') warnings.push(`target_frequency is ${show(frequency)} Hz, not ${SCHUMANN_HZ} Hz`)
}

function judgeCoherence(fields: Record<string, unknown>, seen: Record<string, unknown>, problems: string[]): void {
  const { entropy_increase: increase } = fields
  if (!sound(increase) || !sound(seen.entropy)) return
  if (seen.entropy >= UNSTABLE_ENTROPY && increase > 0) problems.push('Cannot increase entropy when system unstable')
}

function judgeIntegrity(fields: Record<string, unknown>, problems: string[], warnings: string[]): void {
  const { geometric_ratio: ratio } = fields
  if (!sound(ratio)) return
  const distance = Math.abs(ratio - PHI)
  if (distance > RATIO_VIOLATES_BEYOND + ROUNDING) {
    problems.push(`geometric_ratio must be within ${RATIO_VIOLATES_BEYOND} of ${PHI}, was ${show(ratio)}`)
  } else if (distance > RATIO_WARNS_BEYOND + ROUNDING) {
    warnings.push(`geometric_ratio ${show(ratio)} is off ${PHI}`)
  }
}

function malformed(field: string, value: unknown): string | null {
  if (value === undefined || value === null) return `${field} is absent`
  if (field === 'method_type') {
    const known = (METHOD_TYPES as readonly unknown[]).includes(value)
    return known ? null : `method_type must be one of ${METHOD_TYPES.join(', ')}, was ${show(value)}`
  }
  if (field === 'description') {
    return typeof value === 'string' && value.trim() !== '' ? null : 'description must be a text that is not empty'
  }
  return sound(value) ? null : `${field} must be a finite number, was ${show(value)}`
}

function malformedEntropy(value: unknown): string | null {
  if (value === undefined || value === null) return 'entropy cannot be read'
  return sound(value) && value >= 0 && value <= 1 ? null : `entropy must be a number from 0 to 1, was ${show(value)}`
}

/** A number the laws can reason with: finite, and not the negative zero that hides the sign of a mistake. */
function sound(value: unknown): value is number {
  return Number.isFinite(value) && !Object.is(value, -0)
}

/** Inherited names (`constructor`, `toString`) are no fields. */
function ownValue(fields: Record<string, unknown>, field: string): unknown {
  return Object.hasOwn(fields, field) ? fields[field] : undefined
}

/** Short enough for a message, whatever it is. */
function show(value: unknown): string {
  if (value === undefined || value === null) return 'absent'
  if (Object.is(value, -0)) return '-0'
  if (typeof value === 'number') return String(Number.isFinite(value) ? Number(value.toPrecision(12)) : value)
  if (typeof value === 'string') return value.length > 40 ? `${value.slice(0, 40)}…` : value
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : String(value)
}
