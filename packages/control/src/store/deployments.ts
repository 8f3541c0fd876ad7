import { sameCommit } from '@roman/constitution'
import { RomanError } from '@roman/contracts'
import type { Database, Prisma, Tx } from '@roman/db'
import { OPEN_STATUSES } from './statuses.ts'
import { isUuid, uuidsBeginning } from './uuid-prefix.ts'

export type DeploymentRecord = Prisma.deploymentsGetPayload<object>

const CANDIDATES_MAX = 10

export interface Where {
  service?: string | undefined
  environment?: string | undefined
}

/**
 * Finds the deployment that a person means: by uuid, by a unique prefix of it, or by version. A version that was
 * deployed several times is its newest deployment within one service and environment.
 */
export const resolveDeployment = async (
  db: Pick<Database, 'prisma'>,
  ref: string,
  where: Where = {},
): Promise<DeploymentRecord> => {
  if (isUuid(ref)) {
    const exact = await db.prisma.deployments.findUnique({ where: { deployment_id: ref.toLowerCase() } })
    if (exact !== null) return exact
    throw notFound(ref)
  }
  const scope = {
    ...(where.service === undefined ? {} : { service: where.service }),
    ...(where.environment === undefined ? {} : { environment: where.environment }),
  }
  const byVersion = await db.prisma.deployments.findMany({
    where: { ...scope, version: ref },
    orderBy: [{ fence: 'desc' }],
    take: 200,
  })
  const places = new Map<string, DeploymentRecord>()
  for (const row of byVersion) {
    const place = `${row.service}/${row.environment}`
    if (!places.has(place)) places.set(place, row)
  }
  if (places.size === 1) return byVersion[0]!
  if (places.size > 1) throw ambiguous(ref, [...places.values()])
  const range = uuidsBeginning(ref)
  if (range !== null) {
    const rows = await db.prisma.deployments.findMany({
      where: { ...scope, deployment_id: { gte: range.from, lte: range.to } },
      take: CANDIDATES_MAX,
    })
    if (rows.length === 1) return rows[0]!
    if (rows.length > 1) throw ambiguous(ref, rows)
  }
  throw notFound(ref)
}

const notFound = (ref: string): RomanError =>
  new RomanError('deployment_not_found', `Deployment ${ref} is not recorded. "roman status" lists what is.`, {
    deployment_id: ref,
  })

const ambiguous = (ref: string, rows: DeploymentRecord[]): RomanError =>
  new RomanError(
    'ambiguous_deployment',
    `"${ref}" fits ${rows.length} deployments. Name one by its id, or add service and environment.`,
    {
      candidates: rows.slice(0, CANDIDATES_MAX).map((row) => ({
        deployment_id: row.deployment_id,
        service: row.service,
        environment: row.environment,
        version: row.version,
      })),
    },
  )

/** `initiated_by` and `deployed_by` must be somebody. */
export const requireUser = async (
  tx: Tx | Database['prisma'],
  field: string,
  userId: string | null | undefined,
): Promise<void> => {
  if (userId === null || userId === undefined) return
  const rows = await tx.$queryRaw<{ known: boolean }[]>`SELECT ops.is_user(${userId}::uuid) AS known`
  if (rows[0]?.known !== true) {
    throw new RomanError(
      'unknown_user',
      `${field} ${userId} is not a user in auth.users. Leave it out, or add the user first.`,
      { field },
    )
  }
}

/** A rollback that is open in this environment, if any. */
export const openRollback = (tx: Tx | Database['prisma'], service: string, environment: string) =>
  tx.rollback_events.findFirst({ where: { service, environment, status: { in: OPEN_STATUSES } } })

/** Whether a commit may not go live here. Either hash may be abbreviated: a shorter one must not slip through. */
export const isQuarantined = async (
  tx: Tx,
  service: string,
  environment: string,
  gitCommit: string,
): Promise<boolean> => {
  const held = await tx.quarantine.findMany({
    where: { service, environment, status: { not: 'released' } },
    select: { git_commit: true },
  })
  return held.some((row) => sameCommit(row.git_commit, gitCommit))
}
