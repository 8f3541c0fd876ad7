import { entropyOf } from './entropy.ts'
import { type ActionProfile, PHI, SCHUMANN_HZ } from './laws.ts'
import { anything, flag, listOf, nullable, oneOf, optional, record, type Shape, share, text } from './malformed.ts'
import {
  DATABASE,
  type DatabaseEvidence,
  MIGRATIONS,
  type MigrationsEvidence,
  migrationWarning,
  undoRisks,
} from './migrations.ts'
import type { HealthSample } from './sample.ts'

export const TRIGGER_TYPES = ['automatic', 'manual', 'constitutional_violation'] as const
export type TriggerType = (typeof TRIGGER_TYPES)[number]

/** A deployment as far as a decision needs to name it. */
export type DeploymentRef = { deployment_id: string; version: string; git_commit: string; git_branch: string }

export type TargetEvidence = DeploymentRef & {
  /** `success` with `health_check_passed`, as of when the rollback was initiated. */
  known_good: boolean
  quarantined: boolean
  /** Entropy recorded when it was last verified, in [0, 1]; null where none was. */
  entropy: number | null
}

/**
 * What somebody looks up about a plan; whether its target is recorded whole is seen from the evidence itself. Of these few one
 * failure is always a violation. Among many more the share that holds would hide it, so that no others are taken.
 */
const STRUCTURAL_CHECKS = ['deployer_able', 'schema_compatible', 'record_matches_reality'] as const

export type StructuralCheck = {
  name: (typeof STRUCTURAL_CHECKS)[number]
  /** Null where nobody can answer it. */
  holds: boolean | null
  detail?: string | undefined
}

/** All that is known when a rollback is decided. The order of lists carries no meaning. */
export type RollbackEvidence = {
  service: string
  environment: string
  /** What is to be rolled back. */
  deployment: DeploymentRef & {
    /** It is a rollback's own deployment: verified, never rolled back automatically. */
    is_replacement: boolean
    /** An automatic rollback of it exists already, whatever became of it; this request's own event does not count. */
    automatic_tried: boolean
  }
  /** What is live there now; null where nothing is. */
  live: DeploymentRef | null
  /** An open rollback of this service and environment other than this request's own. */
  running_event_id: string | null
  target: TargetEvidence | null
  /** A person named the target. */
  forced_target: boolean
  /** `stable` as by `isStable`. */
  present: { sample: HealthSample; stable: boolean }
  migrations: MigrationsEvidence
  database: DatabaseEvidence
  /** Each at most once; one that is left out is one that nobody can answer. */
  checks: StructuralCheck[]
  /** `person`: a known person asks for it (`initiated_by`, or a member in Discord). */
  request: { trigger_type: TriggerType; person: boolean; reason: string }
}

const REF = { deployment_id: text, version: text, git_commit: text, git_branch: text }

const CHECKS: Shape = (value, field) => {
  const check = record<StructuralCheck>({
    name: oneOf(STRUCTURAL_CHECKS),
    holds: nullable(flag),
    detail: optional(nullable(text)),
  })
  const malformed = listOf(check)(value, field)
  if (malformed !== null) return malformed
  const names = (value as StructuralCheck[]).map(({ name }) => name)
  const again = names.findIndex((name, index) => names.indexOf(name) !== index)
  return again < 0 ? null : `${field}[${again}].name must be given once, not ${names[again]} again`
}

export const ROLLBACK_EVIDENCE = record<RollbackEvidence>({
  service: text,
  environment: text,
  deployment: record<RollbackEvidence['deployment']>({ ...REF, is_replacement: flag, automatic_tried: flag }),
  live: nullable(record<DeploymentRef>(REF)),
  running_event_id: nullable(text),
  target: nullable(record<TargetEvidence>({ ...REF, known_good: flag, quarantined: flag, entropy: nullable(share) })),
  forced_target: flag,
  // A sample is read field by field: what is none is null, and so refused by its law.
  present: record<RollbackEvidence['present']>({ sample: anything, stable: flag }),
  migrations: MIGRATIONS,
  database: DATABASE,
  checks: CHECKS,
  request: record<RollbackEvidence['request']>({ trigger_type: oneOf(TRIGGER_TYPES), person: flag, reason: text }),
})

/** A profile as derived: `entropy_increase` is null, and so refused by its law, where present entropy cannot be read. */
export type DerivedProfile = Omit<ActionProfile, 'entropy_increase'> & { entropy_increase: number | null }

/** Where a field of the profile comes from, in plain words. */
export type TraceEntry = { field: keyof ActionProfile; value: string | number | null; from: string }

