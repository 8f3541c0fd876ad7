import {
  type DerivedProfile,
  deriveActionProfile,
  ROLLBACK_EVIDENCE,
  type RollbackEvidence,
  type TraceEntry,
} from './action-profile.ts'
import { type Decision, type Reason, type Refused, refuse } from './decision.ts'
import { entropyOf } from './entropy.ts'
import { type ActionProfile, evaluateLaws, type Validation } from './laws.ts'
import { flag, listOf, optional, record, refuseMalformed, text } from './malformed.ts'
import {
  inOrder,
  LAW_TITLES,
  LAWS,
  type LawName,
  NO_VALID_TARGET,
  PRECONDITIONS,
  type PreconditionName,
  RULES,
  type ViolationName,
  wayOut,
} from './reasons.ts'

/** An authorised person lifts named violations of one deployment's rollback, for one request. */
export type Override = {
  /** The deployment whose refused rollback the person saw. */
  deployment_id: string
  violations: readonly ViolationName[]
  reason: string
  /** Who asks may override: a person with the right to, or the operator through the service key. */
  authorised: boolean
}

export const OVERRIDE = record<Override>({
  deployment_id: text,
  violations: listOf(text),
  reason: text,
  authorised: flag,
})

/** What one precondition said; exactly one per precondition, in the order of `PRECONDITIONS`. */
export type PreconditionFinding = {
  precondition: PreconditionName
  /** In plain words. */
  rule: string
  passed: boolean
  observed: string
  message: string
}

/** The laws' validation with the preconditions added: `violations` and `violated` hold both. */
export type RollbackValidation = Validation & { preconditions: PreconditionFinding[] }

export type RollbackDecision = Decision & {
  /** Of the evidence alone: an override changes the decision, never what was found. */
  validation: RollbackValidation
  /** Null where there is no target, and so no plan. */
  profile: DerivedProfile | null
  trace: TraceEntry[]
  /** Violations that an override lifted. */
  overridden: ViolationName[]
}

/**
 * Whether a rollback may run, on this evidence. The order of answers: another rollback is running, the deployment is not
 * live, no target, then everything the laws and preconditions find, all at once. An override lifts exactly the violations
 * it names, for exactly its deployment; nothing lifts `no_target`.
 */
export function mayRollBack(evidence: RollbackEvidence, override?: Override): RollbackDecision {
  const malformed = ROLLBACK_EVIDENCE(evidence, 'evidence') ?? optional(OVERRIDE)(override, 'override')
  if (malformed !== null) return unreadable(malformed)
  const { validation, profile, trace } = validateRollback(evidence)
  const { warnings } = validation
  const blocked = outOfTurn(evidence, warnings)
  const judged = { validation, profile, trace, overridden: [] }
  if (blocked) return { ...blocked, ...judged }
  const { violated } = validation

  if (violated.includes('no_target')) {
    return { ...rejection('no_valid_target', validation), overridable: false, ...judged }
  }
  if (override === undefined) {
    if (violated.length === 0) return { allowed: true, warnings, ...judged }
    return { ...rejection('constitutional_rejection', validation), ...judged }
  }
  const faulty = faultyOverride(evidence.deployment.deployment_id, override, violated, warnings)
  if (faulty) return { ...faulty, ...judged }
  const lifted = violated.length === 0 ? [] : [`Overridden: ${violated.join(', ')}. Reason: ${override.reason.trim()}`]
  return { allowed: true, warnings: [...warnings, ...lifted], ...judged, overridden: [...violated] }
}

/** Nothing was judged, and nothing passed. */
function unreadable(problem: string): RollbackDecision {
  const validation = {
    compliant: false,
    violations: [problem],
    warnings: [],
    violated: [],
    findings: [],
    preconditions: [],
  }
  return { ...refuseMalformed(problem), validation, profile: null, trace: [], overridden: [] }
}

/** Everything found about a rollback, before anybody decides: laws and preconditions, violations and warnings. */
function validateRollback(evidence: RollbackEvidence): {
  validation: RollbackValidation
  profile: DerivedProfile | null
  trace: TraceEntry[]
} {
  const { profile, trace, warnings } = deriveActionProfile(withRealTarget(evidence))
  const preconditions = judgePreconditions(evidence)
  const failed = preconditions.filter((finding) => !finding.passed)
  const entropy = entropyOf(evidence.present.sample)
  const laws = profile === null ? null : withCauses(evaluateLaws(profile, { entropy }), trace)
  const violated = inOrder([...(laws?.violated ?? []), ...failed.map((finding) => finding.precondition)])
  return {
    validation: {
      compliant: violated.length === 0,
      violations: [...(laws?.violations ?? []), ...failed.map((finding) => finding.message)],
      warnings: [...new Set([...warnings, ...(laws?.warnings ?? []), ...softened(evidence)])],
      violated,
      findings: laws?.findings ?? [],
      preconditions,
    },
    profile,
    trace,
  }
}

/** Laws whose number stands for several facts; of the others the message itself says all there is. */
const JUDGED_FIELD: Partial<Record<LawName, keyof ActionProfile>> = {
  inhabitance: 'risk_to_life',
  structural_integrity: 'geometric_ratio',
}

/** The law knows only the number; people want to know which risk, or which check failed. */
function withCauses(laws: Validation, trace: readonly TraceEntry[]): Validation {
  const told = (law: LawName | undefined, text: string) => {
    const field = law && JUDGED_FIELD[law]
    return field === undefined ? text : `${text}: ${trace.find((entry) => entry.field === field)?.from}`
  }
  return {
    ...laws,
    violations: laws.violations.map((text) =>
      told(
        LAWS.find((law) => text.startsWith(LAW_TITLES[law])),
        text,
      ),
    ),
    findings: laws.findings.map((finding) =>
      finding.passed ? finding : { ...finding, message: told(finding.law, finding.message) },
    ),
  }
}

