import { randomUUID } from 'node:crypto'
import { type Actor, guardWorkflowId } from '@roman/contracts'
import type { Tx } from '@roman/db'
import type { ControlContext } from '../context.ts'
import { configuredNow, policyOf } from '../policy.ts'
import { announce } from '../store/announce.ts'
import { audit, json } from '../store/audit.ts'
import { becomeLive, lockLive, nextFence } from '../store/live.ts'
import { advance, keep } from '../store/steps.ts'
import { isOpen, type RollbackRecord } from '../use-cases/request-rollback.ts'

/** The transactions between a rollback's steps. Each may run twice: the second run finds what the first one wrote. */

export interface Replacement {
  deployment_id: string
  fence: string
  version: string
  git_commit: string
  git_branch: string
}

export type Claimed = { kind: 'claimed'; replacement: Replacement } | { kind: 'ended'; status: string; detail: string }

const load = (tx: Tx, eventId: string): Promise<RollbackRecord> =>
  tx.rollback_events.findUniqueOrThrow({ where: { event_id: eventId } })

/**
 * Claims the environment: the failing deployment must still be live, else somebody has fixed it and nothing is undone.
 * Takes the next fence, holds the failing commit in quarantine and writes down the replacement.
 */
export const claimLive = (context: ControlContext, eventId: string): Promise<Claimed> =>
  context.db.transaction(async (tx) => {
    const first = await load(tx, eventId)
    const live = await lockLive(tx, first.service, first.environment)
    const event = await load(tx, eventId)
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
    WHERE event_id = ${eventId}::uuid AND status IN ('pending', 'in_progress') RETURNING deployer`
  return rows[0]?.deployer ?? null
}

/** The deployer was asked: from here an abort means cancelling it. */
export const noteDispatched = async (
  context: ControlContext,
  eventId: string,
  run: { id: string; url: string | null } | null,
): Promise<void> => {
  await context.db.transaction(async (tx) => {
    const event = await load(tx, eventId)
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
    where: { event_id: eventId, status: { in: ['pending', 'in_progress'] } },
    data: { progress: json(progress) },
  })
}

/**
 * The deployer says the previous version is live: the failing one is rolled back, its commit quarantined unless it was
 * known-good here before, and the replacement takes its place.
 */
export const switchLive = (context: ControlContext, eventId: string): Promise<{ deployment_id: string; at: string }> =>
  context.db.transaction(async (tx) => {
    const first = await load(tx, eventId)
    const live = await lockLive(tx, first.service, first.environment)
    const event = await load(tx, eventId)
    const replacement = await tx.deployments.findUniqueOrThrow({
      where: { deployment_id: event.replacement_deployment_id! },
    })
    if (replacement.status !== 'pending')
      return { deployment_id: replacement.deployment_id, at: replacement.deployed_at!.toISOString() }
    const failing = await tx.deployments.findUniqueOrThrow({ where: { deployment_id: event.deployment_id! } })
    const overtaken = live.deployment_id !== failing.deployment_id ? live.deployment_id : null
    const { at } = await becomeLive(tx, live, replacement)
    await tx.deployments.update({
      where: { deployment_id: failing.deployment_id },
      data: { status: 'rolled_back', rolled_back_at: at, completed_at: failing.completed_at ?? at },
    })
    const provenBefore = await wasKnownGoodBefore(tx, event, failing.git_commit)
    await tx.quarantine.updateMany({
      where: { event_id: eventId, status: 'hold' },
      data: provenBefore ? { status: 'released', released_at: at } : { status: 'quarantined' },
    })
    const detail = provenBefore
      ? `${replacement.version} is live again. ${failing.version} was known-good here before, so its commit is not quarantined: look at its configuration.`
      : `${replacement.version} is live again; commit ${failing.git_commit} is quarantined.`
    await keep(tx, eventId, { progress: json({ percent: 100, text: `${replacement.version} is live` }) })
    await advance(tx, eventId, {
      phase: 'verifying',
      moments: ['live'],
      detail,
      step: { step: 'deploy_previous_version', status: 'completed', detail },
    })
    await audit(tx, {
      event_type: 'rollback_live',
      severity: 'warning',
      source: 'rollback',
      description: detail,
      deployment_id: failing.deployment_id,
      metadata: {
        event_id: eventId,
        replacement_deployment_id: replacement.deployment_id,
        fence: Number(replacement.fence),
      },
    })
    if (overtaken !== null) await tellOvertaken(tx, event, overtaken, replacement.version)
    return { deployment_id: replacement.deployment_id, at: at.toISOString() }
  })

/** Somebody deployed in the middle, and the deployer has put the rollback's version over it: people must look. */
const tellOvertaken = async (tx: Tx, event: RollbackRecord, deploymentId: string, version: string): Promise<void> => {
  const other = await tx.deployments.findUniqueOrThrow({ where: { deployment_id: deploymentId } })
  const reason = `${other.version} went live while the rollback was deploying ${version}, which came last. Check what runs, and deploy ${other.version} again if it is wanted.`
  await audit(tx, {
    event_type: 'rollback_overtook_deployment',
    severity: 'critical',
    source: 'rollback',
    description: reason,
    deployment_id: deploymentId,
    metadata: { event_id: event.event_id },
  })
  await announce(tx, {
    kind: 'unfenced',
    dedupe_key: `overtaken:${event.event_id}:${deploymentId}`,
    service: event.service,
    environment: event.environment,
    deployment_id: deploymentId,
    event_id: event.event_id,
    payload: { reason },
  })
}

/** Judged as of the request: what this rollback itself proves does not count. */
const wasKnownGoodBefore = async (tx: Tx, event: RollbackRecord, gitCommit: string): Promise<boolean> =>
  (await tx.deployments.count({
    where: {
      service: event.service,
      environment: event.environment,
      git_commit: gitCommit,
      health_check_passed: true,
      completed_at: { lt: event.initiated_at! },
    },
  })) > 0

/** The deployer failed, or a person stopped it: what was live stays live, as `failed`, and people are told. */
export const failRollback = (
  context: ControlContext,
  eventId: string,
  failure: { step: string; reason: string; aborted_by?: Actor | null },
): Promise<{ status: string; detail: string }> =>
  context.db.transaction(async (tx) => {
    const first = await load(tx, eventId)
    await lockLive(tx, first.service, first.environment)
    const event = await load(tx, eventId)
    if (!isOpen(event)) return { status: event.status, detail: event.detail ?? '' }
    const dispatched = (event.moments as { dispatched?: string }).dispatched !== undefined
    const byPerson = failure.aborted_by != null
    const status = byPerson && !dispatched ? 'aborted' : 'failed'
    if (event.replacement_deployment_id !== null) {
      await tx.deployments.updateMany({
        where: { deployment_id: event.replacement_deployment_id, status: 'pending' },
        data: { status: 'failed', completed_at: new Date() },
      })
      await tx.quarantine.updateMany({
        where: { event_id: eventId, status: 'hold' },
        data: { status: 'released', released_at: new Date() },
      })
    }
    if (status === 'failed') {
      await tx.deployments.updateMany({
        where: {
          deployment_id: event.deployment_id!,
          status: { in: ['in_progress', 'success'] },
          live: { isNot: null },
        },
        data: { status: 'failed', completed_at: new Date() },
      })
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
    const first = await load(tx, eventId)
    await lockLive(tx, first.service, first.environment)
    return concludeInTransaction(tx, await load(tx, eventId), conclusion, 'verify_health')
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
    await tx.deployments.update({
      where: { deployment_id: event.replacement_deployment_id! },
      data: {
        status: verified ? 'success' : 'failed',
        health_check_passed: verified,
        health_check_details: json({
          verdict: conclusion.kind,
          reason: conclusion.reason,
          health: conclusion.health,
        }),
        completed_at: new Date(),
        ...(verified ? { entropy: conclusion.entropy } : {}),
      },
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
    const first = await load(tx, eventId)
    await lockLive(tx, first.service, first.environment)
    const event = await load(tx, eventId)
    if (!isOpen(event)) return []
    const detail = 'Orphaned: Temporal no longer knows this rollback. Look at what is live, then request a new one.'
    await tx.deployments.updateMany({
      where: {
        rollback_from: event.deployment_id,
        deployment_id: event.replacement_deployment_id ?? '00000000-0000-0000-0000-000000000000',
        status: { in: ['pending', 'in_progress'] },
      },
      data: { status: 'failed', completed_at: new Date() },
    })
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
