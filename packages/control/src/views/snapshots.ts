import type { ListSnapshotsQuery, SnapshotDiff, SnapshotSummary, SnapshotView } from '@roman/contracts'
import { Prisma } from '@roman/db'
import { type Change, compareSnapshots } from '@roman/snapshots'
import { resolveDeployment } from '../store/deployments.ts'
import {
  contentOf,
  INCLUDE,
  type LoadedSnapshot,
  type Reader,
  readObjects,
  resolveSnapshot,
  summaryOf,
  viewOf,
} from './snapshot-rows.ts'

export const listSnapshots = async (db: Reader, query: ListSnapshotsQuery): Promise<SnapshotSummary[]> => {
  const { service, environment, snapshot_type } = query
  const where = { ...(service === undefined ? {} : { service }), ...(environment === undefined ? {} : { environment }) }
  const deployment = query.deployment === undefined ? null : await resolveDeployment(db, query.deployment, where)
  const rows = await db.prisma.system_snapshots.findMany({
    where: {
      ...(snapshot_type === undefined ? {} : { snapshot_type }),
      ...(deployment === null ? {} : { deployment_id: deployment.deployment_id }),
      ...(Object.keys(where).length === 0 ? {} : { deployment: where }),
    },
    include: INCLUDE,
    orderBy: { id: 'desc' },
    take: query.limit,
  })
  return rows.map(summaryOf)
}

export const readSnapshot = async (db: Reader, ref: string): Promise<SnapshotView> => {
  const row = await resolveSnapshot(db, ref)
  const kept = await db.prisma.schema_descriptions.count({
    where: { schema_hash: row.schema_description ?? '', objects: { not: Prisma.DbNull } },
  })
  return viewOf(row, kept > 0)
}

/** What is different in the second of two snapshots, in words. */
export const diffSnapshots = async (db: Reader, beforeRef: string, afterRef: string): Promise<SnapshotDiff> => {
  const [before, after] = [await resolveSnapshot(db, beforeRef), await resolveSnapshot(db, afterRef)]
  const same = before.schema_description !== null && before.schema_description === after.schema_description
  // Of one and the same description there is nothing to name.
  const objectsOf = same ? async () => [] : (row: LoadedSnapshot) => readObjects(db, row)
  const difference = compareSnapshots(
    contentOf(before, await objectsOf(before)),
    contentOf(after, await objectsOf(after)),
  )
  return {
    before: summaryOf(before),
    after: summaryOf(after),
    headline: headlineOf(difference.changes),
    ...difference,
  }
}

const AREAS: Record<Change['area'], string> = {
  schema: 'of the schema',
  rows: 'of row counts',
  migrations: 'of migrations',
  configuration: 'of the configuration',
  health: 'of health',
}

const headlineOf = (changes: readonly Change[]): string => {
  if (changes.length === 0) return 'Nothing is different.'
  const parts = (Object.keys(AREAS) as Change['area'][]).flatMap((area) => {
    const count = changes.filter((change) => change.area === area).length
    return count === 0 ? [] : [`${count} ${AREAS[area]}`]
  })
  return `${changes.length} ${changes.length === 1 ? 'difference' : 'differences'}: ${parts.join(', ')}.`
}
