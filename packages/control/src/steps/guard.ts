import { entropyOf, type HealthSample, judgeSample, toHealthReport } from '@roman/constitution'
import { type GuardOutcome, type GuardPhase, guardWorkflowId } from '@roman/contracts'
import type { Prisma, Tx } from '@roman/db'
import { noticesSilence } from '@roman/runtime'
import type { ControlContext } from '../context.ts'
import { configuredNow } from '../policy.ts'
import { stableId } from '../stable-id.ts'
import { announce } from '../store/announce.ts'
import { audit, json } from '../store/audit.ts'
import { type DeploymentRecord, openRollback } from '../store/deployments.ts'
import { lockLive } from '../store/live.ts'
import { deliver } from '../store/outbox.ts'
import { moveWhere } from '../store/statuses.ts'

/** What a guard writes down. Each may run twice: the second run finds what the first one wrote. */

export type VerdictKind = 'healthy' | 'breach' | 'inconclusive' | 'superseded' | 'ended'

export interface StoredVerdict {
  phase: string
  /** `deleted` is said and never stored: there is nothing to store it with. */
  kind: VerdictKind | 'deleted'
  reason: string
}

export interface NewVerdict {
  phase: 'window' | 'standby'
  kind: VerdictKind
  reason: string
  sample: HealthSample
  signals?: unknown
  fault_at?: Date | null
  /** It may be said while a rollback is open: that the rollback outlasted the watch. */
  despite_rollback?: boolean
}

export const setGuardPhase = async (
  context: ControlContext,
  deploymentId: string,
  phase: GuardPhase,
): Promise<void> => {
  await context.db.prisma.$executeRaw`
    UPDATE ops.guards SET phase = ${phase}, started_at = coalesce(started_at, now()), updated_at = now()
    WHERE deployment_id = ${deploymentId}::uuid AND ended_at IS NULL`
}

export const readVerdict = async (
  context: Pick<ControlContext, 'db'>,
  deploymentId: string,
  phase: string,
): Promise<StoredVerdict | null> => {
  const row = await context.db.prisma.guard_verdicts.findUnique({
    where: { deployment_id_phase: { deployment_id: deploymentId, phase } },
  })
  return row === null ? null : { phase: row.phase, kind: row.verdict as VerdictKind, reason: row.reason }
}

/**
 * Gives a phase's verdict, once and for good, with everything that follows from it in the same transaction. Answers the
 * verdict that stands, which may be an earlier one; null where a rollback is open, and neither `healthy` nor `inconclusive` may be said.
 */
export const giveVerdict = async (
  context: ControlContext,
  deploymentId: string,
  verdict: NewVerdict,
): Promise<StoredVerdict | null> => {
  const deployment = await context.db.prisma.deployments.findUniqueOrThrow({ where: { deployment_id: deploymentId } })
  const outcome = await context.db.transaction(async (tx) => {
    const live = await lockLive(tx, deployment.service, deployment.environment)
    const stands = await tx.guard_verdicts.findUnique({
      where: { deployment_id_phase: { deployment_id: deploymentId, phase: verdict.phase } },
    })
    if (stands !== null) return { stands, keys: [] }
    // Between the last tick and this lock a newer deployment or a rollback may have come.
    const kind = live.deployment_id === deploymentId ? verdict.kind : 'superseded'
    const waits = kind === 'healthy' || (kind === 'inconclusive' && verdict.despite_rollback !== true)
    if (waits && (await openRollback(tx, deployment.service, deployment.environment)) !== null)
      return { stands: null, keys: [] }
    const report = toHealthReport(
      verdict.sample,
      judgeSample(verdict.sample, thresholdsOf(deployment)),
      kind === 'healthy',
    )
    const row = await tx.guard_verdicts.create({
      data: {
        deployment_id: deploymentId,
        phase: verdict.phase,
        verdict: kind,
        reason: kind === verdict.kind ? verdict.reason : 'A newer deployment is live',
        health: json(report),
        signals: json(verdict.signals ?? []),
        fault_at: verdict.fault_at ?? null,
      },
    })
    // That standing by has ended says nothing about the deployment: the window's verdict stays in sight.
    if (kind !== 'ended') {
      await tx.guards.updateMany({
        where: { deployment_id: deploymentId },
        data: { verdict: kind, reason: row.reason, updated_at: new Date() },
      })
    }
    const keys = await consequences(context, tx, deployment, verdict, row, report)
    return { stands: row, keys }
  })
  if (outcome.keys.length > 0) await deliver(context, outcome.keys)
  return outcome.stands === null
    ? null
    : { phase: outcome.stands.phase, kind: outcome.stands.verdict as VerdictKind, reason: outcome.stands.reason }
}

const thresholdsOf = (deployment: DeploymentRecord) => (deployment.policy as { thresholds: never }).thresholds

