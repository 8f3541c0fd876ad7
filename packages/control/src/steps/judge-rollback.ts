import {
  mayRollBack,
  plannedUndo,
  type RollbackDecision,
  type RollbackValidation,
  type ViolationName,
} from '@roman/constitution'
import type { ControlContext } from '../context.ts'
import { type DeployerFacts, gatherEvidence } from '../evidence.ts'
import { reportOf } from '../health.ts'
import { audit, json } from '../store/audit.ts'
import { isOpen, type RollbackRecord } from '../store/rollbacks.ts'
import { advance, keep } from '../store/steps.ts'
import { explain } from '../use-cases/refusal.ts'
import { type UndoBound, undoBound, undoPlanOf } from './undo-plan.ts'

/** What a rollback's first step decides. A value, so that the workflow reads as the runbook. */
export type JudgedRollback =
  | {
      kind: 'approved'
      target: { deployment_id: string; version: string; git_commit: string }
      validation: RollbackValidation
      /** Absent where no migration is undone. */
      undo?: UndoBound
    }
  | { kind: 'refused'; validation: RollbackValidation; reasons: string[]; overridable: boolean }
  /** Ended before it was judged: another deployment is live, or a person aborted it. */
  | { kind: 'ended'; status: string; detail: string }

/**
 * Gathers the evidence, asks the constitution and writes down its answer, once: a retried step reads what was decided.
 */
export const judgeRollback = async (
  context: ControlContext,
  eventId: string,
  deployer: (event: RollbackRecord) => Promise<DeployerFacts>,
): Promise<JudgedRollback> => {
  const event = await context.db.prisma.rollback_events.findUniqueOrThrow({ where: { event_id: eventId } })
  const before = await alreadyJudged(context, event)
  if (before !== null) return before
  const { evidence, reading } = await gatherEvidence(context, event, await deployer(event))
  const override = event.override as { violations: ViolationName[]; reason: string } | null
  const decision = mayRollBack(
    evidence,
    override === null
      ? undefined
      : {
          deployment_id: event.deployment_id!,
          violations: override.violations,
          reason: override.reason,
          authorised: true,
        },
  )
  const undo = decision.allowed ? plannedUndo(evidence.migrations, decision.overridden) : []
  return context.db.transaction(async (tx) => {
    const description = describe(decision)
    await keep(tx, eventId, {
      constitutional_validation: json({ ...decision.validation, overridden: decision.overridden }),
      rollback_plan: json({
        target: evidence.target,
        forced_target: evidence.forced_target,
        migrations: { ...evidence.migrations, undo },
        checks: evidence.checks,
        profile: decision.profile,
        trace: decision.trace,
        health: reportOf(reading),
      }),
      target_deployment_id: evidence.target?.deployment_id ?? null,
    })
    const open = await advance(tx, eventId, {
      phase: 'validating',
      moments: ['decided'],
      step: { step: 'validate_rollback', status: decision.allowed ? 'completed' : 'failed', detail: description },
      detail: description,
      ...(decision.allowed ? {} : { status: 'aborted' as const }),
    })
    if (!open) {
      const row = await tx.rollback_events.findUniqueOrThrow({ where: { event_id: eventId } })
      return { kind: 'ended', status: row.status, detail: row.detail ?? '' }
    }
    await audit(tx, {
      event_type: 'rollback_validation',
      severity: decision.allowed ? 'info' : 'error',
      source: 'constitution',
      description,
      deployment_id: event.deployment_id,
      metadata: {
        event_id: eventId,
        validation: decision.validation,
        profile: decision.profile,
        trace: decision.trace,
        overridden: decision.overridden,
        entropy_report: reportOf(reading),
      },
    })
    return outcomeOf(decision, evidence.target, undoBound(undo, reading.policy))
  })
}

const describe = (decision: RollbackDecision): string =>
  decision.allowed
    ? decision.overridden.length > 0
      ? `Approved by override of ${decision.overridden.join(', ')}`
      : 'Approved: every law and precondition holds'
    : explain(decision.reasons)

const outcomeOf = (
  decision: RollbackDecision,
  target: { deployment_id: string; version: string; git_commit: string } | null,
  undo: { undo?: UndoBound },
): JudgedRollback =>
  decision.allowed
    ? { kind: 'approved', target: target!, validation: decision.validation, ...undo }
    : {
        kind: 'refused',
        validation: decision.validation,
        reasons: decision.reasons.map(({ message }) => message),
        overridable: decision.overridable,
      }

const alreadyJudged = async (context: ControlContext, event: RollbackRecord): Promise<JudgedRollback | null> => {
  const validation = event.constitutional_validation as (RollbackValidation & { overridden?: string[] }) | null
  if (
    event.status === 'aborted' &&
    validation?.compliant === false &&
    event.replacement_deployment_id === null &&
    event.abort === null
  ) {
    return {
      kind: 'refused',
      validation,
      reasons: validation.violations,
      overridable: !validation.violated.includes('no_target'),
    }
  }
  if (!isOpen(event)) {
    return { kind: 'ended', status: event.status, detail: event.detail ?? '' }
  }
  if (validation === null) return null
  const target = await context.db.prisma.deployments.findUniqueOrThrow({
    where: { deployment_id: event.target_deployment_id! },
  })
  const failing = await context.db.prisma.deployments.findUniqueOrThrow({
    where: { deployment_id: event.deployment_id! },
  })
  return {
    kind: 'approved',
    validation,
    target: { deployment_id: target.deployment_id, version: target.version, git_commit: target.git_commit },
    ...undoBound(undoPlanOf(event), failing.policy),
  }
}
