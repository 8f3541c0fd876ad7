import { createHash } from 'node:crypto'
import {
  type BrakeDecision,
  brake,
  entropyOf,
  type GuardPolicy,
  type HealthSample,
  hourlyCap,
  judgeSample,
  toHealthReport,
} from '@roman/constitution'
import { type Actor, type GuardOutcome, type GuardPhase, guardWorkflowId, RomanError } from '@roman/contracts'
import type { Prisma, Tx } from '@roman/db'
import { noticesSilence } from '@roman/runtime'
import type { ControlContext } from '../context.ts'
import { migrationsAtStake } from '../evidence.ts'
import { configuredNow } from '../policy.ts'
import { announce } from '../store/announce.ts'
import { audit, json } from '../store/audit.ts'
import { type DeploymentRecord, openRollback } from '../store/deployments.ts'
import { freezeInForce } from '../store/freezes.ts'
import { lockLive } from '../store/live.ts'
import { deliver } from '../store/outbox.ts'
import { requestingTransaction, requestRollback } from '../use-cases/request-rollback.ts'

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
}

const GUARD: Actor = { kind: 'system', user_id: null, name: 'guard' }

/** A stable id for what follows from one fact, so that a repeated step finds it. */
const idFrom = (...parts: string[]): string => {
  const hex = createHash('sha256').update(parts.join('\n')).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
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
 * verdict that stands, which may be an earlier one; null where a rollback was opened meanwhile and `healthy` may not be said.
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
    if (kind === 'healthy' && (await openRollback(tx, deployment.service, deployment.environment)) !== null)
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
    await tx.deployments.update({
      where: { deployment_id: id },
      data: {
        status: 'success',
        health_check_passed: true,
        health_check_details: json({ verdict: 'healthy', reason: row.reason, health: report, evidence }),
        completed_at: new Date(),
        entropy: entropyOf(verdict.sample),
      },
    })
    await audit(tx, {
      event_type: 'health_check_passed',
      severity: 'info',
      source: 'guard',
      description: `${named} had a clean window and is known-good`,
      deployment_id: id,
      metadata: { health: report, evidence },
    })
    return []
  }
  if (row.verdict === 'inconclusive') {
    await tx.deployments.update({ where: { deployment_id: id }, data: { completed_at: new Date() } })
    const decisionId = idFrom('verify', id)
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

/** What a guard does about a breach. */
export type BreachDecision =
  | { kind: 'rolling_back'; event_id: string; reason: string }
  | { kind: 'asked'; decision_id: string; reason: string; violations: string[] }
  | { kind: 'observed'; reason: string }
  | { kind: 'superseded'; reason: string }

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
    where: { idempotency_key: `auto:${deploymentId}` },
  })
  if ((begun?.metadata as { verdict?: { phase?: string } } | null)?.verdict?.phase === phase) {
    return { kind: 'rolling_back', event_id: begun!.event_id, reason: verdict.reason }
  }
  const detailOfUsedUp = 'its one automatic rollback was tried already'
  if (begun !== null) return ask(context, deployment, { key: phase, reason: verdict.reason, detail: detailOfUsedUp })
  const braked = await brakeFor(context, deployment, { late: false })
  try {
    if (braked.action === 'observe') return await observeOnly(context, deployment, verdict.reason)
    if (braked.action === 'ask')
      return await ask(context, deployment, { key: phase, reason: verdict.reason, detail: braked.reason })
    const requested = await requestingTransaction(context, (tx) =>
      requestRollback(context, tx, {
        deployment_id: deploymentId,
        service: deployment.service,
        environment: deployment.environment,
        trigger_type: verdict.trigger_type as 'automatic',
        trigger_reason: verdict.reason,
        actor: GUARD,
        initiated_by: null,
        // One automatic rollback for a deployment, ever.
        idempotency_key: `auto:${deploymentId}`,
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
      (SELECT count(*)::int FROM ops.rollback_events WHERE service = ${service} AND environment = ${environment}
        AND trigger_type = 'automatic' AND initiated_at > now() - interval '1 hour') AS automatic_last_hour,
      (SELECT coalesce(array_agg(DISTINCT d.service), '{}') FROM ops.guard_verdicts v JOIN ops.live l USING (deployment_id) JOIN ops.deployments d USING (deployment_id)
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
): Promise<BreachDecision> => {
  const key = await context.db.transaction(async (tx) => {
    await audit(tx, {
      event_type: 'rollback_observed',
      severity: 'warning',
      source: 'guard',
      description: `Mode observe: ${deployment.service} ${deployment.version} would have been rolled back: ${reason}`,
      deployment_id: deployment.deployment_id,
    })
    return announce(tx, {
      kind: 'observed',
      dedupe_key: `observed:${deployment.deployment_id}`,
      service: deployment.service,
      environment: deployment.environment,
      deployment_id: deployment.deployment_id,
      payload: { reason },
    })
  })
  await deliver(context, [key])
  return { kind: 'observed', reason }
}

export interface Question {
  /** What it is about, so that asking again about the same is the same question. */
  key: string
  kind?: 'rollback' | 'late_breach'
  reason: string
  /** Why the guard does not act by itself. */
  detail: string | null
  violations?: string[]
  /** The refused rollback it is about. */
  event_id?: string
}

/** Puts a breach to people. Holds no lock while they think. */
export const ask = async (
  context: ControlContext,
  deployment: DeploymentRecord,
  question: Question,
): Promise<BreachDecision> => {
  const id = deployment.deployment_id
  const decisionId = idFrom(question.kind ?? 'rollback', id, question.key)
  const waitSeconds = (deployment.policy as { decision_wait_seconds?: number }).decision_wait_seconds ?? 1800
  const warning = await migrationsAtStake(context, deployment)
  const outcome = await context.db.transaction(async (tx) => {
    const live = await lockLive(tx, deployment.service, deployment.environment)
    if (live.deployment_id !== id) return null
    // One question at a time: a breach overtakes "please verify it".
    await tx.decisions.updateMany({
      where: { deployment_id: id, status: 'waiting', decision_id: { not: decisionId } },
      data: { status: 'superseded', decided_at: new Date() },
    })
    await tx.decisions.createMany({
      data: [
        {
          decision_id: decisionId,
          deployment_id: id,
          kind: question.kind ?? 'rollback',
          reason: question.reason,
          violations: question.violations ?? [],
          expires_at: new Date(Date.now() + waitSeconds * 1000),
          event_id: question.event_id ?? null,
          warning,
        },
      ],
      skipDuplicates: true,
    })
    await audit(tx, {
      event_type: 'decision_asked',
      severity: 'warning',
      source: 'guard',
      description: `${deployment.service} ${deployment.version} in ${deployment.environment}: ${question.reason}${question.detail === null ? '' : ` (${question.detail})`}`,
      deployment_id: id,
      metadata: { decision_id: decisionId, violations: question.violations ?? [] },
    })
    return announce(tx, {
      kind: 'decision',
      dedupe_key: `decision:${decisionId}`,
      service: deployment.service,
      environment: deployment.environment,
      deployment_id: id,
      decision_id: decisionId,
      event_id: question.event_id ?? null,
      payload: {
        reason: question.reason,
        detail: question.detail,
        violations: question.violations ?? [],
        ...(warning === null ? {} : { warning }),
      },
    })
  })
  if (outcome === null) return { kind: 'superseded', reason: 'A newer deployment is live' }
  await deliver(context, [outcome])
  return { kind: 'asked', decision_id: decisionId, reason: question.reason, violations: question.violations ?? [] }
}

/** The automatic rollback was refused: people may override or turn it down. */
export const askAboutRefusal = async (
  context: ControlContext,
  deploymentId: string,
  eventId: string,
): Promise<BreachDecision> => {
  const deployment = await context.db.prisma.deployments.findUniqueOrThrow({ where: { deployment_id: deploymentId } })
  const event = await context.db.prisma.rollback_events.findUniqueOrThrow({ where: { event_id: eventId } })
  const validation = event.constitutional_validation as { violated?: string[]; violations?: string[] } | null
  if (validation?.violated?.includes('no_target'))
    return { kind: 'observed', reason: event.detail ?? 'No valid rollback target found' }
  return ask(context, deployment, {
    key: `refused:${eventId}`,
    reason: event.trigger_reason,
    detail: 'the constitution refused it',
    violations: validation?.violated ?? [],
    event_id: eventId,
  })
}

/** Nobody decided in time: people are told once more, and the guard stops waiting. */
export const expireDecision = async (
  context: ControlContext,
  decisionId: string,
): Promise<{ expired: boolean; event_id: string | null }> => {
  const outcome = await context.db.transaction(async (tx) => {
    const { count } = await tx.decisions.updateMany({
      where: { decision_id: decisionId, status: 'waiting' },
      data: { status: 'expired', decided_at: new Date() },
    })
    const decision = await tx.decisions.findUniqueOrThrow({
      where: { decision_id: decisionId },
      include: { deployment: true },
    })
    if (decision.status !== 'expired') return { expired: false, event_id: decision.result_event_id, keys: [] }
    if (count > 0)
      await audit(tx, {
        event_type: 'decision_expired',
        severity: 'warning',
        source: 'guard',
        description: `Nobody decided: ${decision.reason}`,
        deployment_id: decision.deployment_id,
        metadata: { decision_id: decisionId },
      })
    const key = await announce(tx, {
      kind: 'decision_expired',
      dedupe_key: `expired:${decisionId}`,
      service: decision.deployment.service,
      environment: decision.deployment.environment,
      deployment_id: decision.deployment_id,
      decision_id: decisionId,
      payload: { reason: decision.reason },
    })
    return { expired: true, event_id: null, keys: [key] }
  })
  await deliver(context, outcome.keys)
  return { expired: outcome.expired, event_id: outcome.event_id }
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
  const reason = `Deployment ${deploymentId} was deleted from the database while it was guarded. Its guard has ended, and nobody watches what is live there.`
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
export const endGuard = async (
  context: ControlContext,
  deploymentId: string,
  outcome: GuardOutcome | { kind: 'terminated' },
): Promise<boolean> => {
  const { count } = await context.db.prisma.guards.updateMany({
    where: { deployment_id: deploymentId, ended_at: null },
    data: { phase: 'ended', ended_at: new Date(), outcome: json(outcome), updated_at: new Date() },
  })
  return count > 0
}
