import { allow, type Decision, type Refused, refuse } from './decision.ts'
import { flag, listOf, nullable, oneOf, record, refuseMalformed, text } from './malformed.ts'
import { inOrder, type ViolationName, wayOut } from './reasons.ts'
import { faultyOverride, OVERRIDE, type Override } from './rollback-gate.ts'
import { isKnownGood } from './target.ts'
import {
  canTransition,
  type DeploymentStatus,
  isTerminal,
  nextStatuses,
  type RollbackStatus,
  TRANSITIONS,
  type TransitionKind,
} from './transitions.ts'

/** What a guard waits for a person with. */
export type WaitingEvidence = {
  deployment_id: string
  live_deployment_id: string | null
  /** Null where no guard waits; `violated` is empty where it only asks. */
  waiting: { violated: readonly ViolationName[] } | null
  /** What was decided already about this breach, in words: `approved by …`. */
  decided: string | null
  /** Who asks may decide this: a person with the right to, or the operator through the service key. */
  authorised: boolean
}

const WAITING = record<WaitingEvidence>({
  deployment_id: text,
  live_deployment_id: nullable(text),
  waiting: nullable(record({ violated: listOf(text) })),
  decided: nullable(text),
  authorised: flag,
})

/** Whether a person may approve what waits. What was refused by the constitution needs an override instead. */
export function mayApprove(evidence: WaitingEvidence): Decision {
  const refused = notWaiting(evidence)
  if (refused) return refused
  const { violated } = evidence.waiting!
  if (violated.length === 0) return allow()
  return {
    allowed: false,
    code: 'constitutional_rejection',
    reasons: violated.map((name) => ({
      name,
      message: `This rollback was refused for ${name}.`,
      way_out: wayOut(name),
    })),
    overridable: !violated.includes('no_target'),
    warnings: [],
  }
}

/** Whether a person may turn down what waits. */
export function mayReject(evidence: WaitingEvidence): Decision {
  return notWaiting(evidence) ?? allow()
}

function notWaiting(evidence: WaitingEvidence): Refused | null {
  const malformed = WAITING(evidence, 'evidence')
  if (malformed !== null) return refuseMalformed(malformed)
  const { deployment_id: id, live_deployment_id: live } = evidence
  if (!evidence.authorised) return notAuthorised()
  if (evidence.decided !== null) {
    return refuse('already_decided', `Deployment ${id} was already ${evidence.decided}.`, 'See its timeline.')
  }
  if (live !== id) {
    const fact = live === null ? `Deployment ${id} is not live.` : `Deployment ${id} is not live any more: ${live} is.`
    return refuse('superseded', fact, 'Decide about the live deployment.')
  }
  if (evidence.waiting === null) {
    const fix = 'Start a rollback of your own with a reason, if it is needed.'
    return refuse('nothing_waiting', `Nothing waits for a decision on deployment ${id}.`, fix)
  }
  return null
}

export type OverrideEvidence = {
  /** The refused rollback that the override names. */
  event: {
    event_id: string
    deployment_id: string
    status: RollbackStatus
    violated: readonly ViolationName[]
    /** A later request already overrode it. */
    overridden: boolean
  }
  live_deployment_id: string | null
}

const TO_OVERRIDE = record<OverrideEvidence>({
  event: record<OverrideEvidence['event']>({
    event_id: text,
    deployment_id: text,
    status: text,
    violated: listOf(text),
    overridden: flag,
  }),
  live_deployment_id: nullable(text),
})

/**
 * Whether a refused rollback may be asked for again with an override. The new request is judged once more, on fresh
 * evidence, by `mayRollBack` with the same override.
 */
export function mayOverride(evidence: OverrideEvidence, override: Override): Decision {
  const malformed = TO_OVERRIDE(evidence, 'evidence') ?? OVERRIDE(override, 'override')
  if (malformed !== null) return refuseMalformed(malformed)
  const { event, live_deployment_id: live } = evidence
  if (event.status !== 'aborted' || event.violated.length === 0) {
    const fact = `Rollback ${event.event_id} was not refused by the constitution.`
    return refuse('not_overridable', fact, 'Only a refused rollback can be overridden.')
  }
  if (event.violated.includes('no_target')) {
    const fact = `Rollback ${event.event_id} has no target to go back to, and nothing lifts that.`
    return refuse('not_overridable', fact, wayOut('no_target'))
  }
  if (event.overridden) {
    return refuse('already_decided', `Rollback ${event.event_id} was already overridden.`, 'Follow the newer rollback.')
  }
  if (live !== event.deployment_id) {
    const fact = `Deployment ${event.deployment_id} is not live any more.`
    return refuse('superseded', fact, 'Ask anew for the live deployment.')
  }
  const faulty = faultyOverride(event.deployment_id, override, [], [])
  if (faulty) return faulty
  const fix = `Name exactly what was violated: ${inOrder(event.violated).join(',')}.`
  const missing = event.violated.filter((name) => !override.violations.includes(name))
  if (missing.length > 0) {
    return refuse('override_incomplete', `The override does not name ${missing.join(', ')}.`, fix)
  }
  const beside = override.violations.filter((name) => !event.violated.includes(name))
  if (beside.length > 0) {
    return refuse('override_not_covering', `The override names what was not violated: ${beside.join(', ')}.`, fix)
  }
  return allow()
}

