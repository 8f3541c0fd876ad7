import { mayOverride, parseViolationNames, type ViolationName } from '@roman/constitution'
import { type Actor, type ExecuteRollbackResponse, type OverrideRequest, RomanError } from '@roman/contracts'
import type { Tx } from '@roman/db'
import type { ControlContext } from '../context.ts'
import type { Call } from '../port.ts'
import { audit, json } from '../store/audit.ts'
import { requireUser } from '../store/deployments.ts'
import { lockLive } from '../store/live.ts'
import { deliver } from '../store/outbox.ts'
import { isOpen, noRollback, resolveRollback } from '../store/rollbacks.ts'
import { readRollback } from '../views/rollbacks.ts'
import { answerOf } from './execute-rollback.ts'
import { refusal } from './refusal.ts'
import { alreadyRunning, type RequestedRollback, requestingTransaction, requestRollback } from './request-rollback.ts'

/** A person lifts a refusal: a new rollback that names the refused one, judged on fresh evidence. */
export const overrideRollback = async (
  context: ControlContext,
  ref: string,
  input: OverrideRequest,
  call: Call,
): Promise<ExecuteRollbackResponse> => {
  const eventId = await resolveRollback(context.db, ref)
  const requested = await requestingTransaction(context, (tx) =>
    overrideInTransaction(
      context,
      tx,
      eventId,
      { reason: input.reason, violations: input.violations },
      call.actor,
      call.idempotency_key === null ? null : `override:${call.idempotency_key}`,
    ),
  )
  await deliver(context, requested.keys)
  return answerOf((await readRollback(context.db, requested.event.event_id))!, requested.deduplicated).body
}

export const overrideInTransaction = async (
  context: ControlContext,
  tx: Tx,
  eventId: string,
  input: { reason: string; violations: string[] },
  actor: Actor,
  idempotencyKey: string | null,
): Promise<RequestedRollback> => {
  await requireUser(tx, 'initiated_by', actor.user_id)
  const { names, unknown } = parseViolationNames(input.violations.join(','))
  if (unknown.length > 0) {
    throw new RomanError('invalid_request', `violations: ${unknown.join(', ')} is not a law or precondition.`, {
      field: 'violations',
    })
  }
  const place = await tx.rollback_events.findUnique({ where: { event_id: eventId } })
  if (place === null) throw noRollback(eventId)
  // Before anything is looked at: another request may be making the very same override.
  const live = await lockLive(tx, place.service, place.environment)
  const event = await tx.rollback_events.findUniqueOrThrow({
    where: { event_id: eventId },
    include: { overrides: true },
  })
  // The same request again is the running one, not "already overridden".
  const repeated = event.overrides.find((row) => row.idempotency_key !== null && row.idempotency_key === idempotencyKey)
  if (repeated !== undefined) return { event: repeated, deduplicated: true, keys: [] }
  const open = event.overrides.find(isOpen)
  if (open !== undefined) return { event: open, deduplicated: true, keys: [] }
  const violated = ((event.constitutional_validation as { violated?: ViolationName[] } | null)?.violated ??
    []) as ViolationName[]
  const decision = mayOverride(
    {
      event: {
        event_id: eventId,
        deployment_id: event.deployment_id ?? '',
        status: event.status as never,
        violated,
        // One that was itself refused or failed leaves the question open.
        overridden: event.overrides.some((row) => row.status === 'success'),
      },
      live_deployment_id: live.deployment_id,
    },
    { deployment_id: event.deployment_id ?? '', violations: names, reason: input.reason, authorised: true },
  )
  if (!decision.allowed) throw refusal(decision)
  const requested = await requestRollback(context, tx, {
    deployment_id: event.deployment_id!,
    service: event.service,
    environment: event.environment,
    trigger_type: event.trigger_type as never,
    trigger_reason: event.trigger_reason,
    actor,
    initiated_by: actor.user_id,
    idempotency_key: idempotencyKey,
    target_deployment_id: event.target_forced ? event.target_deployment_id : null,
    refused_event_id: eventId,
    override: { violations: names, reason: input.reason },
    moments: event.moments as { fault?: string; detected?: string },
  })
  // Somebody else's rollback of the same deployment, which this override lifts nothing for.
  if (requested.deduplicated) throw alreadyRunning(requested.event)
  await tx.decisions.updateMany({
    where: { event_id: eventId, status: 'waiting' },
    data: {
      status: 'overridden',
      decided_at: new Date(),
      decided_by: json(actor),
      decision_reason: input.reason,
      result_event_id: requested.event.event_id,
    },
  })
  await audit(tx, {
    event_type: 'constitutional_override',
    severity: 'critical',
    source: 'control',
    description: `Override of ${names.join(', ')}: ${input.reason}`,
    deployment_id: event.deployment_id,
    actor,
    metadata: { event_id: requested.event.event_id, refused_event_id: eventId, violations: names },
  })
  return requested
}
