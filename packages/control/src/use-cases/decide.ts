import { mayApprove, mayReject, type ViolationName, type WaitingEvidence } from '@roman/constitution'
import {
  type Actor,
  type DecisionAnswer,
  type DecisionRequest,
  guardWorkflowId,
  RomanError,
  UPDATES,
} from '@roman/contracts'
import type { Prisma, Tx } from '@roman/db'
import type { ControlContext } from '../context.ts'
import type { Call } from '../port.ts'
import { audit, json } from '../store/audit.ts'
import { requireUser, resolveDeployment } from '../store/deployments.ts'
import { lockLive } from '../store/live.ts'
import { deliver } from '../store/outbox.ts'
import { overrideInTransaction } from './override-rollback.ts'
import { refusal } from './refusal.ts'
import { requestRollback } from './request-rollback.ts'
import { markVerified } from './verify-deployment.ts'

export type DecisionVerb = 'approve' | 'reject' | 'override'

/**
 * Brings a person's decision to whoever waits for it: the guard's workflow, by an update; or, where no workflow waits (a
 * late breach, an inconclusive watch), straight to the decision's row. Both end in `applyDecision`.
 */
export const decide = async (
  context: ControlContext,
  verb: 'approve' | 'reject',
  ref: string,
  reason: string,
  call: Call,
): Promise<DecisionAnswer> => {
  const deployment = await resolveDeployment(context.db, ref)
  await requireUser(context.db.prisma, 'initiated_by', call.actor.user_id)
  const request: DecisionRequest = { deployment_id: deployment.deployment_id, reason, actor: call.actor }
  const waiting = await context.db.prisma.decisions.findFirst({
    where: { deployment_id: deployment.deployment_id, status: 'waiting' },
  })
  if (waiting?.kind !== 'rollback') return applyDecision(context, verb, request, call.idempotency_key)
  return context.temporal.update<DecisionAnswer>(
    guardWorkflowId(deployment.deployment_id),
    UPDATES[verb],
    `${verb}:${call.idempotency_key ?? crypto.randomUUID()}`,
    request,
  )
}

/** Makes the decision, once: the gate, the row, and the rollback that follows from it, in one transaction. */
export const applyDecision = async (
  context: ControlContext,
  verb: DecisionVerb,
  request: DecisionRequest,
  requestId: string | null,
): Promise<DecisionAnswer> => {
  const deployment = await context.db.prisma.deployments.findUniqueOrThrow({
    where: { deployment_id: request.deployment_id },
  })
  const outcome = await context.db.transaction(async (tx) => {
    const live = await lockLive(tx, deployment.service, deployment.environment)
    const decision = await tx.decisions.findFirst({
      where: { deployment_id: request.deployment_id },
      orderBy: { asked_at: 'desc' },
    })
    const repeated = repeatedAnswer(decision, verb, request.actor, request.reason)
    if (repeated !== null) return { answer: repeated, keys: [] }
    const evidence: WaitingEvidence = {
      deployment_id: request.deployment_id,
      live_deployment_id: live.deployment_id,
      // A question has its time: an old button must not roll back what has recovered since.
      waiting:
        decision?.status === 'waiting' && decision.expires_at > new Date()
          ? { violated: decision.violations as ViolationName[] }
          : null,
      decided:
        decision === null || decision.status === 'waiting' || decision.status === 'expired' ? null : decision.status,
      authorised: true,
    }
    const gate = verb === 'approve' ? mayApprove(evidence) : mayReject(evidence)
    if (!gate.allowed) throw refusal(gate)
    const { eventId, keys } = await follow(context, tx, verb, decision!, deployment, request, requestId)
    const status = verb === 'approve' ? 'approved' : verb === 'reject' ? 'rejected' : 'overridden'
    await tx.decisions.update({
      where: { decision_id: decision!.decision_id },
      data: {
        status,
        decided_at: new Date(),
        decided_by: json(request.actor),
        decision_reason: request.reason,
        result_event_id: eventId,
      },
    })
    await audit(tx, {
      event_type: `decision_${status}`,
      severity: 'warning',
      source: 'control',
      description: `${status} for ${deployment.service} ${deployment.version} in ${deployment.environment}: ${request.reason}`,
      deployment_id: request.deployment_id,
      actor: request.actor,
      metadata: { decision_id: decision!.decision_id, event_id: eventId },
    })
    return { answer: { decision_id: decision!.decision_id, status, event_id: eventId } satisfies DecisionAnswer, keys }
  })
  if (outcome.keys.length > 0) await deliver(context, outcome.keys)
  return outcome.answer
}

type DecisionRecord = Prisma.decisionsGetPayload<object>

/** The same person deciding the same again gets the same answer. */
const repeatedAnswer = (
  decision: DecisionRecord | null,
  verb: DecisionVerb,
  actor: Actor,
  reason: string,
): DecisionAnswer | null => {
  if (decision === null || decision.status === 'waiting') return null
  const status = verb === 'approve' ? 'approved' : verb === 'reject' ? 'rejected' : 'overridden'
  const same =
    decision.status === status &&
    decision.decision_reason === reason &&
    JSON.stringify(decision.decided_by) === JSON.stringify(json(actor))
  return same ? { decision_id: decision.decision_id, status, event_id: decision.result_event_id } : null
}

const follow = async (
  context: ControlContext,
  tx: Tx,
  verb: DecisionVerb,
  decision: DecisionRecord,
  deployment: Prisma.deploymentsGetPayload<object>,
  request: DecisionRequest,
  requestId: string | null,
): Promise<{ eventId: string | null; keys: string[] }> => {
  if (verb === 'reject') return { eventId: null, keys: [] }
  if (verb === 'override') {
    if (decision.event_id === null)
      throw new RomanError('not_overridable', 'Nothing was refused here. Approve it instead.')
    const requested = await overrideInTransaction(
      context,
      tx,
      decision.event_id,
      { reason: request.reason, violations: request.violations ?? [] },
      request.actor,
      requestId === null ? null : `override:${requestId}`,
    )
    return { eventId: requested.event.event_id, keys: requested.keys }
  }
  if (decision.kind === 'verify') {
    await markVerified(tx, deployment, request.actor, request.reason)
    return { eventId: null, keys: [] }
  }
  const verdict = await tx.guard_verdicts.findFirst({
    where: { deployment_id: deployment.deployment_id, verdict: 'breach' },
    orderBy: { decided_at: 'desc' },
  })
  const requested = await requestRollback(context, tx, {
    deployment_id: deployment.deployment_id,
    service: deployment.service,
    environment: deployment.environment,
    trigger_type: 'manual',
    trigger_reason: `${decision.reason} (approved: ${request.reason})`,
    actor: request.actor,
    initiated_by: request.actor.user_id,
    idempotency_key: `approve:${decision.decision_id}`,
    moments: { fault: verdict?.fault_at?.toISOString() ?? null, detected: verdict?.decided_at.toISOString() ?? null },
    metadata: { approved_decision_id: decision.decision_id },
  })
  return { eventId: requested.event.event_id, keys: requested.keys }
}
