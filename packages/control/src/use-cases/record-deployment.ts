import { randomUUID } from 'node:crypto'
import { evaluateLaws, mayRecord } from '@roman/constitution'
import {
  type Actor,
  guardWorkflowId,
  type RecordDeploymentRequest,
  type RecordDeploymentResponse,
  RomanError,
} from '@roman/contracts'
import type { Tx } from '@roman/db'
import { environmentOf } from '@roman/runtime'
import { baselineWarning, readBaseline } from '../baseline.ts'
import type { ControlContext } from '../context.ts'
import { examineScripts, recordMigrations } from '../migrations/record.ts'
import { noiseWarnings } from '../noise.ts'
import { policyOf } from '../policy.ts'
import type { Call } from '../port.ts'
import { stableId } from '../stable-id.ts'
import { announce } from '../store/announce.ts'
import { audit, json } from '../store/audit.ts'
import { type DeploymentRecord, isQuarantined, openRollback, requireUser } from '../store/deployments.ts'
import { freezeInForce } from '../store/freezes.ts'
import { enqueueGuard } from '../store/guards.ts'
import { becomeLive, type LiveRow, lockLive, nextFence } from '../store/live.ts'
import { deliver } from '../store/outbox.ts'
import { KNOWN_GOOD } from '../store/statuses.ts'
import { refusal } from './refusal.ts'

/** Facts that a second recording of the same deployment must repeat. */
const FACTS = ['service', 'environment', 'version', 'git_commit', 'git_branch'] as const

/**
 * Records a deployment: an intent (`pending`, may be refused) or a fact (`in_progress`, never refused). The same
 * deployment again is the same answer; other facts under its id are a conflict.
 */
export const recordDeployment = async (
  context: ControlContext,
  input: RecordDeploymentRequest,
  call: Call,
): Promise<{ created: boolean; body: RecordDeploymentResponse }> => {
  const { service, config } = environmentOf(context.config.current(), input.service, input.environment)
  const deploymentId = input.deployment_id?.toLowerCase() ?? idOfKey(call.idempotency_key, service, input.environment)
  const policy = policyOf(config)
  const wanted: Wanted = { ...input, service, deployment_id: deploymentId }
  const { given, warnings: faults } = examineScripts(
    { migrations: input.migrations ?? [], tool: input.migrations_tool },
    input.status === 'pending' ? 'intent' : 'live',
  )
  const { baseline, entropy } = await readBaseline(context, service, input.environment, {
    switched: input.status === 'in_progress',
  })

  const record = async (tx: Tx): Promise<Recorded> => {
    const live = await lockLive(tx, service, input.environment)
    const existing = await tx.deployments.findUnique({ where: { deployment_id: deploymentId } })
    if (existing !== null) {
      sameFacts(existing, wanted)
      // An intent that is recorded again as live has gone live, also where its deploy was said to have failed.
      const neverLive =
        existing.status === 'pending' || (existing.status === 'failed' && !(await wasLive(tx, existing)))
      if (!neverLive || input.status === 'pending') return { row: existing, created: false, warnings: [], keys: [] }
      return { ...(await goLive(tx, live, existing, call.actor)), created: false }
    }
    await requireUser(tx, 'deployed_by', input.deployed_by)
    const decision = await judgeRecording(
      tx,
      live,
      { ...wanted, fence: live.last_fence + 1n },
      input.status === 'pending' ? 'intent' : 'live',
    )
    if (!decision.allowed) throw refusal(decision)
    const validation = input.action_profile === undefined ? null : evaluateLaws(input.action_profile, { entropy })
    const row = await tx.deployments.create({
      data: {
        deployment_id: deploymentId,
        service,
        environment: input.environment,
        version: input.version,
        git_commit: input.git_commit,
        git_branch: input.git_branch,
        deployed_by: input.deployed_by ?? (call.actor.kind === 'ci' ? call.actor.user_id : null),
        status: 'pending',
        fence: await nextFence(tx, live),
        policy: json(policy),
        ...(baseline === null ? {} : { baseline: json(baseline) }),
        ...(validation === null ? {} : { constitutional_validation: json(validation) }),
        metadata: json({
          ...input.metadata,
          ...(input.action_profile === undefined ? {} : { action_profile: input.action_profile }),
        }),
      },
    })
    await audit(tx, {
      event_type: 'deployment_recorded',
      severity: 'info',
      source: 'control',
      description: `${service} ${input.version} (${input.git_commit}) ${input.status === 'pending' ? 'is about to be deployed to' : 'is live in'} ${input.environment}`,
      deployment_id: deploymentId,
      actor: call.actor,
      metadata: { fence: Number(row.fence), warnings: decision.warnings },
    })
    if (input.status === 'pending') return { row, created: true, warnings: decision.warnings, keys: [] }
    return { ...(await goLive(tx, live, row, call.actor)), created: true }
  }
  const outcome = await context.db.transaction(async (tx) => {
    const recorded = await record(tx)
    const noted = await recordMigrations(tx, recorded.row, given, call.actor)
    return { ...recorded, warnings: [...recorded.warnings, ...faults, ...noted] }
  })

  // Whoever announced it deploys when this is answered, so the state before must have been seen by then.
  if (outcome.row.status === 'pending') await context.snapshots.take(deploymentId, 'pre_deployment')
  if (outcome.keys.length > 0) await beginGuarding(context, deploymentId, outcome.keys)
  const noise = outcome.created ? await noiseWarnings(context, service, input.environment, policy) : []
  const before = outcome.created ? baselineWarning(baseline) : null
  const warnings = [...outcome.warnings, ...(before === null ? [] : [before]), ...noise]
  return { created: outcome.created, body: await describeRecorded(context, deploymentId, warnings) }
}

