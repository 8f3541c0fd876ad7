import type { RollbackSnapshots, SnapshotSummary } from '@roman/contracts'
import type { Reader } from './snapshot-rows.ts'
import { diffSnapshots } from './snapshots.ts'

interface SnapshottedEvent {
  deployment_id: string | null
  snapshot_id: string | null
}

/** The state when the failing deployment began, and the one before its rollback. */
export const readRollbackSnapshots = async (db: Reader, event: SnapshottedEvent): Promise<RollbackSnapshots> => {
  const select = { snapshot_id: true, snapshot_type: true, created_at: true }
  const find = (snapshot_id: string | null | undefined) =>
    snapshot_id == null ? null : db.prisma.system_snapshots.findUnique({ where: { snapshot_id }, select })
  const first = await find(await firstSnapshotOf(db, event.deployment_id))
  const last = await find(event.snapshot_id)
  return {
    deployment: first === null ? null : linkOf(first),
    pre_rollback: last === null ? null : linkOf(last),
    diff: first === null || last === null ? null : `/v1/snapshots/${first.snapshot_id}/diff/${last.snapshot_id}`,
  }
}

/** Taken when it was announced or went live; what a rollback put back began with the state before that rollback. */
const firstSnapshotOf = async (db: Reader, deploymentId: string | null): Promise<string | null | undefined> => {
  if (deploymentId === null) return null
  const own = await db.prisma.system_snapshots.findFirst({
    where: { deployment_id: deploymentId, snapshot_type: { in: ['pre_deployment', 'post_deployment'] } },
    orderBy: { id: 'asc' },
    select: { snapshot_id: true },
  })
  if (own !== null) return own.snapshot_id
  const { metadata } = await db.prisma.deployments.findUniqueOrThrow({ where: { deployment_id: deploymentId } })
  const { event_id: begunBy } = (metadata ?? {}) as { event_id?: unknown }
  if (typeof begunBy !== 'string') return null
  const event = await db.prisma.rollback_events.findFirst({
    where: { event_id: begunBy, replacement_deployment_id: deploymentId },
    select: { snapshot_id: true },
  })
  return event?.snapshot_id
}

const linkOf = (row: { snapshot_id: string; snapshot_type: string; created_at: Date | null }) => ({
  snapshot_id: row.snapshot_id,
  snapshot_type: row.snapshot_type as SnapshotSummary['snapshot_type'],
  created_at: row.created_at!.toISOString(),
})

const CHANGES_MAX = 5

/** What an explanation says of the state before a rollback; null where no snapshot was taken. */
export const accountOfSnapshot = async (
  db: Reader,
  event: SnapshottedEvent,
): Promise<{ at: string; text: string } | null> => {
  const { deployment, pre_rollback } = await readRollbackSnapshots(db, event)
  if (pre_rollback === null) return null
  const { created_at: at, snapshot_id: after } = pre_rollback
  if (deployment === null) return { at, text: `Snapshot ${after} was taken` }
  const before = deployment.snapshot_id
  const { changes, not_compared } = await diffSnapshots(db, before, after)
  // Health is told moment by moment anyway.
  const texts = changes.filter(({ area }) => area !== 'health').map(({ text }) => text)
  const more = texts.length > CHANGES_MAX ? `; and ${texts.length - CHANGES_MAX} more` : ''
  const told = texts.length === 0 ? 'nothing is different' : `${texts.slice(0, CHANGES_MAX).join('; ')}${more}`
  const unknown = not_compared.length === 0 ? '' : `; ${not_compared.length} could not be compared`
  return {
    at,
    text: `Snapshot taken. Since the deployment began: ${told}${unknown} (roman snapshots diff ${before.slice(0, 8)} ${after.slice(0, 8)})`,
  }
}