export type Derivation = {
  /** Null where there is no target, and so no plan to judge. */
  profile: DerivedProfile | null
  trace: TraceEntry[]
  warnings: string[]
}

/** Derives the action profile of a rollback from its real plan; every value says in `trace` what it came from. */
export function deriveActionProfile(evidence: RollbackEvidence): Derivation {
  const { target, request } = evidence
  const warnings: string[] = []
  if (target === null) return { profile: null, trace: [], warnings }
  const method = methodOf(target, evidence.forced_target)
  const risk = riskToLife(evidence, warnings)
  const entropy = entropyIncrease(target, evidence.present)
  const ratio = geometricRatio(target, evidence.checks, warnings)
  const description = { value: `Rollback deployment: ${request.reason}`, from: 'the reason given with the request' }
  return {
    profile: {
      method_type: method.value,
      risk_to_life: risk.value,
      entropy_increase: entropy.value,
      geometric_ratio: ratio.value,
      target_frequency: method.frequency,
      description: description.value,
    },
    trace: [
      { field: 'method_type', value: method.value, from: method.from },
      { field: 'risk_to_life', ...risk },
      { field: 'entropy_increase', ...entropy },
      { field: 'geometric_ratio', ...ratio },
      { field: 'target_frequency', value: method.frequency, from: method.from },
      { field: 'description', ...description },
    ],
    warnings,
  }
}

function methodOf(target: TargetEvidence, forced: boolean) {
  const name = `target ${target.version}`
  if (target.known_good && !target.quarantined) {
    return { value: 'harmonic_resonance' as const, frequency: SCHUMANN_HZ, from: `${name} is known-good` }
  }
  const why = target.quarantined ? 'is of a quarantined commit' : 'never was known-good'
  const from = `${name} ${why}${forced ? ' and was forced by a person' : ''}`
  return { value: 'brute_force' as const, frequency: 0, from }
}

function riskToLife({ migrations, database }: RollbackEvidence, warnings: string[]) {
  const risks = undoRisks(migrations)
  if (database.state === 'inconsistent') risks.push(`the database is inconsistent${detail(database.detail)}`)
  if (database.state === 'unknown') warnings.push(`The state of migrations cannot be read${detail(database.detail)}`)
  const fate = migrationWarning(migrations, database)
  if (fate !== null) warnings.push(fate)
  const calm = migrations.policy === 'keep' ? 'migrations are kept' : 'every newer migration has a rollback script'
  const state = database.state === 'unknown' ? 'not known to be inconsistent' : 'consistent'
  return risks.length > 0
    ? { value: 1, from: risks.join('; ') }
    : { value: 0, from: `${calm}; the database is ${state}` }
}

function entropyIncrease(target: TargetEvidence, present: RollbackEvidence['present']) {
  const now = entropyOf(present.sample)
  if (now === null) return { value: null, from: 'present entropy cannot be read' }
  const recorded = target.entropy
  if (recorded !== null) {
    const from = `the target's recorded entropy ${formatEntropy(recorded)} less the present ${formatEntropy(now)}`
    return { value: recorded - now, from }
  }
  if (present.stable) return { value: 0, from: "the target's entropy is unknown and the system is stable" }
  return { value: -0.1, from: "the target's entropy is unknown and the system is unstable" }
}

function geometricRatio(target: TargetEvidence, given: StructuralCheck[], warnings: string[]) {
  const whole = [target.version, target.git_commit, target.git_branch].every((part) => part.trim() !== '')
  const recorded = { name: 'target_recorded_whole', holds: whole, detail: 'version, commit, branch' }
  const unasked = STRUCTURAL_CHECKS.filter((name) => given.every((check) => check.name !== name))
  const lookedUp = [...given, ...unasked.map((name): StructuralCheck => ({ name, holds: null }))]
  const checks = [recorded, ...lookedUp].sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const check of checks) {
    if (check.holds === null) warnings.push(`Nobody can answer ${check.name}${detail(check.detail)}: it is left out`)
  }
  const answered = checks.filter((check) => check.holds !== null)
  const failed = answered.filter((check) => check.holds === false)
  const share = (answered.length - failed.length) / answered.length
  const names = failed.map((check) => `${check.name}${detail(check.detail)}`).join(', ')
  const from = `${answered.length - failed.length} of ${answered.length} structural checks hold`
  return { value: PHI * share, from: failed.length > 0 ? `${from}; failed: ${names}` : from }
}

function detail(text: string | null | undefined): string {
  return text ? ` (${text})` : ''
}

function formatEntropy(value: number): string {
  return String(Math.round(value * 1000) / 1000)
}