/** The guard does not wait for the snapshot: a bad deployment is found out from its first second. */
export const beginGuarding = async (context: ControlContext, deploymentId: string, keys: string[]): Promise<void> => {
  await Promise.all([deliver(context, keys), context.snapshots.take(deploymentId, 'post_deployment')])
}

interface Recorded {
  row: DeploymentRecord
  created: boolean
  warnings: string[]
  /** Workflows to deliver. */
  keys: string[]
}

/** Whoever was live has a guard, or is a rollback's replacement. */
export const wasLive = async (tx: Tx, deployment: DeploymentRecord): Promise<boolean> =>
  deployment.rollback_from !== null ||
  (await tx.guards.count({ where: { deployment_id: deployment.deployment_id } })) > 0

type Wanted = Omit<RecordDeploymentRequest, 'service' | 'deployment_id'> & { service: string; deployment_id: string }

/** A caller without an id of its own names the request by its key; the id then follows from it. */
const idOfKey = (key: string | null, service: string, environment: string): string =>
  key === null ? randomUUID() : stableId(service, environment, key)

const sameFacts = (existing: DeploymentRecord, wanted: Wanted): void => {
  const different = FACTS.filter((field) => existing[field] !== wanted[field])
  if (different.length === 0) return
  const field = different[0]!
  throw new RomanError(
    'deployment_conflict',
    `Deployment ${existing.deployment_id} is recorded already with ${field} "${existing[field]}", not "${wanted[field]}". Record another deployment under another id.`,
    { fields: different },
  )
}

const judgeRecording = async (
  tx: Tx,
  live: LiveRow,
  deployment: { service: string; environment: string; version: string; git_commit: string; fence: bigint },
  step: 'intent' | 'live',
) =>
  mayRecord({
    step,
    service: deployment.service,
    environment: deployment.environment,
    git_commit: deployment.git_commit,
    running_event_id: (await openRollback(tx, deployment.service, deployment.environment))?.event_id ?? null,
    commit_quarantined: await isQuarantined(tx, deployment.service, deployment.environment, deployment.git_commit),
    environment_frozen: (await freezeInForce(tx, deployment.service, deployment.environment)) !== null,
    fence_overtaken: deployment.fence < live.fence,
    known_good_in_staging: await knownGoodInStaging(tx, deployment),
  })

