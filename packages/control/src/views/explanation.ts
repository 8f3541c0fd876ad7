import type { GuardPolicy, SignalFinding, SignalName } from '@roman/constitution'
import { explainRollback, type StoredStory } from '@roman/constitution/analysis'
import type { ExplanationResponse } from '@roman/contracts'
import type { Database } from '@roman/db'
import { actorName } from '../actor-name.ts'
import { accountOfSnapshot } from './rollback-snapshots.ts'

const SAMPLES_MAX = 2_000

const iso = (date: Date | null): string | null => date?.toISOString() ?? null

/** Why a deployment was, or was not, rolled back: told from stored data alone, by the thresholds in force then. */
export const readExplanation = async (
  db: Pick<Database, 'prisma'>,
  deploymentId: string,
): Promise<ExplanationResponse> => {
  const row = await db.prisma.deployments.findUniqueOrThrow({
    where: { deployment_id: deploymentId },
    include: { verdicts: true, decisions: true, rollback_events: { include: { target: true } } },
  })
  // The newest: those before a verdict matter most.
  const samples = await db.prisma.health_samples.findMany({
    where: { deployment_id: deploymentId },
    orderBy: { sampled_at: 'desc' },
    take: SAMPLES_MAX,
  })
  const observed = await db.prisma.$queryRaw<{ timestamp: Date; description: string; detail: string | null }[]>`
    SELECT "timestamp", description, metadata ->> 'detail' AS detail FROM ops.roman_events
    WHERE metadata ->> 'deployment_id' = ${deploymentId} AND event_type = 'rollback_observed'`
  const snapshots = await Promise.all(row.rollback_events.map((event) => accountOfSnapshot(db, event)))
  const story: StoredStory = {
    service: row.service,
    environment: row.environment,
    deployment: {
      deployment_id: row.deployment_id,
      version: row.version,
      git_commit: row.git_commit,
      // An intent that never went live has the moment of its recording there.
      deployed_at: row.status === 'pending' ? null : iso(row.deployed_at),
    },
    policy: row.policy as unknown as GuardPolicy,
    baseline_breached: ((row.baseline as { in_breach?: SignalName[] } | null)?.in_breach ?? []) as SignalName[],
    samples: samples.map(({ sampled_at, phase, state, reason }) => ({
      at: sampled_at.toISOString(),
      phase,
      state: state as StoredStory['samples'][number]['state'],
      reason,
    })),
    verdicts: row.verdicts.map((verdict) => ({
      at: verdict.decided_at.toISOString(),
      phase: verdict.phase,
      kind: verdict.verdict,
      reason: verdict.reason,
      signals: (Array.isArray(verdict.signals) ? verdict.signals : []) as unknown as SignalFinding[],
      fault_at: iso(verdict.fault_at),
    })),
    decisions: row.decisions.map((decision) => ({
      asked_at: decision.asked_at.toISOString(),
      reason: decision.reason,
      detail: decision.detail,
      violations: decision.violations,
      status: decision.status,
      decided_at: iso(decision.decided_at),
      decided_by: actorName(decision.decided_by),
      decision_reason: decision.decision_reason,
    })),
    observed: observed.map(({ timestamp, description, detail }) => ({
      at: timestamp.toISOString(),
      detail: detail ?? description,
    })),
    rollbacks: row.rollback_events.map((event, index) => {
      const override = event.override as { violations: string[]; reason: string; actor?: unknown } | null
      return {
        event_id: event.event_id,
        initiated_at: event.initiated_at!.toISOString(),
        initiated_by: event.initiated_by ?? actorName((event.metadata as { actor?: unknown } | null)?.actor),
        trigger_type: event.trigger_type,
        trigger_reason: event.trigger_reason,
        status: event.status,
        detail: event.detail,
        completed_at: iso(event.completed_at),
        target: event.target === null ? null : { version: event.target.version, git_commit: event.target.git_commit },
        validation: event.constitutional_validation,
        trace: (event.rollback_plan as { trace?: unknown } | null)?.trace ?? null,
        override:
          override === null
            ? null
            : { violations: override.violations, reason: override.reason, by: actorName(override.actor) },
        refused_event_id: event.refused_event_id,
        moments: event.moments as Record<string, string | null>,
        snapshot: snapshots[index] ?? null,
      }
    }),
  }
  return { deployment_id: row.deployment_id, ...explainRollback(story) }
}