export type AbortEvidence = {
  event_id: string
  status: RollbackStatus
  /** The deployer was asked. */
  dispatched: boolean
  /** The target is live. */
  live: boolean
}

/** `ends_as`: aborted before dispatch, failed while the deployer runs (it is cancelled). */
export type AbortDecision = Refused | { allowed: true; warnings: string[]; ends_as: 'aborted' | 'failed' }

const TO_ABORT = record<AbortEvidence>({ event_id: text, status: text, dispatched: flag, live: flag })

/** Whether a rollback may still be stopped: not once its target is live. */
export function mayAbort(evidence: AbortEvidence): AbortDecision {
  const malformed = TO_ABORT(evidence, 'evidence')
  if (malformed !== null) return refuseMalformed(malformed)
  const { event_id: id, status, dispatched, live } = evidence
  if (isTerminal('rollback', status)) {
    return refuse('already_decided', `Rollback ${id} has already ended: ${status}.`, 'See its steps.')
  }
  if (live) {
    const fact = `Rollback ${id} has already put its target live.`
    return refuse('abort_too_late', fact, 'Deploy the wanted version forward instead.')
  }
  if (!dispatched) return { ...allow(), ends_as: 'aborted' }
  return { ...allow(['The deployer is cancelled; the failing deployment stays live.']), ends_as: 'failed' }
}

export type VerifyEvidence = {
  deployment_id: string
  status: DeploymentStatus
  health_check_passed: boolean
  /** It has a `deployed_at`: a deploy that failed before the switch never was live. */
  was_live: boolean
  /** A guard still watches its first window. */
  being_watched: boolean
  commit_quarantined: boolean
  running_event_id: string | null
  /** As for {@link WaitingEvidence}. */
  authorised: boolean
}

const TO_VERIFY = record<VerifyEvidence>({
  deployment_id: text,
  status: text,
  health_check_passed: flag,
  was_live: flag,
  being_watched: flag,
  commit_quarantined: flag,
  running_event_id: nullable(text),
  authorised: flag,
})

/** Whether a person may mark a deployment known-good that no clean window or verification proved. */
export function mayVerify(evidence: VerifyEvidence): Decision {
  const malformed = TO_VERIFY(evidence, 'evidence')
  if (malformed !== null) return refuseMalformed(malformed)
  const { deployment_id: id, status, running_event_id: running } = evidence
  const no = (fact: string, fix: string) => refuse('not_verifiable', fact, fix)
  if (!evidence.authorised) return notAuthorised()
  if (isKnownGood(evidence)) {
    return refuse('already_decided', `Deployment ${id} is known-good already.`, 'There is nothing to do.')
  }
  if (!evidence.was_live || (status !== 'success' && !canTransition('deployment', status, 'success'))) {
    const fact = evidence.was_live ? `Deployment ${id} is ${status}.` : `Deployment ${id} never was live.`
    return no(fact, 'Only a deployment that was live and not rolled back can be marked verified.')
  }
  if (evidence.being_watched) {
    return no(`Deployment ${id} is still being watched.`, 'Wait for the guard’s verdict.')
  }
  if (running !== null) {
    return no(`Rollback ${running} of it is running.`, 'Wait for its end, or abort it first.')
  }
  if (evidence.commit_quarantined) {
    return no(`The commit of deployment ${id} is quarantined.`, 'Release it first.')
  }
  return allow(['Marked by a person: no clean window or verification proved it.'])
}

function notAuthorised(): Refused {
  const fix = 'Sign in as someone who may, or ask one of them.'
  return refuse('forbidden', 'Deciding this is for those who are authorised to.', fix)
}

/** Whether a status may change so, as a decision that can be shown. */
export function mayTransition<K extends TransitionKind>(
  kind: K,
  from: Parameters<typeof canTransition<K>>[1],
  to: Parameters<typeof canTransition<K>>[2],
): Decision {
  const malformed = oneOf(Object.keys(TRANSITIONS))(kind, 'kind') ?? text(from, 'from') ?? text(to, 'to')
  if (malformed !== null) return refuseMalformed(malformed)
  if (canTransition(kind, from, to)) return allow()
  const next = nextStatuses(kind, from)
  const fix = next.length === 0 ? `${from} is final.` : `From ${from} it can become ${next.join(', ')}.`
  return refuse('illegal_transition', `A ${kind} cannot go from ${from} to ${to}.`, fix)
}
