import type { Tx } from '@roman/db'
import type { ControlContext } from '../context.ts'
import { announce } from '../store/announce.ts'
import { audit, json } from '../store/audit.ts'
import { becomeLive, lockLive } from '../store/live.ts'
import { loadEvent, type RollbackRecord } from '../store/rollbacks.ts'
import { moveDeployment } from '../store/statuses.ts'
import { advance, keep } from '../store/steps.ts'

/**
 * The deployer says the previous version is live: the failing one is rolled back, its commit quarantined unless it was
 * known-good here before, and the replacement takes its place. May run twice: the second run finds what the first one wrote.
 */
export const switchLive = (context: ControlContext, eventId: string): Promise<{ deployment_id: string; at: string }> =>
  context.db.transaction(async (tx) => {
    const first = await loadEvent(tx, eventId)
    const live = await lockLive(tx, first.service, first.environment)
    const event = await loadEvent(tx, eventId)
    const replacement = await tx.deployments.findUniqueOrThrow({
      where: { deployment_id: event.replacement_deployment_id! },
    })
    if (replacement.status !== 'pending')
      return { deployment_id: replacement.deployment_id, at: replacement.deployed_at!.toISOString() }
    const failing = await tx.deployments.findUniqueOrThrow({ where: { deployment_id: event.deployment_id! } })
    const overtaken = live.deployment_id !== failing.deployment_id ? live.deployment_id : null
    const { at } = await becomeLive(tx, live, replacement)
    await moveDeployment(tx, failing.deployment_id, 'rolled_back', {
      rolled_back_at: at,
      completed_at: failing.completed_at ?? at,
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
