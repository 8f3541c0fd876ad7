import { createHash, randomUUID } from 'node:crypto'
import type { GuardPolicy, ViolationName } from '@roman/constitution'
import { type Actor, RomanError, rollbackWorkflowId } from '@roman/contracts'
import { isUniqueViolation, type Tx } from '@roman/db'
import type { ControlContext } from '../context.ts'
import { configuredNow, deployTimeoutMs } from '../policy.ts'
import { announce } from '../store/announce.ts'
import { audit, json } from '../store/audit.ts'
import { openRollback } from '../store/deployments.ts'
import { lockLive } from '../store/live.ts'
import { enqueue } from '../store/outbox.ts'
import type { RollbackRecord } from '../store/rollbacks.ts'

export interface RollbackRequest {
  deployment_id: string
  service: string
  environment: string
  trigger_type: 'automatic' | 'manual' | 'constitutional_violation'
  trigger_reason: string
  actor: Actor
  /** The person it is on behalf of, as a row of auth.users. */
  initiated_by: string | null
  idempotency_key: string | null
  target_deployment_id?: string | null
  refused_event_id?: string | null
  override?: { violations: ViolationName[]; reason: string } | null
  /** When the fault began and when it was detected, ISO 8601, where a guard knows. */
  moments?: { fault?: string | null; detected?: string | null }
  metadata?: Record<string, unknown>
}

export interface RequestedRollback {
  event: RollbackRecord
  deduplicated: boolean
  /** What must be delivered after the commit. */
  keys: string[]
}

const hashOf = (request: RollbackRequest): string =>
  createHash('sha256')
    .update(
      JSON.stringify([
        request.deployment_id,
        request.trigger_reason,
        request.target_deployment_id ?? null,
        request.override ?? null,
        ...(request.refused_event_id == null ? [] : [request.refused_event_id]),
      ]),
    )
    .digest('hex')

/**
 * The insert that decides who may roll back, inside the caller's transaction and under the lock of what is live. The
 * same request again, or any request while a rollback of that deployment runs, is the running one. The order of answers:
 * a running event, then "not live". Whether it may run is judged by the rollback's own first step.
 */
export const requestRollback = async (
  context: ControlContext,
  tx: Tx,
  request: RollbackRequest,
): Promise<RequestedRollback> => {
  const live = await lockLive(tx, request.service, request.environment)
  const hash = hashOf(request)
  if (request.idempotency_key !== null) {
    const same = await tx.rollback_events.findUnique({ where: { idempotency_key: request.idempotency_key } })
    if (same !== null) {
      if (same.request_hash !== hash) {
        throw new RomanError(
          'idempotency_conflict',
          `Idempotency key "${request.idempotency_key}" was used for another rollback (${same.event_id}). Use a new key.`,
          { event_id: same.event_id },
        )
      }
      return { event: same, deduplicated: true, keys: [rollbackWorkflowId(same.event_id)] }
    }
  }
  const running = await openRollback(tx, request.service, request.environment)
  if (running !== null) {
    if (running.deployment_id === request.deployment_id) {
      return { event: running, deduplicated: true, keys: [rollbackWorkflowId(running.event_id)] }
    }
    throw alreadyRunning(running)
  }
  if (live.deployment_id !== request.deployment_id) throw await notLive(tx, request, live.deployment_id)

  const eventId = randomUUID()
  const [{ now }] = (await tx.$queryRaw<[{ now: Date }]>`SELECT clock_timestamp() AS now`) as [{ now: Date }]
  const event = await tx.rollback_events.create({
    data: {
      event_id: eventId,
      deployment_id: request.deployment_id,
      service: request.service,
      environment: request.environment,
      trigger_type: request.trigger_type,
      trigger_reason: request.trigger_reason,
      initiated_by: request.initiated_by,
      status: 'pending',
      idempotency_key: request.idempotency_key,
      request_hash: hash,
      target_deployment_id: request.target_deployment_id ?? null,
      target_forced: request.target_deployment_id != null,
      refused_event_id: request.refused_event_id ?? null,
      ...(request.override == null ? {} : { override: json({ ...request.override, actor: request.actor }) }),
      moments: json({
        ...(request.moments?.fault ? { fault: request.moments.fault } : {}),
        ...(request.moments?.detected ? { detected: request.moments.detected } : {}),
        requested: now.toISOString(),
      }),
      metadata: json({ ...request.metadata, actor: request.actor }),
    },
  })
  const config = configuredNow(context.config, request.service, request.environment)
  const deployment = await tx.deployments.findUniqueOrThrow({ where: { deployment_id: request.deployment_id } })
  const { watch } = config ?? (deployment.policy as unknown as GuardPolicy)
  await enqueue(tx, {
    kind: 'rollback',
    workflow_id: rollbackWorkflowId(eventId),
    input: {
      event_id: eventId,
      deployment_id: request.deployment_id,
      service: request.service,
      environment: request.environment,
      version: deployment.version,
      trigger_type: request.trigger_type,
      trigger_reason: request.trigger_reason,
      deploy_timeout_ms: deployTimeoutMs(config),
      verify_timeout_ms: (watch.verify_deadline_seconds + watch.drain_seconds) * 1000,
    },
  })
  const told = await announce(tx, {
    kind: 'rollback',
    dedupe_key: `rollback:${eventId}`,
    service: request.service,
    environment: request.environment,
    deployment_id: request.deployment_id,
    event_id: eventId,
    payload: { reason: request.trigger_reason },
  })
  await audit(tx, {
    event_type: 'rollback_requested',
    severity: 'warning',
    source: 'control',
    description: `Rollback of ${request.service} ${deployment.version} in ${request.environment}: ${request.trigger_reason}`,
    deployment_id: request.deployment_id,
    actor: request.actor,
    metadata: {
      event_id: eventId,
      trigger_type: request.trigger_type,
      refused_event_id: request.refused_event_id ?? null,
    },
  })
  return { event, deduplicated: false, keys: [rollbackWorkflowId(eventId), told] }
}

/**
 * Runs `work`, which requests a rollback, in a transaction. The lock makes a collision all but impossible; where a key
 * is used in two environments at once, the second attempt finds the first one's row.
 */
export const requestingTransaction = async <T>(context: ControlContext, work: (tx: Tx) => Promise<T>): Promise<T> => {
  try {
    return await context.db.transaction(work)
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    return context.db.transaction(work)
  }
}

/** Another rollback has the environment to itself until it ends. */
export const alreadyRunning = ({ event_id, service, environment }: RollbackRecord): RomanError =>
  new RomanError(
    'rollback_in_progress',
    `Rollback ${event_id} is running for ${service} in ${environment}. Follow it, or abort it first.`,
    { event_id },
  )

const notLive = async (tx: Tx, request: RollbackRequest, liveId: string | null): Promise<RomanError> => {
  const live = liveId === null ? null : await tx.deployments.findUnique({ where: { deployment_id: liveId } })
  const instead = live === null ? 'Nothing is live there.' : `${live.version} (${live.deployment_id}) is live.`
  return new RomanError(
    'deployment_not_live',
    `Deployment ${request.deployment_id} is not live in ${request.environment}. ${instead} Only the live deployment can be rolled back.`,
    live === null ? { live: null } : { live: { deployment_id: live.deployment_id, version: live.version } },
  )
}
