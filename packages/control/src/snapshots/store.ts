import { randomUUID } from 'node:crypto'
import type { Database } from '@roman/db'
import { type DatabaseState, type MigrationList, migrationList } from '@roman/snapshots'
import { json } from '../store/audit.ts'

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

/** Writes it down whole, once: of two at the same time the first one counts, and both are told its id. */
export const storeSnapshot = async (db: Database, subject: SnapshotSubject, facts: SnapshotFacts): Promise<string> => {
  const { schema, counts, migrations } = facts.state
  const { hash, objects, object_count, unavailable } = schema
  const dedupeKey = `${subject.event_id ?? subject.deployment_id}:${subject.snapshot_type}`
  return db.transaction(async (tx) => {
    // Looked for first: a description is far larger than the question, and nearly always there.
    const described = await tx.schema_descriptions.count({ where: { schema_hash: hash } })
    if (described === 0) {
      await tx.schema_descriptions.createMany({
        data: [
          { schema_hash: hash, object_count, unavailable, ...(objects === null ? {} : { objects: json(objects) }) },
        ],
        skipDuplicates: true,
      })
    }
    await tx.system_snapshots.createMany({
      data: [
        {
          ...subject,
          snapshot_id: randomUUID(),
          dedupe_key: dedupeKey,
          database_schema_hash: unavailable.length === 0 ? hash : null,
          schema_description: hash,
          table_counts: json(counts),
          migrations: json({ service: migrations, recorded: facts.recorded }),
          key_metrics: json(facts.key_metrics),
          environment_config: json(facts.environment_config),
          took_ms: facts.took_ms,
        },
      ],
      skipDuplicates: true,
    })
    const { snapshot_id } = await tx.system_snapshots.findUniqueOrThrow({ where: { dedupe_key: dedupeKey } })
    return snapshot_id
  })
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
