import { guardWorkflowId, rollbackWorkflowId } from '@roman/contracts'
import { isTemporalUnavailable } from '@roman/runtime'
import type { ControlContext } from '../context.ts'
import { announce } from '../store/announce.ts'
import { audit } from '../store/audit.ts'
import type { DeploymentRecord } from '../store/deployments.ts'
import { enqueueGuard } from '../store/guards.ts'
import { deliver } from '../store/outbox.ts'
import { OPEN_STATUSES } from '../store/statuses.ts'
import { closeOrphan } from './end-rollback.ts'
import { endGuardIn } from './guard.ts'

/** Read at a time: what is open and well must not keep what lies behind it from being looked at. */
const PAGE_ROWS = 500

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

/** One row's trouble must not keep the rows behind it waiting; Temporal being away is every row's. */
const each = async <T>(
  context: ControlContext,
  rows: readonly T[],
  repair: (row: T) => Promise<void>,
): Promise<void> => {
  for (const row of rows) {
    try {
      await repair(row)
    } catch (error) {
      if (isTemporalUnavailable(error)) throw error
      context.log.error({ reason: (error as Error).message }, 'A row could not be reconciled and is tried again')
    }
  }
}

/** All rows by their ids, a page at a time. */
async function* pages<T extends { id: bigint }>(
  read: (from: { id: { gt: bigint } }, take: number) => Promise<T[]>,
): AsyncGenerator<T[], void, void> {
  for (let last = 0n, more = true; more; ) {
    const page = await read({ id: { gt: last } }, PAGE_ROWS)
    yield page
    last = page.at(-1)?.id ?? last
    more = page.length === PAGE_ROWS
  }
}

const repairGuards = async (context: ControlContext): Promise<void> => {
  const unended = pages((from, take) =>
    context.db.prisma.deployments.findMany({
      where: {
        ...from,
        rollback_from: null,
        live: { isNot: null },
        // Also one that stands by after a clean window: lost, nobody would watch it any more.
        OR: [{ guard: null, status: 'in_progress' }, { guard: { ended_at: null } }],
      },
      orderBy: { id: 'asc' },
      take,
    }),
  )
  for await (const page of unended) await repairPage(context, page)
}

const repairPage = async (context: ControlContext, page: DeploymentRecord[]): Promise<void> => {
  const { prisma } = context.db
  await each(context, page, async (deployment) => {
    const id = deployment.deployment_id
    const workflowId = guardWorkflowId(id)
    const delivered = await prisma.outbox.findFirst({ where: { key: workflowId, delivered_at: { not: null } } })
    const state = delivered === null ? 'absent' : await context.temporal.state(workflowId)
    if (state === 'running') return
    if (state === 'closed') {
      // Its last activity may be writing this very moment; only a guard that left no end behind was ended from outside.
      await closeLostGuard(context, deployment)
      return
    }
    await context.db.transaction(async (tx) => {
      await enqueueGuard(tx, deployment)
      await tx.outbox.updateMany({ where: { key: workflowId }, data: { delivered_at: null } })
    })
    await deliver(context, [workflowId])
  })
}

/** Ended from outside, or failed for good: the sweep watches on, and people are told that nobody acts by itself any more. */
const closeLostGuard = async (context: ControlContext, deployment: DeploymentRecord): Promise<void> => {
  const id = deployment.deployment_id
  const reason = `The guard of ${deployment.version} ended without a result: its workflow was terminated or failed. It is watched on, but no longer rolled back by itself.`
  const key = await context.db.transaction(async (tx) => {
    // With its end: what ends without a word would never be found again.
    if (!(await endGuardIn(tx, id, { kind: 'terminated' }))) return null
    await audit(tx, {
      event_type: 'guard_lost',
      severity: 'critical',
      source: 'reconciler',
      description: reason,
      deployment_id: id,
    })
    return announce(tx, {
      kind: 'orphaned',
      dedupe_key: `guard-lost:${id}`,
      service: deployment.service,
      environment: deployment.environment,
      deployment_id: id,
      payload: { reason },
    })
  })
  if (key !== null) await deliver(context, [key])
}

const closeLostRollbacks = async (context: ControlContext): Promise<void> => {
  const open = pages((from, take) =>
    context.db.prisma.rollback_events.findMany({
      where: { ...from, status: { in: OPEN_STATUSES } },
      orderBy: { id: 'asc' },
      take,
    }),
  )
  for await (const page of open)
    await each(context, page, async ({ event_id }) => {
      const workflowId = rollbackWorkflowId(event_id)
      const delivered = await context.db.prisma.outbox.findFirst({
        where: { key: workflowId, delivered_at: { not: null } },
      })
      if (delivered === null || (await context.temporal.state(workflowId)) === 'running') return
      await deliver(context, await closeOrphan(context, event_id))
    })
}
