import { allow, type Decision, refuse } from './decision.ts'
import { count, either, flag, listOf, nullable, oneOf, record, refuseMalformed, text } from './malformed.ts'
import { isRecord, measured } from './numbers.ts'
import { type GuardPolicy, MODES, type Mode } from './thresholds.ts'

/** Automatic rollbacks per service, environment and hour, unless configured otherwise. */
export const DEFAULT_ROLLBACKS_PER_HOUR = 3

/** This many services in breach at once point at something they share, not at one deployment. */
export const SHARED_CAUSE_SERVICES = 3

/** Who stopped automatic rollbacks, since when (ISO 8601) and why; as far as that is known. */
export type Freeze = { by: string | null; at: string | null; reason: string | null }

export type BrakeEvidence = {
  mode: Mode
  /** `roman freeze`: automatic rollbacks stop, people can still act. */
  frozen: boolean | Freeze
  /** Automatic rollbacks of this service and environment that started in the last hour. */
  automatic_last_hour: number
  hourly_cap: number
  /** Services in breach now, this one included: how many, or which. */
  services_breaching: number | readonly string[]
  /** The breach came later than `auto_rollback_within_seconds` after the deployment. */
  late: boolean
}

const FREEZE = record<Freeze>({ by: nullable(text), at: nullable(text), reason: nullable(text) })

const TO_BRAKE = record<BrakeEvidence>({
  mode: oneOf(MODES),
  frozen: either(flag, FREEZE),
  automatic_last_hour: count,
  hourly_cap: count,
  services_breaching: either(count, listOf(text)),
  late: flag,
})

/** `reason` is null where nothing brakes. */
export type BrakeDecision = { action: Mode; reason: string | null }

/** How far an approved automatic rollback may go by itself. It only ever brakes: `observe` stays `observe`. */
export function brake(evidence: BrakeEvidence): BrakeDecision {
  const malformed = TO_BRAKE(evidence, 'evidence')
  if (malformed !== null) return { action: 'ask', reason: `the brake cannot be judged: ${malformed}` }
  const { mode } = evidence
  if (mode === 'observe') return { action: 'observe', reason: 'mode is observe' }
  // Before the mode and a freeze: it is what people who are asked need to know.
  if (evidence.late) return { action: 'ask', reason: 'the breach came late: the deployment is a less likely cause' }
  if (mode === 'ask') return { action: 'ask', reason: 'mode is ask' }
  if (evidence.frozen !== false) return { action: 'ask', reason: frozenReason(evidence.frozen) }
  const shared = sharedCause(evidence.services_breaching)
  if (shared !== null) return { action: 'ask', reason: shared }
  if (evidence.automatic_last_hour >= evidence.hourly_cap) {
    const reason = `${evidence.automatic_last_hour} automatic rollbacks in the last hour, the cap is ${evidence.hourly_cap}`
    return { action: 'ask', reason }
  }
  return { action: 'auto', reason: null }
}

/** The cap in force under a policy; what is no count of rollbacks is the default. */
export function hourlyCap(policy: Pick<GuardPolicy, 'rollbacks_per_hour'>): number {
  return (isRecord(policy) ? measured(policy.rollbacks_per_hour) : null) ?? DEFAULT_ROLLBACKS_PER_HOUR
}

export type FreezeEvidence = {
  /** What would be frozen, as people say it: `storefront in production`. */
  where: string
  /** The freeze in force; null where there is none. */
  frozen: Freeze | null
  reason: string
  /** Who asks may decide this: a person with the right to, or the operator through the service key. */
  authorised: boolean
}

const TO_UNFREEZE = { where: text, frozen: nullable(FREEZE), authorised: flag }
const MAY_FREEZE = record<FreezeEvidence>({ ...TO_UNFREEZE, reason: text })
const MAY_UNFREEZE = record<Omit<FreezeEvidence, 'reason'>>(TO_UNFREEZE)

/** Whether automatic rollbacks may be stopped. Never refused for want of a reason: whoever needs it needs it now. */
export function mayFreeze(evidence: FreezeEvidence): Decision {
  const malformed = MAY_FREEZE(evidence, 'evidence')
  if (malformed !== null) return refuseMalformed(malformed)
  const { where, frozen, reason, authorised } = evidence
  if (!authorised) return notAuthorised()
  if (frozen !== null) {
    const fact = `In ${where} automatic rollbacks are frozen already${freezeDetails(frozen)}.`
    return refuse('already_decided', fact, 'There is nothing to do.')
  }
  const warnings = [
    'Automatic rollbacks stop, and deployments that ask first are refused; people can still roll back, approve and override.',
  ]
  if (reason.trim() === '') warnings.push('No reason was given: whoever finds this freeze cannot tell when to lift it.')
  return allow(warnings)
}

/** Whether automatic rollbacks may go on. */
export function mayUnfreeze(evidence: Omit<FreezeEvidence, 'reason'>): Decision {
  const malformed = MAY_UNFREEZE(evidence, 'evidence')
  if (malformed !== null) return refuseMalformed(malformed)
  const { where, frozen, authorised } = evidence
  if (!authorised) return notAuthorised()
  if (frozen === null) return refuse('already_decided', `${where} is not frozen.`, 'There is nothing to do.')
  return allow(['What breached meanwhile stays with the people who were asked; only later breaches act by themselves.'])
}

function notAuthorised() {
  const fix = 'Sign in as someone who may, or ask one of them.'
  return refuse('forbidden', 'Freezing and unfreezing is for those who are authorised to.', fix)
}

function frozenReason(frozen: true | Freeze): string {
  return `automatic rollbacks are frozen${frozen === true ? '' : freezeDetails(frozen)}`
}

function freezeDetails({ by, at, reason }: Freeze): string {
  const who = by === null ? '' : ` by ${by}`
  const since = at === null ? '' : ` since ${at}`
  return `${who}${since}${reason === null ? '' : `: ${reason}`}`
}

function sharedCause(breaching: number | readonly string[]): string | null {
  const names = typeof breaching === 'number' ? null : [...new Set(breaching)].sort()
  const count = names === null ? breaching : names.length
  if (Number(count) < SHARED_CAUSE_SERVICES) return null
  const which = names === null ? '' : ` (${names.join(', ')})`
  return `${count} services are in breach together${which}: shared cause?`
}
