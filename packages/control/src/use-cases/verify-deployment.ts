import { entropyOf, mayVerify } from '@roman/constitution'
import type { Actor, ReasonRequest, VerifyResponse } from '@roman/contracts'
import type { Tx } from '@roman/db'
import type { ControlContext } from '../context.ts'
import { readHealth } from '../health.ts'
import type { Call } from '../port.ts'
import { audit, json } from '../store/audit.ts'
import {
  type DeploymentRecord,
  isQuarantined,
  openRollback,
  requireUser,
  resolveDeployment,
} from '../store/deployments.ts'
import { lockLive } from '../store/live.ts'
import { moveDeployment } from '../store/statuses.ts'
import { refusal } from './refusal.ts'

/** A person marks a deployment known-good that no clean window proved. */
export const verifyDeployment = async (
  context: ControlContext,
  ref: string,
  input: ReasonRequest,
  call: Call,
): Promise<VerifyResponse> => {
  const found = await resolveDeployment(context.db, ref)
  await context.db.transaction(async (tx) => {
    await lockLive(tx, found.service, found.environment)
    await requireUser(tx, 'initiated_by', call.actor.user_id)
    await markVerified(tx, found, call.actor, input.reason)
  })
  await rememberEntropy(context, found.deployment_id)
  return { success: true, deployment_id: found.deployment_id, status: 'success' }
}

/** Inside the caller's transaction, under the lock of what is live. */
export const markVerified = async (
  tx: Tx,
  deployment: DeploymentRecord,
  actor: Actor,
  reason: string,
): Promise<void> => {
  const row = await tx.deployments.findUniqueOrThrow({
    where: { deployment_id: deployment.deployment_id },
    include: { guard: true, live: true },
  })
  const running = await openRollback(tx, row.service, row.environment)
  const decision = mayVerify({
    deployment_id: row.deployment_id,
    status: row.status as never,
    health_check_passed: row.health_check_passed ?? false,
    was_live: row.guard !== null || row.live !== null || row.replaced_at !== null || row.rollback_from !== null,
    being_watched: row.guard?.phase === 'watching' || row.guard?.phase === 'queued',
    commit_quarantined: await isQuarantined(tx, row.service, row.environment, row.git_commit),
    running_event_id: running?.deployment_id === row.deployment_id ? running.event_id : null,
    authorised: true,
  })
  if (!decision.allowed) throw refusal(decision)
  await moveDeployment(tx, row.deployment_id, 'success', {
    health_check_passed: true,
    completed_at: row.completed_at ?? new Date(),
    health_check_details: json({ verified_by: actor, reason, evidence: 'person' }),
  })
  await audit(tx, {
    event_type: 'deployment_verified',
    severity: 'warning',
    source: 'control',
    description: `${row.service} ${row.version} in ${row.environment} was marked verified: ${reason}`,
    deployment_id: row.deployment_id,
    actor,
    metadata: { warnings: decision.warnings },
  })
}

/** What going back to this deployment promises later. Unknown is allowed. */
const rememberEntropy = async (context: ControlContext, deploymentId: string): Promise<void> => {
  const [reading] = await readHealth(context.db, [deploymentId])
  if (reading === undefined || reading.superseded) return
  await context.db.prisma.deployments.update({
    where: { deployment_id: deploymentId },
    data: { entropy: entropyOf(reading.sample) },
  })
}
