import type {
  DeploymentRow,
  DeploymentView,
  GuardView,
  ListDeploymentsQuery,
  ListDeploymentsResponse,
} from '@roman/contracts'
import type { Database, Prisma } from '@roman/db'
import { type HealthReading, readHealth, reportOf } from '../health.ts'

const INCLUDE = {
  guard: true,
  live: { select: { deployment_id: true } },
  decisions: { where: { status: 'waiting' }, orderBy: { asked_at: 'desc' }, take: 1 },
} satisfies Prisma.deploymentsInclude
type Loaded = Prisma.deploymentsGetPayload<{ include: typeof INCLUDE }>

const iso = (date: Date | null): string | null => date?.toISOString() ?? null

const rowOf = (row: Loaded): DeploymentRow => ({
  id: Number(row.id),
  deployment_id: row.deployment_id,
  service: row.service,
  environment: row.environment,
  version: row.version,
  git_commit: row.git_commit,
  git_branch: row.git_branch,
  deployed_by: row.deployed_by,
  deployed_at: iso(row.deployed_at),
  status: row.status as DeploymentRow['status'],
  rollback_from: row.rollback_from,
  health_check_passed: row.health_check_passed ?? false,
  health_check_details: row.health_check_details as DeploymentRow['health_check_details'],
  constitutional_validation: row.constitutional_validation as DeploymentRow['constitutional_validation'],
  metadata: row.metadata as DeploymentRow['metadata'],
  completed_at: iso(row.completed_at),
  rolled_back_at: iso(row.rolled_back_at),
  fence: Number(row.fence),
  unfenced: row.unfenced,
  live: row.live !== null,
})

const guardOf = (row: Loaded): GuardView | null => {
  if (row.guard === null) return null
  const decision = row.decisions[0]
  return {
    workflow_id: row.guard.workflow_id,
    phase: row.guard.phase,
    verdict: row.guard.verdict,
    reason: row.guard.reason,
    started_at: iso(row.guard.started_at),
    ended_at: iso(row.guard.ended_at),
    decision:
      decision === undefined
        ? null
        : {
            decision_id: decision.decision_id,
            kind: decision.kind as NonNullable<GuardView['decision']>['kind'],
            reason: decision.reason,
            violations: decision.violations,
            asked_at: decision.asked_at.toISOString(),
            expires_at: decision.expires_at.toISOString(),
            event_id: decision.event_id,
            warning: decision.warning,
          },
  }
}

const viewsOf = async (db: Database, rows: Loaded[]): Promise<DeploymentView[]> => {
  // An intent is not live yet, so it has no health of its own.
  const watched = rows.filter((row) => row.status !== 'pending').map((row) => row.deployment_id)
  const readings = new Map<string, HealthReading>(
    (await readHealth(db, watched)).map((reading) => [reading.deployment_id, reading]),
  )
  return rows.map((row) => {
    const reading = readings.get(row.deployment_id)
    return { ...rowOf(row), health: reading === undefined ? null : reportOf(reading), guard: guardOf(row) }
  })
}

/** One deployment with its health and guard. Null where there is none of that id. */
export const readDeployment = async (db: Database, deploymentId: string): Promise<DeploymentView | null> => {
  const row = await db.prisma.deployments.findUnique({ where: { deployment_id: deploymentId }, include: INCLUDE })
  return row === null ? null : (await viewsOf(db, [row]))[0]!
}

export const listDeployments = async (db: Database, query: ListDeploymentsQuery): Promise<ListDeploymentsResponse> => {
  const rows = await db.prisma.deployments.findMany({
    where: {
      ...(query.service === undefined ? {} : { service: query.service }),
      ...(query.environment === undefined ? {} : { environment: query.environment }),
      ...(query.status === undefined ? {} : { status: query.status }),
      ...(query.live === undefined ? {} : query.live ? { live: { isNot: null } } : { live: null }),
    },
    include: INCLUDE,
    orderBy: { id: 'desc' },
    take: query.limit,
  })
  return { deployments: await viewsOf(db, rows) }
}
