import {
  chooseTarget,
  type DeploymentRef,
  type GuardPolicy,
  isStable,
  migrationWarning,
  type RollbackEvidence,
  type StructuralCheck,
  sameCommit,
  type TargetEvidence,
} from '@roman/constitution'
import type { Prisma } from '@roman/db'
import { automaticKey } from './automatic.ts'
import type { ControlContext } from './context.ts'
import { type HealthReading, readHealth } from './health.ts'
import type { Restored } from './migrations/merge.ts'
import { readMigrations } from './migrations/read.ts'
import type { RollbackRecord } from './store/rollbacks.ts'
import { KNOWN_GOOD, OPEN_STATUSES } from './store/statuses.ts'

/** What only a deployer can say. Both may be left unanswered. */
export interface DeployerFacts {
  able: boolean | null
  able_detail: string | null
  /** The version that reality runs; null where nobody can answer. */
  current: { version: string; git_commit: string | null } | null
}

type Deployment = Prisma.deploymentsGetPayload<object>
const CANDIDATES_MAX = 50
const CANDIDATE_PAGES_MAX = 20

const refOf = (row: Deployment): DeploymentRef => ({
  deployment_id: row.deployment_id,
  version: row.version,
  git_commit: row.git_commit,
  git_branch: row.git_branch,
})

/** What is judged: a rollback that was asked for, or one that might be. */
export type Judged = Pick<
  RollbackRecord,
  | 'event_id'
  | 'deployment_id'
  | 'target_forced'
  | 'target_deployment_id'
  | 'refused_event_id'
  | 'trigger_type'
  | 'trigger_reason'
  | 'initiated_by'
  | 'metadata'
>

/** Who asked: somebody known, or a client on nobody's behalf. */
const byPerson = (event: Judged): boolean => {
  const actor = (event.metadata as { actor?: { kind?: string } } | null)?.actor
  return event.initiated_by !== null || actor?.kind === 'discord' || actor?.kind === 'user'
}

/** Everything the constitution judges a rollback by, read anew at the moment of the decision. */
export const gatherEvidence = async (
  context: Pick<ControlContext, 'db' | 'config' | 'secret'>,
  event: Judged,
  deployer: DeployerFacts,
): Promise<{ evidence: RollbackEvidence; reading: HealthReading }> => {
  const { prisma } = context.db
  const subject = await prisma.deployments.findUniqueOrThrow({ where: { deployment_id: event.deployment_id! } })
  const place = { service: subject.service, environment: subject.environment }
  const live = await prisma.live.findUnique({ where: { service_environment: place }, include: { deployment: true } })
  const running = await prisma.rollback_events.findFirst({
    where: { ...place, status: { in: OPEN_STATUSES }, event_id: { not: event.event_id } },
  })
  const tried = await prisma.rollback_events.findFirst({
    where: {
      deployment_id: subject.deployment_id,
      event_id: { not: event.event_id },
      refused_event_id: null,
      // A guard's begin for a declared violation of the laws, too; others may ask for an automatic one under any key.
      OR: [{ trigger_type: 'automatic' }, { idempotency_key: automaticKey(subject.deployment_id) }],
    },
  })
  const [reading] = await readHealth(context.db, [subject.deployment_id])
  const found = await findTarget(context, subject, event.target_forced ? event.target_deployment_id : null)
  const { newer, database } = await readMigrations(context, place, found?.restored ?? null)
  return {
    reading: reading!,
    evidence: {
      ...place,
      deployment: {
        ...refOf(subject),
        is_replacement: subject.rollback_from !== null,
        automatic_tried: tried !== null && event.refused_event_id === null,
      },
      live: live?.deployment == null ? null : refOf(live.deployment),
      running_event_id: running?.event_id ?? null,
      target: found?.target ?? null,
      forced_target: event.target_forced,
      present: {
        sample: reading!.sample,
        stable: isStable(reading!.sample, reading!.policy.thresholds, {
          breached_recently: reading!.breached_recently,
        }),
      },
      migrations: { policy: reading!.policy.migrations, newer },
      database,
      checks: structuralChecks(deployer, live?.deployment ?? null),
      request: {
        trigger_type: event.trigger_type as RollbackEvidence['request']['trigger_type'],
        person: byPerson(event),
        reason: event.trigger_reason,
      },
    },
  }
}

