import { NO_VALID_TARGET, VALIDATION_FAILED } from '@roman/constitution'
import {
  type ExecuteRollbackRequest,
  type ExecuteRollbackResponse,
  type RollbackView,
  RomanError,
} from '@roman/contracts'
import { environmentOf } from '@roman/runtime'
import type { ControlContext } from '../context.ts'
import type { Call, RollbackAnswer } from '../port.ts'
import { requireUser, resolveDeployment } from '../store/deployments.ts'
import { deliver } from '../store/outbox.ts'
import { isOpen } from '../store/rollbacks.ts'
import { readRollback } from '../views/rollbacks.ts'
import { requestingTransaction, requestRollback } from './request-rollback.ts'

/** A person, a client or a script asks for a rollback, and may wait for its end. */
export const executeRollback = async (
  context: ControlContext,
  input: ExecuteRollbackRequest,
  call: Call,
  wait: { wait_ms: number; signal: AbortSignal },
): Promise<RollbackAnswer> => {
  if (input.service !== undefined && input.environment !== undefined) {
    environmentOf(context.config.current(), input.service, input.environment)
  }
  const deployment = await resolveDeployment(context.db, input.deployment_id, input)
  const target =
    input.target_deployment_id === undefined
      ? null
      : await resolveDeployment(context.db, input.target_deployment_id, {
          service: deployment.service,
          environment: deployment.environment,
        })
  if (target !== null && (target.service !== deployment.service || target.environment !== deployment.environment)) {
    throw new RomanError(
      'invalid_request',
      `target_deployment_id: ${target.deployment_id} is of ${target.service} in ${target.environment}. Name one of ${deployment.service} in ${deployment.environment}.`,
      { field: 'target_deployment_id' },
    )
  }
  const requested = await requestingTransaction(context, async (tx) => {
    await requireUser(tx, 'initiated_by', call.actor.user_id)
    return requestRollback(context, tx, {
      deployment_id: deployment.deployment_id,
      service: deployment.service,
      environment: deployment.environment,
      trigger_type: 'manual',
      trigger_reason: input.trigger_reason,
      actor: call.actor,
      initiated_by: call.actor.user_id,
      // In a room of its own: no client's key can stand for an automatic rollback.
      idempotency_key: call.idempotency_key === null ? null : `client:${call.idempotency_key}`,
      target_deployment_id: target?.deployment_id ?? null,
    })
  })
  const started = await deliver(context, requested.keys)
  // With Temporal away it is queued, and waiting for its end would be waiting for Temporal.
  if (started) await context.rollbacks.untilTerminal(requested.event.event_id, wait.wait_ms, wait.signal)
  return answerOf((await readRollback(context.db, requested.event.event_id))!, requested.deduplicated)
}

/** How a rollback stands, as the answer to whoever asked for it. */
export const answerOf = (view: RollbackView, deduplicated: boolean): RollbackAnswer => {
  const body: ExecuteRollbackResponse = {
    success: view.status === 'success',
    event_id: view.event_id,
    status: view.status,
    phase: view.phase,
    target_deployment: view.target_deployment,
    snapshot_id: view.snapshot_id,
    validation: view.validation,
    ...(deduplicated ? { deduplicated } : {}),
  }
  const refused = (error: string, code: string): ExecuteRollbackResponse => ({ ...body, success: false, error, code })
  if (view.status === 'success') return { kind: 'verified', body }
  if (isOpen(view)) return { kind: 'running', body: { ...body, success: true } }
  const violated = (view.validation as { violated?: string[] } | null)?.violated ?? []
  const rejected = view.status === 'aborted' && view.validation?.compliant === false
  if (rejected && violated.includes('no_target')) {
    const where = `for ${view.service} in ${view.environment}`
    return {
      kind: 'no_target',
      body: refused(
        `${NO_VALID_TARGET} ${where}. Mark an earlier deployment verified with "roman verify", or fix forward.`,
        'no_valid_target',
      ),
    }
  }
  if (rejected) return { kind: 'rejected', body: refused(VALIDATION_FAILED, 'constitutional_rejection') }
  return { kind: 'failed', body: refused(view.detail ?? 'The rollback did not succeed.', 'rollback_failed') }
}
