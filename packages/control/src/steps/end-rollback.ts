import { mayAbort } from '@roman/constitution'
import { type Actor, guardWorkflowId } from '@roman/contracts'
import type { Tx } from '@roman/db'
import type { ControlContext } from '../context.ts'
import { announce } from '../store/announce.ts'
import { audit, json } from '../store/audit.ts'
import { lockLive } from '../store/live.ts'
import { abortEvidence, isOpen, loadEvent, type RollbackRecord } from '../store/rollbacks.ts'
import { moveDeployment, moveWhere } from '../store/statuses.ts'
import { advance, keep } from '../store/steps.ts'

/** The ends of a rollback. Whatever comes first stands; a second run finds it. */

/** The deployer failed, or a person stopped it: what was live stays live, as `failed`, and people are told. */
export const failRollback = (
  context: ControlContext,
  eventId: string,
  failure: { step: string; reason: string; aborted_by?: Actor | null },
): Promise<{ status: string; detail: string }> =>
  context.db.transaction(async (tx) => {
    const first = await loadEvent(tx, eventId)
    await lockLive(tx, first.service, first.environment)
    const event = await loadEvent(tx, eventId)
    if (!isOpen(event)) return { status: event.status, detail: event.detail ?? '' }
    const byPerson = failure.aborted_by != null
    const abort = byPerson ? mayAbort(abortEvidence(event)) : null
    const status = abort?.allowed ? abort.ends_as : 'failed'
    if (event.replacement_deployment_id !== null) {
      const neverLive = { deployment_id: event.replacement_deployment_id, status: 'pending' }
      await moveWhere(tx, neverLive, 'failed', { completed_at: new Date() })
      await tx.quarantine.updateMany({
        where: { event_id: eventId, status: 'hold' },
        data: { status: 'released', released_at: new Date() },
      })
    }
    if (status === 'failed') {
      const stillLive = { deployment_id: event.deployment_id!, status: { not: 'failed' }, live: { isNot: null } }
      await moveWhere(tx, stillLive, 'failed', { completed_at: new Date() })
    }
    if (byPerson) await keep(tx, eventId, { abort: json({ actor: failure.aborted_by, reason: failure.reason }) })
    await advance(tx, eventId, {
      status,
      detail: failure.reason,
      step: { step: failure.step, status: byPerson ? 'aborted' : 'failed', detail: failure.reason },
    })
    await audit(tx, {
      event_type: status === 'aborted' ? 'rollback_aborted' : 'rollback_failed',
      severity: status === 'aborted' ? 'warning' : 'critical',
      source: 'rollback',
      description: failure.reason,
      deployment_id: event.deployment_id,
      ...(failure.aborted_by == null ? {} : { actor: failure.aborted_by }),
      metadata: { event_id: eventId, step: failure.step },
    })
    return { status, detail: failure.reason }
  })

/** A moment's health, kept beside the verdict so that before and after can be compared. */
export interface Conclusion {
  kind: 'verified' | 'unhealthy' | 'unverified' | 'superseded' | 'undo_failed'
  reason: string
  health: unknown
  entropy: number | null
}

const OUTCOMES = {
  unhealthy: 'The rollback did not help',
  unverified: 'The rollback could not be verified',
  superseded: 'A newer deployment went live before the rollback was verified',
  undo_failed: 'Manual intervention required: not every migration was undone',
} as const

/** The end: proved healthy and known-good, or people are alerted. Never a second automatic rollback. */
export const concludeRollback = (
  context: ControlContext,
  eventId: string,
  conclusion: Conclusion,
): Promise<{ status: string; detail: string }> =>
  context.db.transaction(async (tx) => {
    const first = await loadEvent(tx, eventId)
    await lockLive(tx, first.service, first.environment)
    return concludeInTransaction(tx, await loadEvent(tx, eventId), conclusion, 'verify_health')
  })

/** The live row must be locked, and the event read after that. */
export const concludeInTransaction = async (
  tx: Tx,
  event: RollbackRecord,
  conclusion: Conclusion,
  step: 'verify_health' | 'undo_migrations',
): Promise<{ status: string; detail: string }> => {
  if (!isOpen(event)) return { status: event.status, detail: event.detail ?? '' }
  const verified = conclusion.kind === 'verified'
  const detail =
    conclusion.kind === 'verified'
      ? `Verified: ${conclusion.reason}${whatWasNotUndone(event)}`
      : `${OUTCOMES[conclusion.kind]}: ${conclusion.reason}`
  if (conclusion.kind !== 'superseded') {
    await moveDeployment(tx, event.replacement_deployment_id!, verified ? 'success' : 'failed', {
      health_check_passed: verified,
      health_check_details: json({
        verdict: conclusion.kind,
        reason: conclusion.reason,
        health: conclusion.health,
      }),
      completed_at: new Date(),
      ...(verified ? { entropy: conclusion.entropy } : {}),
    })
  }
  await advance(tx, event.event_id, {
    status: verified ? 'success' : 'failed',
    detail,
    moments: verified ? ['verified'] : [],
    step: { step, status: verified ? 'completed' : 'failed', detail },
  })
  await audit(tx, {
    event_type: verified ? 'rollback_verified' : 'rollback_failed',
    severity: verified ? 'info' : 'critical',
    source: 'rollback',
    description: detail,
    deployment_id: event.deployment_id,
    metadata: {
      event_id: event.event_id,
      replacement_deployment_id: event.replacement_deployment_id,
      health: conclusion.health,
    },
  })
  return { status: verified ? 'success' : 'failed', detail }
}

/** A rollback that was to go on without it is healthy, and must not look as if all had gone to plan. */
const whatWasNotUndone = ({ rollback_steps }: RollbackRecord): string => {
  const steps = rollback_steps as unknown as { step: string; status: string; detail: string | null }[]
  const failed = steps.find(({ step, status }) => step === 'undo_migrations' && status === 'failed')
  return failed === undefined ? '' : `. Not every migration was undone. ${failed.detail}`
}

/** Temporal has lost this rollback: it is closed and people are told, so that a new request is possible. */
export const closeOrphan = (context: ControlContext, eventId: string): Promise<string[]> =>
  context.db.transaction(async (tx) => {
    const first = await loadEvent(tx, eventId)
    await lockLive(tx, first.service, first.environment)
    const event = await loadEvent(tx, eventId)
    if (!isOpen(event)) return []
    const detail = 'Orphaned: Temporal no longer knows this rollback. Look at what is live, then request a new one.'
    if (event.replacement_deployment_id !== null) {
      // What a person has marked verified meanwhile stays so.
      const unproven = { deployment_id: event.replacement_deployment_id, status: { not: 'success' } }
      await moveWhere(tx, unproven, 'failed', { completed_at: new Date() })
    }
    await tx.quarantine.updateMany({
      where: { event_id: eventId, status: 'hold' },
      data: { status: 'released', released_at: new Date() },
    })
    await advance(tx, eventId, { status: 'failed', detail, step: { step: 'reconcile', status: 'failed', detail } })
    await audit(tx, {
      event_type: 'rollback_orphaned',
      severity: 'critical',
      source: 'reconciler',
      description: detail,
      deployment_id: event.deployment_id,
      metadata: { event_id: eventId, guard: guardWorkflowId(event.deployment_id ?? '') },
    })
    const told = await announce(tx, {
      kind: 'orphaned',
      dedupe_key: `orphaned:${eventId}`,
      service: event.service,
      environment: event.environment,
      deployment_id: event.deployment_id,
      event_id: eventId,
      payload: { reason: detail },
    })
    return [told]
  })
