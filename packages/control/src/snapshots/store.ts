import { randomUUID } from 'node:crypto'
import type { Database } from '@roman/db'
import { type DatabaseState, type MigrationList, migrationList } from '@roman/snapshots'

export type SnapshotType = 'pre_deployment' | 'post_deployment' | 'pre_rollback'

/** What a snapshot is of. */
export interface SnapshotSubject {
  deployment_id: string
  snapshot_type: SnapshotType
  event_id: string | null
}

export interface SnapshotFacts {
  state: DatabaseState
  recorded: MigrationList
  key_metrics: unknown
  environment_config: unknown
  took_ms: number
}

export const findSnapshot = async (db: Database, subject: SnapshotSubject): Promise<string | null> => {
  const found = await db.prisma.system_snapshots.findFirst({
    where: { ...subject },
    select: { snapshot_id: true },
    orderBy: { id: 'asc' },
  })
  return found?.snapshot_id ?? null
}

/** Nothing where the description is not there yet, or the snapshot is. */
const INSERT = `
INSERT INTO ops.system_snapshots (
  snapshot_id, deployment_id, snapshot_type, event_id, dedupe_key, database_schema_hash, schema_description,
  table_counts, migrations, key_metrics, environment_config, took_ms
)
SELECT $1::uuid, $2::uuid, $3, $4::uuid, $5, $6, d.schema_hash, $8::jsonb, $9::jsonb, $10::jsonb, $11::jsonb, $12::integer
FROM ops.schema_descriptions d WHERE d.schema_hash = $7
ON CONFLICT (dedupe_key) DO NOTHING RETURNING snapshot_id`

/** Writes it down whole, once: of two at the same time the first one counts, and both are told its id. */
export const storeSnapshot = async (db: Database, subject: SnapshotSubject, facts: SnapshotFacts): Promise<string> => {
  const { schema, counts, migrations } = facts.state
  const { hash, objects, object_count, unavailable } = schema
  const values = [
    randomUUID(),
    subject.deployment_id,
    subject.snapshot_type,
    subject.event_id,
    `${subject.event_id ?? subject.deployment_id}:${subject.snapshot_type}`,
    unavailable.length === 0 ? hash : null,
    hash,
    JSON.stringify(counts),
    JSON.stringify({ service: migrations, recorded: facts.recorded }),
    JSON.stringify(facts.key_metrics),
    JSON.stringify(facts.environment_config),
    facts.took_ms,
  ]
  const insert = async (): Promise<string | null> => {
    const { rows } = await db.pool.query<{ snapshot_id: string }>(INSERT, values)
    return rows[0]?.snapshot_id ?? (await findSnapshot(db, subject))
  }
  const stored = await insert()
  if (stored !== null) return stored
  // Only now: a description is far larger than everything else, and nearly always there.
  await db.pool.query(
    `INSERT INTO ops.schema_descriptions (schema_hash, objects, object_count, unavailable)
     VALUES ($1, $2::jsonb, $3, $4) ON CONFLICT DO NOTHING`,
    [hash, objects === null ? null : JSON.stringify(objects), object_count, unavailable],
  )
  const second = await insert()
  if (second === null) throw new Error('The snapshot could not be written down')
  return second
}

/** What the service's owners recorded with us. One that failed is begun and not finished. */
export const readRecordedMigrations = async (
  db: Database,
  service: string,
  environment: string,
): Promise<MigrationList> => {
  const rows = await db.prisma.migration_history.findMany({
    where: { rolled_back_at: null, deployment: { service, environment } },
    orderBy: [{ applied_at: 'asc' }, { id: 'asc' }],
    select: { migration_name: true, error_message: true },
  })
  return migrationList(rows.map((row) => ({ name: row.migration_name, finished: row.error_message === null })))
}
