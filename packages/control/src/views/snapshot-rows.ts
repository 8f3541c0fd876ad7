import { RomanError, type SnapshotSummary, type SnapshotView } from '@roman/contracts'
import type { Database, Prisma } from '@roman/db'
import type { Migrations, SchemaObject, SnapshotContent, TableCount, TableCounts } from '@roman/snapshots'

export type Reader = Pick<Database, 'prisma'>

export const INCLUDE = {
  deployment: { select: { service: true, environment: true, version: true } },
  description: { select: { object_count: true, unavailable: true } },
} satisfies Prisma.system_snapshotsInclude
export type LoadedSnapshot = Prisma.system_snapshotsGetPayload<{ include: typeof INCLUDE }>

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const PREFIX = /^[0-9a-f-]{4,36}$/i
const CANDIDATES_MAX = 10

/** The snapshot that a person means: by uuid, or by a unique prefix of it. */
export const resolveSnapshot = async (db: Reader, ref: string): Promise<LoadedSnapshot> => {
  const load = (snapshot_id: string) =>
    db.prisma.system_snapshots.findUnique({ where: { snapshot_id }, include: INCLUDE })
  if (UUID.test(ref)) return (await load(ref.toLowerCase())) ?? notFound(ref)
  if (!PREFIX.test(ref)) return notFound(ref)
  const found = await db.prisma.$queryRaw<{ snapshot_id: string }[]>`
    SELECT snapshot_id FROM ops.system_snapshots WHERE snapshot_id::text LIKE ${`${ref.toLowerCase()}%`}
    ORDER BY id DESC LIMIT ${CANDIDATES_MAX}`
  if (found.length > 1) {
    throw new RomanError('ambiguous_snapshot', `"${ref}" fits ${found.length} snapshots. Give more of its id.`, {
      candidates: found.map(({ snapshot_id }) => snapshot_id),
    })
  }
  return (found[0] === undefined ? null : await load(found[0].snapshot_id)) ?? notFound(ref)
}

const notFound = (ref: string): never => {
  throw new RomanError(
    'snapshot_not_found',
    `Snapshot ${ref} does not exist. "roman snapshots list" shows what does.`,
    {
      snapshot_id: ref,
    },
  )
}

/** What was stored, read with care: rows of the first version have less, and another form of counts. */
interface StoredConfig {
  taken_by?: string
  database?: NonNullable<SnapshotContent['database']>
  variables?: Record<string, string | null>
  policy?: unknown
}
const configOf = (row: LoadedSnapshot): StoredConfig => (row.environment_config ?? {}) as StoredConfig

const countsOf = (row: LoadedSnapshot): TableCounts | null => {
  const stored = row.table_counts as { tables?: Record<string, TableCount | number>; omitted?: number } | null
  if (stored?.tables === undefined) return null
  const entries = Object.entries(stored.tables)
  const tables = entries.map(([name, count]) => [
    name,
    typeof count === 'number' ? { rows: count, exact: false } : count,
  ])
  return { tables: Object.fromEntries(tables), omitted: stored.omitted ?? 0 }
}

const migrationsOf = (row: LoadedSnapshot): SnapshotContent['migrations'] =>
  row.migrations as unknown as SnapshotContent['migrations']

const headOf = (migrations: SnapshotContent['migrations']): string | null => {
  const head = (list: Migrations | undefined) =>
    list == null || 'unavailable' in list ? null : (list.applied.at(-1) ?? null)
  return head(migrations?.service) ?? head(migrations?.recorded)
}

export const summaryOf = (row: LoadedSnapshot): SnapshotSummary => ({
  snapshot_id: row.snapshot_id,
  snapshot_type: row.snapshot_type as SnapshotSummary['snapshot_type'],
  deployment_id: row.deployment_id,
  event_id: row.event_id,
  service: row.deployment?.service ?? null,
  environment: row.deployment?.environment ?? null,
  version: row.deployment?.version ?? null,
  created_at: row.created_at!.toISOString(),
  database_schema_hash: row.database_schema_hash,
  tables: Object.keys(countsOf(row)?.tables ?? {}).length,
  migration_head: headOf(migrationsOf(row)),
  took_ms: row.took_ms,
})

export const viewOf = (row: LoadedSnapshot, kept: boolean): SnapshotView => ({
  ...summaryOf(row),
  database: configOf(row).database ?? null,
  schema: {
    object_count: row.description?.object_count ?? null,
    kept,
    unavailable: row.description?.unavailable ?? [],
  },
  table_counts: countsOf(row)?.tables ?? {},
  tables_omitted: countsOf(row)?.omitted ?? 0,
  migrations: migrationsOf(row),
  key_metrics: row.key_metrics as SnapshotView['key_metrics'],
  environment_config: row.environment_config as SnapshotView['environment_config'],
})

export const contentOf = (row: LoadedSnapshot, objects: readonly SchemaObject[] | null): SnapshotContent => {
  const { taken_by, database, variables, policy } = configOf(row)
  return {
    service: row.deployment?.service ?? '',
    environment: row.deployment?.environment ?? '',
    database: database ?? null,
    // Without a description it is a hash of the first version's, which says nothing beside one of today's.
    schema: {
      hash: row.schema_description === null ? null : row.database_schema_hash,
      objects,
      unavailable: row.description?.unavailable ?? [],
    },
    counts: countsOf(row),
    migrations: migrationsOf(row),
    variables: variables ?? {},
    taken_by: taken_by ?? null,
    policy: policy ?? null,
    metrics: (row.key_metrics ?? {}) as Record<string, unknown>,
  }
}

export const readObjects = async (db: Reader, row: LoadedSnapshot): Promise<SchemaObject[] | null> => {
  if (row.schema_description === null) return null
  const found = await db.prisma.schema_descriptions.findUnique({ where: { schema_hash: row.schema_description } })
  return (found?.objects ?? null) as SchemaObject[] | null
}
