import { randomUUID } from 'node:crypto'
import type { Tx } from '@roman/db'
import type { ControlContext } from '../context.ts'
import { configuredNow, policyOf } from '../policy.ts'
import { audit, json } from '../store/audit.ts'
import { lockLive, nextFence } from '../store/live.ts'
import { isOpen, loadEvent, type RollbackRecord } from '../store/rollbacks.ts'
import { OPEN_STATUSES } from '../store/statuses.ts'
import { advance, keep } from '../store/steps.ts'

/** What a rollback writes down until its target is live. Each may run twice: the second run finds what the first one wrote. */

export interface Replacement {
  deployment_id: string
  fence: string
  version: string
  git_commit: string
  git_branch: string
}

export type Claimed = { kind: 'claimed'; replacement: Replacement } | { kind: 'ended'; status: string; detail: string }

/**
 * Claims the environment: the failing deployment must still be live, else somebody has fixed it and nothing is undone.
 * Takes the next fence, holds the failing commit in quarantine and writes down the replacement.
 */
export const claimLive = (context: ControlContext, eventId: string): Promise<Claimed> =>
  context.db.transaction(async (tx) => {
    const first = await loadEvent(tx, eventId)
    const live = await lockLive(tx, first.service, first.environment)
    const event = await loadEvent(tx, eventId)
    if (!isOpen(event)) return { kind: 'ended', status: event.status, detail: event.detail ?? '' }
    if (event.replacement_deployment_id !== null)
      return { kind: 'claimed', replacement: await replacementOf(tx, event) }
    const failing = await tx.deployments.findUniqueOrThrow({ where: { deployment_id: event.deployment_id! } })
    if (live.deployment_id !== failing.deployment_id) {
      const detail =
        'Superseded: a newer deployment went live while this rollback was being decided; nothing was undone.'
      await advance(tx, eventId, {
        status: 'aborted',
        detail,
        step: { step: 'claim_live', status: 'aborted', detail },
      })
      await audit(tx, {
        event_type: 'rollback_superseded',
        severity: 'warning',
        source: 'rollback',
        description: detail,
        deployment_id: event.deployment_id,
        metadata: { event_id: eventId, live: live.deployment_id },
      })
      return { kind: 'ended', status: 'aborted', detail }
    }
    const target = await tx.deployments.findUniqueOrThrow({ where: { deployment_id: event.target_deployment_id! } })
    const config = configuredNow(context.config, event.service, event.environment)
    const fence = await nextFence(tx, live)
    const replacement = await tx.deployments.create({
      data: {
        deployment_id: randomUUID(),
        service: event.service,
        environment: event.environment,
        version: target.version,
        git_commit: target.git_commit,
        git_branch: target.git_branch,
        deployed_by: event.initiated_by,
        status: 'pending',
        rollback_from: failing.deployment_id,
        restores: target.deployment_id,
        fence,
        policy: config === null ? json(failing.policy) : json(policyOf(config)),
        metadata: json({ event_id: eventId }),
      },
    })
    await tx.quarantine.createMany({
      data: [
        {
          service: event.service,
          environment: event.environment,
          git_commit: failing.git_commit,
          status: 'hold',
          event_id: eventId,
        },
      ],
      skipDuplicates: true,
    })
    await keep(tx, eventId, { replacement_deployment_id: replacement.deployment_id, fence })
    await advance(tx, eventId, {
      phase: 'claiming',
      step: { step: 'claim_live', status: 'completed', detail: `Fence ${fence}; ${failing.version} is still live` },
    })
    return { kind: 'claimed', replacement: asReplacement(replacement) }
  })

const asReplacement = (row: {
  deployment_id: string
  fence: bigint
  version: string
  git_commit: string
  git_branch: string
}): Replacement => ({
  deployment_id: row.deployment_id,
  fence: row.fence.toString(),
  version: row.version,
  git_commit: row.git_commit,
  git_branch: row.git_branch,
})

const replacementOf = async (tx: Tx, event: RollbackRecord): Promise<Replacement> =>
  asReplacement(await tx.deployments.findUniqueOrThrow({ where: { deployment_id: event.replacement_deployment_id! } }))

export interface RunClaim {
  config: unknown
  host_id: string
}

/**
 * Writes down, once and before the deployer is asked, what the run is begun with and on which host. Answers what was
 * written first; null where the rollback has ended, and nothing may be dispatched for it any more.
 */
export const claimRun = async (context: ControlContext, eventId: string, offer: RunClaim): Promise<RunClaim | null> => {
  const rows = await context.db.prisma.$queryRaw<{ deployer: RunClaim }[]>`
    UPDATE ops.rollback_events SET deployer = coalesce(deployer, ${JSON.stringify(offer)}::jsonb)
    WHERE event_id = ${eventId}::uuid AND status = ANY(${OPEN_STATUSES}) RETURNING deployer`
  return rows[0]?.deployer ?? null
}

/** The deployer was asked: from here an abort means cancelling it. */
export const noteDispatched = async (
  context: ControlContext,
  eventId: string,
  run: { id: string; url: string | null } | null,
): Promise<void> => {
  await context.db.transaction(async (tx) => {
    const event = await loadEvent(tx, eventId)
    if ((event.moments as { dispatched?: string }).dispatched !== undefined) return
    await advance(tx, eventId, {
      phase: 'deploying',
      moments: ['dispatched'],
      step: { step: 'deploy_previous_version', status: 'started', detail: run === null ? null : (run.url ?? run.id) },
    })
  })
}

/** What the deployer last said, for whoever looks; the last word wins and a lost one does not matter. */
export const noteProgress = async (
  context: ControlContext,
  eventId: string,
  progress: { percent: number | null; text: string },
): Promise<void> => {
  await context.db.prisma.rollback_events.updateMany({
    where: { event_id: eventId, status: { in: OPEN_STATUSES } },
    data: { progress: json(progress) },
  })
}