/** A deployment is no target for itself, whoever names it. */
function withRealTarget(evidence: RollbackEvidence): RollbackEvidence {
  const itself = evidence.target?.deployment_id === evidence.deployment.deployment_id
  return itself ? { ...evidence, target: null } : evidence
}

/** A stable system is a person's to judge, and no excuse for a deployment that declared a breach of the laws. */
function stabilityOnlyWarns({ request }: RollbackEvidence): boolean {
  return request.person || request.trigger_type === 'constitutional_violation'
}

function judgePreconditions(evidence: RollbackEvidence): PreconditionFinding[] {
  const { present, database } = evidence
  const { target } = withRealTarget(evidence)
  const found: Record<PreconditionName, { passed: boolean; observed: string; violation: string }> = {
    stable_system: {
      passed: !present.stable || stabilityOnlyWarns(evidence),
      observed: present.stable ? 'stable' : 'not stable',
      violation: 'System already stable: error rate below 1/minute and no signal in breach',
    },
    no_target: {
      passed: target !== null,
      observed: target === null ? 'none' : `${target.version} (${target.git_commit})`,
      violation: `${NO_VALID_TARGET} for ${evidence.service} in ${evidence.environment}`,
    },
    database_inconsistent: {
      passed: database.state !== 'inconsistent',
      observed: database.detail === null ? database.state : `${database.state}: ${database.detail}`,
      violation: `Database in inconsistent state: ${database.detail ?? 'a migration failed or is unfinished'}`,
    },
  }
  return PRECONDITIONS.map((precondition) => {
    const { passed, observed, violation } = found[precondition]
    return {
      precondition,
      rule: RULES[precondition],
      passed,
      observed,
      message: passed ? RULES[precondition] : violation,
    }
  })
}

function softened(evidence: RollbackEvidence): string[] {
  const { present, request } = evidence
  if (!present.stable || !stabilityOnlyWarns(evidence)) return []
  return [`The system is stable: this rollback rests on the stated reason, "${request.reason}"`]
}

function outOfTurn(evidence: RollbackEvidence, warnings: string[]): Refused | null {
  const { deployment, live, running_event_id: running, request } = evidence
  if (running !== null) {
    const fact = `Rollback ${running} is already running for ${evidence.service} in ${evidence.environment}.`
    return refuse('rollback_in_progress', fact, 'Follow it, or abort it first.', warnings)
  }
  if (live?.deployment_id !== deployment.deployment_id) {
    const instead = live === null ? 'nothing is' : `${live.version} (${live.deployment_id}) is`
    const fact = `Deployment ${deployment.deployment_id} is not live: ${instead}.`
    return refuse('deployment_not_live', fact, 'Only the live deployment can be rolled back.', warnings)
  }
  // A client's own request is deliberate, also where nobody stands behind it.
  const unasked = request.trigger_type !== 'manual' && !request.person
  if (unasked && deployment.is_replacement) {
    const fact = `Deployment ${deployment.deployment_id} is itself a rollback, and those are never rolled back automatically.`
    return refuse('replacement_not_automatic', fact, 'Let a person decide.', warnings)
  }
  if (unasked && deployment.automatic_tried) {
    const fact = `Deployment ${deployment.deployment_id} has had its one automatic rollback.`
    return refuse('automatic_already_tried', fact, 'Let a person decide.', warnings)
  }
  return null
}

function rejection(code: 'no_valid_target' | 'constitutional_rejection', validation: RollbackValidation): Refused {
  const fromLaws = validation.findings
    .filter((finding) => !finding.passed)
    .map(({ law: name, message }): Reason => ({ name, message, way_out: wayOut(name) }))
  const fromPreconditions = validation.preconditions
    .filter((finding) => !finding.passed)
    .map(({ precondition: name, message }): Reason => ({ name, message, way_out: wayOut(name) }))
  // What decides the code is said first.
  const reasons = [...fromPreconditions.filter(({ name }) => name === 'no_target'), ...fromLaws]
  reasons.push(...fromPreconditions.filter(({ name }) => name !== 'no_target'))
  return { allowed: false, code, reasons, overridable: true, warnings: validation.warnings }
}

/** What is wrong with an override, seen against what is violated now. A name that is violated no longer lifts nothing. */
export function faultyOverride(
  deploymentId: string,
  override: Override,
  violated: readonly ViolationName[],
  warnings: string[],
): Refused | null {
  if (!override.authorised) {
    const fact = 'Overriding the constitution is for those who are authorised to.'
    return refuse('forbidden', fact, 'Sign in as someone who may, or ask one of them.', warnings)
  }
  if (override.reason.trim() === '') {
    return refuse('override_incomplete', 'An override needs a reason.', 'Say why, in the reason.', warnings)
  }
  if (override.deployment_id !== deploymentId) {
    const fact = `The override is for deployment ${override.deployment_id}, not ${deploymentId}.`
    return refuse('override_not_covering', fact, 'Ask anew for the live deployment.', warnings)
  }
  const open = violated.filter((name) => !override.violations.includes(name))
  if (open.length === 0) return null
  const fact = `The override does not name ${open.join(', ')}.`
  const fix = `Name every violation: ${inOrder(violated).join(',')}.`
  return { ...refuse('override_not_covering', fact, fix, warnings), overridable: true }
}
