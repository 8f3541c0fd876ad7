import { guardWorkflowId, rollbackWorkflowId } from '@roman/contracts'
import type { ControlContext } from '../context.ts'
import { enqueueGuard } from '../store/guards.ts'
import { deliver } from '../store/outbox.ts'
import { endGuard } from './guard.ts'
import { closeOrphan } from './move-rollback.ts'

const EACH_MAX = 500

/**
 * Repairs whatever died in between: what was written down and not started, live deployments without a guard, and
 * rollbacks that Temporal has lost. Safe to run in several processes at once. Temporal being away is not "lost":
 * nothing is concluded from it.
 */
export const reconcile = async (context: ControlContext): Promise<void> => {
  await deliver(context)
  await repairGuards(context)
  await closeLostRollbacks(context)
}

const repairGuards = async (context: ControlContext): Promise<void> => {
  const { prisma } = context.db
  const unguarded = await prisma.deployments.findMany({
    where: {
      rollback_from: null,
      live: { isNot: null },
      // Also one that stands by after a clean window: lost, nobody would watch it any more.
      OR: [{ guard: null, status: 'in_progress' }, { guard: { ended_at: null } }],
    },
    take: EACH_MAX,
  })
  for (const deployment of unguarded) {
    const id = deployment.deployment_id
    const workflowId = guardWorkflowId(id)
    const delivered = await prisma.outbox.findFirst({ where: { key: workflowId, delivered_at: { not: null } } })
    const state = delivered === null ? 'absent' : await context.temporal.state(workflowId)
    if (state === 'running') continue
    if (state === 'closed') {
      // Its last activity may be writing this very moment; only a guard that left no end behind was ended from outside.
      await endGuard(context, id, { kind: 'terminated' })
      continue
    }
    await context.db.transaction(async (tx) => {
      await enqueueGuard(tx, deployment)
      await tx.outbox.updateMany({ where: { key: workflowId }, data: { delivered_at: null } })
    })
    await deliver(context, [workflowId])
  }
}

const closeLostRollbacks = async (context: ControlContext): Promise<void> => {
  const open = await context.db.prisma.rollback_events.findMany({
    where: { status: { in: ['pending', 'in_progress'] } },
    take: EACH_MAX,
  })
  for (const event of open) {
    const workflowId = rollbackWorkflowId(event.event_id)
    const delivered = await context.db.prisma.outbox.findFirst({
      where: { key: workflowId, delivered_at: { not: null } },
    })
    if (delivered === null || (await context.temporal.state(workflowId)) === 'running') continue
    await deliver(context, await closeOrphan(context, event.event_id))
  }
}