/** Null where the service has no staging, or this is not production. */
const knownGoodInStaging = async (
  tx: Tx,
  { service, environment, version }: { service: string; environment: string; version: string },
): Promise<boolean | null> => {
  if (environment !== 'production') return null
  const staging = { service, environment: 'staging' }
  if ((await tx.deployments.count({ where: staging, take: 1 })) === 0) return null
  return (
    (await tx.deployments.count({
      where: { ...staging, version, ...KNOWN_GOOD },
      take: 1,
    })) > 0
  )
}

/**
 * The fact that a deployment is live now. Also when it comes around a rollback, from a quarantined commit or after a
 * newer one: then it is flagged, guarded all the same, and people are told.
 */
export const goLive = async (
  tx: Tx,
  live: LiveRow,
  deployment: DeploymentRecord,
  actor: Actor,
): Promise<{ row: DeploymentRecord; warnings: string[]; keys: string[] }> => {
  const decision = await judgeRecording(tx, live, deployment, 'live')
  const id = deployment.deployment_id
  const { at } = await becomeLive(tx, live, deployment)
  const keys = [await enqueueGuard(tx, deployment)]
  await declaredViolations(tx, deployment)
  if (decision.unfenced) {
    await tx.deployments.update({ where: { deployment_id: id }, data: { unfenced: true } })
    keys.push(
      await announce(tx, {
        kind: 'unfenced',
        dedupe_key: `unfenced:${id}`,
        service: deployment.service,
        environment: deployment.environment,
        deployment_id: id,
        payload: { reason: decision.warnings.join(' ') },
      }),
    )
  }
  await audit(tx, {
    event_type: 'deployment_live',
    severity: decision.unfenced ? 'warning' : 'info',
    source: 'control',
    description: `${deployment.service} ${deployment.version} is live in ${deployment.environment}`,
    deployment_id: id,
    actor,
    metadata: {
      fence: Number(deployment.fence),
      at: at.toISOString(),
      unfenced: decision.unfenced,
      warnings: decision.warnings,
    },
  })
  const row = await tx.deployments.findUniqueOrThrow({ where: { deployment_id: id } })
  return { row, warnings: decision.warnings, keys }
}

/** A deployment whose own action profile breaks a law is in breach from its first moment. */
const declaredViolations = async (tx: Tx, deployment: DeploymentRecord): Promise<void> => {
  const validation = deployment.constitutional_validation as { compliant?: boolean; violations?: string[] } | null
  if (validation?.compliant !== false) return
  await tx.guard_verdicts.createMany({
    data: [
      {
        deployment_id: deployment.deployment_id,
        phase: 'window',
        verdict: 'breach',
        trigger_type: 'constitutional_violation',
        reason: validation.violations?.[0] ?? 'The declared action profile breaks a law',
      },
    ],
    skipDuplicates: true,
  })
}

export const describeRecorded = async (
  context: ControlContext,
  deploymentId: string,
  warnings: string[],
): Promise<RecordDeploymentResponse> => {
  const row = await context.db.prisma.deployments.findUniqueOrThrow({
    where: { deployment_id: deploymentId },
    include: { guard: true },
  })
  return {
    deployment_id: row.deployment_id,
    service: row.service,
    environment: row.environment,
    version: row.version,
    git_commit: row.git_commit,
    git_branch: row.git_branch,
    status: row.status as RecordDeploymentResponse['status'],
    fence: Number(row.fence),
    workflow_id: guardWorkflowId(row.deployment_id),
    phase: row.guard?.phase ?? null,
    unfenced: row.unfenced,
    warnings,
  }
}
