/** Texts and names that several adapters show; written once, here. */

export const LAWS = ['inhabitance', 'harmonic_attraction', 'total_coherence', 'structural_integrity'] as const
export type LawName = (typeof LAWS)[number]

export const PRECONDITIONS = ['stable_system', 'no_target', 'database_inconsistent'] as const
export type PreconditionName = (typeof PRECONDITIONS)[number]

/** Everything a rollback can be refused for, as people type it in an override. */
export const VIOLATIONS = [...LAWS, ...PRECONDITIONS] as const
export type ViolationName = (typeof VIOLATIONS)[number]

export const LAW_TITLES: Record<LawName, string> = {
  inhabitance: 'Law of Inhabitance',
  harmonic_attraction: 'Law of Harmonic Attraction',
  total_coherence: 'Law of Total Coherence',
  structural_integrity: 'Law of Structural Integrity',
}

/** The plain rule beside each name. */
export const RULES: Record<ViolationName, string> = {
  inhabitance: 'The action must not put data, or those who depend on it, at risk.',
  harmonic_attraction: 'The action restores a known-good state; force without one is refused.',
  total_coherence: 'While the system is unstable, the action must not make it more disordered.',
  structural_integrity: 'Every structural check of the plan must hold.',
  stable_system: 'A system that is already stable is not rolled back unless a person asks for it.',
  no_target: 'There must be an earlier known-good deployment to go back to.',
  database_inconsistent: 'The latest migration must have finished before code is moved under it.',
}

export const NO_VALID_TARGET = 'No valid rollback target found'
export const VALIDATION_FAILED = 'Constitutional validation failed'

const FIX_FIRST: Record<ViolationName, string> = {
  inhabitance: 'Add the missing rollback scripts, repair the database, or set "migrations: keep".',
  harmonic_attraction: 'Choose a known-good target, or mark this one verified with "roman verify".',
  total_coherence: 'Choose a healthier target, or wait until health can be read.',
  structural_integrity: 'Repair what the failed check names.',
  stable_system: 'Say who asks for it (initiated_by) and why.',
  no_target: 'Mark an earlier deployment verified with "roman verify", or fix forward.',
  database_inconsistent: 'Finish or resolve the failed migration, or restore the database.',
}

/** What a person can do about a violation. Nothing lifts `no_target`. */
export function wayOut(name: ViolationName): string {
  if (!isViolationName(name)) return 'Report it: what asked has a fault.'
  if (name === 'no_target') return FIX_FIRST[name]
  return `${FIX_FIRST[name]} Or let an authorised person override ${name} with a reason.`
}

/** Reads names as people type them: `stable_system,total_coherence`. What is no violation's name comes back in `unknown`. */
export function parseViolationNames(text: string): { names: ViolationName[]; unknown: string[] } {
  const typed = typeof text !== 'string' ? [] : [...new Set(text.split(/[\s,]/).filter((word) => word !== ''))]
  return { names: typed.filter(isViolationName), unknown: typed.filter((word) => !isViolationName(word)) }
}

function isViolationName(value: unknown): value is ViolationName {
  return (VIOLATIONS as readonly unknown[]).includes(value)
}

/** In the order people are shown them, whatever order they were found in. */
export function inOrder(names: Iterable<ViolationName>): ViolationName[] {
  const found = new Set(names)
  return VIOLATIONS.filter((name) => found.has(name))
}
