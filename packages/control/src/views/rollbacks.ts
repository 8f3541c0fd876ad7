import {
  type HistoryQuery,
  type HistoryResponse,
  type RollbackRow,
  type RollbackView,
  RomanError,
  rollbackWorkflowId,
  type Segments,
} from '@roman/contracts'
import { type Database, Prisma } from '@roman/db'
import { readRollbackSnapshots } from './rollback-snapshots.ts'

type Moments = Record<string, string | null | undefined>

const between = (moments: Moments, from: string, to: string): number | null => {
  const [start, end] = [moments[from], moments[to]]
  return start == null || end == null ? null : Math.max(0, Date.parse(end) - Date.parse(start))
}

/** Milliseconds between the moments that were reached. */
const segmentsOf = (moments: Moments): Segments => ({
  fault_to_detected_ms: between(moments, 'fault', 'detected'),
  detected_to_decided_ms: between(moments, moments.detected == null ? 'requested' : 'detected', 'decided'),
  decided_to_dispatched_ms: between(moments, 'decided', 'dispatched'),
  dispatched_to_live_ms: between(moments, 'dispatched', 'live'),
  live_to_verified_ms: between(moments, 'live', 'verified'),
  detected_to_live_ms: between(moments, moments.detected == null ? 'requested' : 'detected', 'live'),
})

const iso = (date: Date | null): string | null => date?.toISOString() ?? null

const rollbackRowOf = (row: Prisma.rollback_eventsGetPayload<object>): RollbackRow => ({
  id: Number(row.id),
  event_id: row.event_id,
  deployment_id: row.deployment_id,
  service: row.service,
  environment: row.environment,
  trigger_type: row.trigger_type as RollbackRow['trigger_type'],
  trigger_reason: row.trigger_reason,
  initiated_by: row.initiated_by,
  initiated_at: row.initiated_at!.toISOString(),
  status: row.status as RollbackRow['status'],
  rollback_plan: row.rollback_plan as RollbackRow['rollback_plan'],
  rollback_steps: row.rollback_steps as unknown as RollbackRow['rollback_steps'],
  constitutional_validation: row.constitutional_validation as RollbackRow['constitutional_validation'],
  completed_at: iso(row.completed_at),
  metadata: row.metadata as RollbackRow['metadata'],
})

/** The whole of one rollback: what the API, Discord and the dashboard show. Null where there is none of that id. */
export const readRollback = async (db: Pick<Database, 'prisma'>, eventId: string): Promise<RollbackView | null> => {
  const row = await db.prisma.rollback_events.findUnique({
    where: { event_id: eventId },
    include: { deployment: { select: { version: true } }, target: true },
  })
  if (row === null) return null
  const moments = (row.moments ?? {}) as Moments
  const base = rollbackRowOf(row)
  return {
    ...base,
    version: row.deployment?.version ?? null,
    workflow_id: rollbackWorkflowId(row.event_id),
    phase: row.phase,
    steps: base.rollback_steps,
    segments: segmentsOf(moments),
    moments: Object.fromEntries(Object.entries(moments).map(([name, at]) => [name, at ?? null])),
    validation: row.constitutional_validation as RollbackView['validation'],
    target_deployment:
      row.target === null
        ? null
        : {
            deployment_id: row.target.deployment_id,
            version: row.target.version,
            git_commit: row.target.git_commit,
            deployed_at: iso(row.target.deployed_at),
            health_check_passed: row.target.health_check_passed ?? false,
          },
    replacement_deployment_id: row.replacement_deployment_id,
    snapshot_id: row.snapshot_id,
    snapshots: await readRollbackSnapshots(db, row),
    refused_event_id: row.refused_event_id,
    detail: row.detail,
    progress: row.progress as RollbackView['progress'],
  }
}

/** A page costs the same however far back it lies: it begins where the last one ended, and nothing is counted. */
export const readHistory = async (db: Pick<Database, 'prisma'>, query: HistoryQuery): Promise<HistoryResponse> => {
  const { service, environment, before, limit } = query
  const conditions = [
    ...(service === undefined ? [] : [Prisma.sql`service = ${service}`]),
    ...(environment === undefined ? [] : [Prisma.sql`environment = ${environment}`]),
    ...(before === undefined ? [] : [await olderThan(db, before)]),
  ]
  const page = await db.prisma.$queryRaw<{ id: bigint }[]>`
    SELECT id FROM ops.rollback_events
    ${conditions.length === 0 ? Prisma.empty : Prisma.sql`WHERE ${Prisma.join(conditions, ' AND ')}`}
    ORDER BY initiated_at DESC, id DESC LIMIT ${limit}`
  const rows = await db.prisma.rollback_events.findMany({
    where: { id: { in: page.map(({ id }) => id) } },
    orderBy: [{ initiated_at: 'desc' }, { id: 'desc' }],
  })
  return { rollbacks: rows.map(rollbackRowOf) }
}

/** Compared where the microseconds are: a Date would cut them off. An index is entered by the first condition. */
const olderThan = async (db: Pick<Database, 'prisma'>, eventId: string): Promise<Prisma.Sql> => {
  const known = await db.prisma.rollback_events.findUnique({ where: { event_id: eventId }, select: { id: true } })
  if (known === null)
    throw new RomanError(
      'rollback_not_found',
      `Rollback ${eventId}, given as "before", is not recorded. Give the event_id of the last rollback you have, or leave it out to begin with the newest.`,
    )
  const at = Prisma.sql`(SELECT initiated_at FROM ops.rollback_events WHERE id = ${known.id})`
  return Prisma.sql`initiated_at <= ${at} AND (initiated_at < ${at} OR id < ${known.id})`
}