const consequences = async (
  context: ControlContext,
  tx: Tx,
  deployment: DeploymentRecord,
  verdict: NewVerdict,
  row: Prisma.guard_verdictsGetPayload<object>,
  report: unknown,
): Promise<string[]> => {
  const id = deployment.deployment_id
  const named = `${deployment.service} ${deployment.version} in ${deployment.environment}`
  if (row.verdict === 'healthy') {
    const config = configuredNow(context.config, deployment.service, deployment.environment)
    const evidence = noticesSilence(config) ? 'full' : 'errors_only'
    const proved = await moveWhere(tx, { deployment_id: id, status: 'in_progress' }, 'success', {
      health_check_passed: true,
      health_check_details: json({ verdict: 'healthy', reason: row.reason, health: report, evidence }),
      completed_at: new Date(),
      entropy: entropyOf(verdict.sample),
    })
    await audit(tx, {
      event_type: 'health_check_passed',
      severity: 'info',
      source: 'guard',
      // One that a rollback was asked for, and failed, is not made good by a clean window: somebody wanted it gone.
      description:
        proved > 0
          ? `${named} had a clean window and is known-good`
          : `${named} had a clean window; its status stays what people and rollbacks made it`,
      deployment_id: id,
      metadata: { health: report, evidence },
    })
    return []
  }
  if (row.verdict === 'inconclusive') {
    await tx.deployments.update({ where: { deployment_id: id }, data: { completed_at: new Date() } })
    const decisionId = stableId('verify', id)
    await tx.decisions.createMany({
      data: [
        {
          decision_id: decisionId,
          deployment_id: id,
          kind: 'verify',
          reason: row.reason,
          expires_at: new Date(Date.now() + 365 * 86_400_000),
        },
      ],
      skipDuplicates: true,
    })
    await audit(tx, {
      event_type: 'health_inconclusive',
      severity: 'warning',
      source: 'guard',
      description: `${named}: ${row.reason}`,
      deployment_id: id,
      metadata: { health: report },
    })
    return [
      await announce(tx, {
        kind: 'inconclusive',
        dedupe_key: `inconclusive:${id}`,
        service: deployment.service,
        environment: deployment.environment,
        deployment_id: id,
        decision_id: decisionId,
        payload: { reason: row.reason },
      }),
    ]
  }
  if (row.verdict === 'breach') {
    await audit(tx, {
      event_type: 'health_breach',
      severity: 'error',
      source: 'guard',
      description: `${named}: ${row.reason}`,
      deployment_id: id,
      metadata: { phase: row.phase, health: report, signals: verdict.signals },
    })
  }
  return []
}

/** What the guard tells people besides its verdict, each once. */
export const tellOnce = async (
  context: ControlContext,
  deploymentId: string,
  kind: 'blind' | 'baseline',
  reason: string,
): Promise<void> => {
  const deployment = await context.db.prisma.deployments.findUniqueOrThrow({ where: { deployment_id: deploymentId } })
  const key = await context.db.transaction((tx) =>
    announce(tx, {
      kind,
      dedupe_key: `${kind}:${deploymentId}`,
      service: deployment.service,
      environment: deployment.environment,
      deployment_id: deploymentId,
      payload: { reason },
    }),
  )
  await deliver(context, [key])
}

/**
 * A deployment that was deleted under its guard, which only who switches the triggers off can do: it is put on record and
 * people are told, once, from what the guard was started with.
 */
export const noteDeleted = async (
  context: ControlContext,
  deploymentId: string,
  phase: string,
): Promise<StoredVerdict> => {
  const reason = `Deployment ${deploymentId} was deleted from the database while it was guarded. Its guard has ended, and nobody watches what is live there. Record what is live there to have it watched.`
  const key = await context.db.transaction(async (tx) => {
    const dedupe_key = `deleted:${deploymentId}`
    const started = await tx.outbox.findUnique({ where: { key: guardWorkflowId(deploymentId) } })
    const { service = '', environment = '' } = (started?.payload ?? {}) as { service?: string; environment?: string }
    if ((await tx.announcements.count({ where: { dedupe_key } })) === 0) {
      await audit(tx, {
        event_type: 'deployment_deleted',
        severity: 'critical',
        source: 'guard',
        description: reason,
        deployment_id: deploymentId,
        metadata: { service, environment },
      })
    }
    return announce(tx, {
      kind: 'orphaned',
      dedupe_key,
      service,
      environment,
      deployment_id: deploymentId,
      payload: { reason },
    })
  })
  await deliver(context, [key])
  return { phase, kind: 'deleted', reason }
}

/** False where it had ended before. */
export const endGuard = (context: ControlContext, deploymentId: string, outcome: GuardOutcome): Promise<boolean> =>
  endGuardIn(context.db.prisma, deploymentId, outcome)

/** The same in a transaction; false where it had ended before. */
export const endGuardIn = async (
  tx: Pick<Tx, 'guards'>,
  deploymentId: string,
  outcome: GuardOutcome | { kind: 'terminated' },
): Promise<boolean> => {
  const { count } = await tx.guards.updateMany({
    where: { deployment_id: deploymentId, ended_at: null },
    data: { phase: 'ended', ended_at: new Date(), outcome: json(outcome), updated_at: new Date() },
  })
  return count > 0
}
