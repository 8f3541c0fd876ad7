import type { Prisma, Tx } from '@roman/db'
import { moveDeployment } from './statuses.ts'

export interface LiveRow {
  service: string
  environment: string
  deployment_id: string | null
  fence: bigint
  last_fence: bigint
}

/**
 * Locks what is live in an environment until the transaction ends. Everything that changes it, or decides on it, takes
 * this lock first, so that deploys and rollbacks of one environment happen one after the other.
 */
export const lockLive = async (tx: Tx, service: string, environment: string): Promise<LiveRow> => {
  await tx.$executeRaw`
    INSERT INTO ops.live (service, environment) VALUES (${service}, ${environment}) ON CONFLICT DO NOTHING`
  const rows = await tx.$queryRaw<LiveRow[]>`
    SELECT service, environment, deployment_id, fence, last_fence FROM ops.live
    WHERE service = ${service} AND environment = ${environment} FOR UPDATE`
  return rows[0]!
}

/** Gives out the next fence token. The live row must be locked. */
export const nextFence = async (tx: Tx, live: LiveRow): Promise<bigint> => {
  const fence = live.last_fence + 1n
  await tx.live.update({
    where: { service_environment: { service: live.service, environment: live.environment } },
    data: { last_fence: fence },
  })
  live.last_fence = fence
  return fence
}

export interface BecomesLive {
  deployment_id: string
  fence: bigint
}

/**
 * Makes a deployment the live one, as of now by the database's clock. The one it replaces keeps its errors up to now,
 * its undecided questions end, and a status of `in_progress` stays, with `completed_at` set.
 */
export const becomeLive = async (tx: Tx, live: LiveRow, deployment: BecomesLive): Promise<{ at: Date }> => {
  const [{ at }] = (await tx.$queryRaw<[{ at: Date }]>`SELECT clock_timestamp() AS at`) as [{ at: Date }]
  if (live.deployment_id !== null && live.deployment_id !== deployment.deployment_id) {
    // Of many: one that was deleted from the database must not keep the next one from going live.
    await tx.deployments.updateMany({ where: { deployment_id: live.deployment_id }, data: { replaced_at: at } })
    await tx.deployments.updateMany({
      where: { deployment_id: live.deployment_id, completed_at: null },
      data: { completed_at: at },
    })
    await tx.decisions.updateMany({
      where: { deployment_id: live.deployment_id, status: 'waiting' },
      data: { status: 'superseded', decided_at: at },
    })
  }
  await moveDeployment(tx, deployment.deployment_id, 'in_progress', { deployed_at: at, replaced_at: null })
  await tx.live.update({
    where: { service_environment: { service: live.service, environment: live.environment } },
    data: {
      deployment_id: deployment.deployment_id,
      fence: deployment.fence,
      updated_at: at,
    } satisfies Prisma.liveUncheckedUpdateInput,
  })
  return { at }
}
