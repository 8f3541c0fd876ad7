import type { Health } from '@roman/constitution'
import type { ControlContext } from '../context.ts'
import { migrationsAtStake } from '../evidence.ts'
import { stableId } from '../stable-id.ts'
import { announce } from '../store/announce.ts'
import { audit } from '../store/audit.ts'
import type { DeploymentRecord } from '../store/deployments.ts'
import { lockLive } from '../store/live.ts'
import { deliver } from '../store/outbox.ts'

/** What a guard does about a breach. */
export type BreachDecision =
  | { kind: 'rolling_back'; event_id: string; reason: string }
  | { kind: 'asked'; decision_id: string; reason: string; violations: string[] }
  | { kind: 'observed'; reason: string }
  | { kind: 'superseded'; reason: string }

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
  const decisionId = stableId(question.kind ?? 'rollback', id, question.key)
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
    const { count } = await tx.decisions.createMany({
      data: [
        {
          decision_id: decisionId,
          deployment_id: id,
          kind: question.kind ?? 'rollback',
          reason: question.reason,
          violations: question.violations ?? [],
          expires_at: new Date(Date.now() + waitSeconds * 1000),
          event_id: question.event_id ?? null,
          detail: question.detail,
          warning,
        },
      ],
      skipDuplicates: true,
    })
    if (count > 0)
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

/** A breach after the guard's end that no rollback can mend: a question could only be answered in vain. */
export const tellOfLateBreach = async (
  context: ControlContext,
  deployment: DeploymentRecord,
  breach: { key: string; reason: string; health: Health },
): Promise<void> => {
  const id = deployment.deployment_id
  const dedupeKey = `late-breach:${id}:${breach.key}`
  const told = await context.db.transaction(async (tx) => {
    const live = await lockLive(tx, deployment.service, deployment.environment)
    if (live.deployment_id !== id) return null
    if ((await tx.announcements.count({ where: { dedupe_key: dedupeKey } })) > 0) return null
    await audit(tx, {
      event_type: 'health_breach',
      severity: 'error',
      source: 'sweep',
      description: `${deployment.service} ${deployment.version} in ${deployment.environment}: ${breach.reason} (there is nothing to go back to)`,
      deployment_id: id,
      metadata: { phase: 'sweep', health: breach.health },
    })
    return announce(tx, {
      kind: 'late_breach',
      dedupe_key: dedupeKey,
      service: deployment.service,
      environment: deployment.environment,
      deployment_id: id,
      payload: { reason: breach.reason },
    })
  })
  if (told !== null) await deliver(context, [told])
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
