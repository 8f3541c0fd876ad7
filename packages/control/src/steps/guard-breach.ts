import { type BrakeDecision, brake, type GuardPolicy, hourlyCap } from '@roman/constitution'
import { type Actor, RomanError } from '@roman/contracts'
import { AUTOMATIC_PREFIX, automaticKey } from '../automatic.ts'
import type { ControlContext } from '../context.ts'
import { announce } from '../store/announce.ts'
import { audit } from '../store/audit.ts'
import type { DeploymentRecord } from '../store/deployments.ts'
import { freezeInForce } from '../store/freezes.ts'
import { deliver } from '../store/outbox.ts'
import { requestingTransaction, requestRollback } from '../use-cases/request-rollback.ts'
import { ask, type BreachDecision } from './guard-questions.ts'
import { previewRollback } from './preview-rollback.ts'

const GUARD: Actor = { kind: 'system', user_id: null, name: 'guard' }

/** Mode and brake decide how far the guard may go by itself; the rollback's own first step asks the constitution. */
export const decideOnBreach = async (
  context: ControlContext,
  deploymentId: string,
  phase: string,
): Promise<BreachDecision> => {
  const deployment = await context.db.prisma.deployments.findUnique({ where: { deployment_id: deploymentId } })
  if (deployment === null) return { kind: 'superseded', reason: 'The deployment was deleted' }
  const verdict = await context.db.prisma.guard_verdicts.findUniqueOrThrow({
    where: { deployment_id_phase: { deployment_id: deploymentId, phase } },
  })
  // Asked again after a lost answer: what was begun for this very verdict goes on, whatever the brake says by now.
  const begun = await context.db.prisma.rollback_events.findUnique({
    where: { idempotency_key: automaticKey(deploymentId) },
  })
  if ((begun?.metadata as { verdict?: { phase?: string } } | null)?.verdict?.phase === phase) {
    return { kind: 'rolling_back', event_id: begun!.event_id, reason: verdict.reason }
  }
  const detailOfUsedUp = 'its one automatic rollback was tried already'
  if (begun !== null) return ask(context, deployment, { key: phase, reason: verdict.reason, detail: detailOfUsedUp })
  const braked = await brakeFor(context, deployment, { late: false })
  try {
    if (braked.action !== 'auto') {
      const detail = `${braked.reason}; ${await previewRollback(context, deployment, verdict.reason)}`
      if (braked.action === 'observe') return await observeOnly(context, deployment, verdict.reason, detail)
      return await ask(context, deployment, { key: phase, reason: verdict.reason, detail })
    }
    const requested = await requestingTransaction(context, (tx) =>
      requestRollback(context, tx, {
        deployment_id: deploymentId,
        service: deployment.service,
        environment: deployment.environment,
        trigger_type: verdict.trigger_type as 'automatic',
        trigger_reason: verdict.reason,
        actor: GUARD,
        initiated_by: null,
        idempotency_key: automaticKey(deploymentId),
        moments: { fault: verdict.fault_at?.toISOString() ?? null, detected: verdict.decided_at.toISOString() },
        metadata: { verdict: { phase, health: verdict.health, signals: verdict.signals } },
      }),
    )
    await deliver(context, requested.keys)
    return { kind: 'rolling_back', event_id: requested.event.event_id, reason: verdict.reason }
  } catch (error) {
    if (error instanceof RomanError && error.code === 'deployment_not_live')
      return { kind: 'superseded', reason: error.message }
    // Another deployment's rollback is under way here. It may end with this one live: people decide.
    if (error instanceof RomanError && error.code === 'rollback_in_progress') {
      return ask(context, deployment, { key: phase, reason: verdict.reason, detail: error.message })
    }
    throw error
  }
}

/** How far a breach of this deployment may go by itself: the brake's own answer, on evidence read now. */
export const brakeFor = async (
  context: Pick<ControlContext, 'db'>,
  { service, environment, policy: stored }: DeploymentRecord,
  { late }: { late: boolean },
): Promise<BrakeDecision> => {
  const policy = stored as unknown as GuardPolicy
  const [row] = await context.db.prisma.$queryRaw<{ automatic_last_hour: number; services_breaching: string[] }[]>`
    SELECT
      -- By what nobody asked for, declared breaches of the laws too; what was refused moved nothing.
      (SELECT count(*)::int FROM ops.rollback_events WHERE service = ${service} AND environment = ${environment}
        AND starts_with(idempotency_key, ${AUTOMATIC_PREFIX}) AND status <> 'aborted' AND initiated_at > now() - interval '1 hour') AS automatic_last_hour,
      -- Also where it was rolled back meanwhile: what is shared stays so.
      (SELECT coalesce(array_agg(DISTINCT d.service), '{}') FROM ops.guard_verdicts v JOIN ops.deployments d USING (deployment_id)
        WHERE v.verdict = 'breach' AND v.decided_at > now() - interval '1 minute' AND d.environment = ${environment}) AS services_breaching`
  return brake({
    mode: policy.mode,
    frozen: (await freezeInForce(context.db.prisma, service, environment)) ?? false,
    automatic_last_hour: row!.automatic_last_hour,
    hourly_cap: hourlyCap(policy),
    services_breaching: row!.services_breaching,
    late,
  })
}

const observeOnly = async (
  context: ControlContext,
  deployment: DeploymentRecord,
  reason: string,
  detail: string,
): Promise<BreachDecision> => {
  const key = await context.db.transaction(async (tx) => {
    const dedupe_key = `observed:${deployment.deployment_id}`
    if ((await tx.announcements.count({ where: { dedupe_key } })) === 0)
      await audit(tx, {
        event_type: 'rollback_observed',
        severity: 'warning',
        source: 'guard',
        description: `${deployment.service} ${deployment.version} in ${deployment.environment} is in breach and stays live: ${reason} (${detail})`,
        deployment_id: deployment.deployment_id,
        metadata: { detail },
      })
    return announce(tx, {
      kind: 'observed',
      dedupe_key,
      service: deployment.service,
      environment: deployment.environment,
      deployment_id: deployment.deployment_id,
      payload: { reason, detail },
    })
  })
  await deliver(context, [key])
  return { kind: 'observed', reason }
}