/** What a rollback of this deployment would go back to; null where there is nothing. */
export const findTarget = async (
  { db }: Pick<ControlContext, 'db'>,
  subject: Deployment,
  forcedId: string | null = null,
): Promise<{ target: TargetEvidence; restored: Restored } | null> => {
  const place = { service: subject.service, environment: subject.environment }
  const held = await db.prisma.quarantine.findMany({ where: { ...place, status: { not: 'released' } } })
  const isHeld = (gitCommit: string): boolean => held.some((row) => sameCommit(row.git_commit, gitCommit))
  const asTarget = (row: Deployment) => ({
    target: {
      ...refOf(row),
      known_good: row.status === 'success' && row.health_check_passed === true,
      quarantined: isHeld(row.git_commit),
      entropy: row.entropy,
    },
    restored: { fence: row.fence, deployed_at: row.deployed_at ?? row.recorded_at },
  })
  if (forcedId !== null) {
    const forced = await db.prisma.deployments.findUnique({ where: { deployment_id: forcedId } })
    return forced === null ? null : asTarget(forced)
  }
  if (subject.deployed_at === null) return null
  // Left out here is what could fill pages: redeploys of the failing commit, and what came after it.
  const older = { git_commit: { not: subject.git_commit }, deployed_at: { lt: subject.deployed_at } }
  for (let page = 0; page < CANDIDATE_PAGES_MAX; page += 1) {
    const candidates = await db.prisma.deployments.findMany({
      where: { ...place, ...older, ...KNOWN_GOOD },
      orderBy: [{ deployed_at: 'desc' }, { id: 'desc' }],
      skip: page * CANDIDATES_MAX,
      take: CANDIDATES_MAX,
    })
    const { target } = chooseTarget(
      candidates.map((row) => ({
        deployment_id: row.deployment_id,
        service: row.service,
        environment: row.environment,
        version: row.version,
        git_commit: row.git_commit,
        status: row.status as 'success',
        health_check_passed: row.health_check_passed ?? false,
        deployed_at: row.deployed_at?.toISOString() ?? null,
        quarantined: isHeld(row.git_commit),
      })),
      {
        ...place,
        deployment_id: subject.deployment_id,
        git_commit: subject.git_commit,
        deployed_at: subject.deployed_at.toISOString(),
      },
    )
    if (target !== null) return asTarget(candidates.find((row) => row.deployment_id === target.deployment_id)!)
    if (candidates.length < CANDIDATES_MAX) return null
  }
  return null
}

/**
 * Which migrations a rollback of this deployment would undo, for people who are asked before anything is judged. Null
 * where it would undo none, or where that cannot be told now: the judgement itself reads it again.
 */
export const migrationsAtStake = async (
  context: Pick<ControlContext, 'db' | 'config' | 'secret' | 'log'>,
  deployment: Deployment,
): Promise<string | null> => {
  const { migrations: policy } = deployment.policy as unknown as Pick<GuardPolicy, 'migrations'>
  if (policy !== 'undo') return null
  try {
    const found = await findTarget(context, deployment)
    const { newer, database } = await readMigrations(context, deployment, found?.restored ?? null)
    return migrationWarning({ policy, newer }, database)
  } catch (error) {
    context.log.warn({ reason: (error as Error).message }, 'What a rollback would do to migrations could not be read')
    return null
  }
}

const structuralChecks = (deployer: DeployerFacts, live: Deployment | null): StructuralCheck[] => [
  {
    name: 'deployer_able',
    holds: deployer.able,
    ...(deployer.able_detail === null ? {} : { detail: deployer.able_detail }),
  },
  { name: 'schema_compatible', holds: true },
  {
    name: 'record_matches_reality',
    holds: deployer.current === null || live === null ? null : deployer.current.version === live.version,
    ...(deployer.current === null ? {} : { detail: `${deployer.current.version} runs` }),
  },
]
