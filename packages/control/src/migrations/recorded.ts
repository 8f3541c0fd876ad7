import type { Database, Tx } from '@roman/db'

/** What `ops.migration_history.metadata` says of a row. */
export interface MigrationNotes {
  /** It was recorded from a whole Prisma folder: the service's `_prisma_migrations` knows whether it was applied. */
  tool?: 'prisma'
  /** It was in the first recording of all, so whose deployment it came with is not known. */
  baseline?: true
  /** `applied_at` is what the caller said, not when it was recorded. */
  applied_at_given?: true
  undo?: UndoNote
  /** Attempts before this one, oldest first. */
  earlier?: unknown[]
}

/**
 * What became of undoing it. `in_doubt`: transaction `xid` was about to be committed, and the cluster it ran on can tell;
 * `not_committed`: it has told. `gone`: it was not applied any more, and its script was not run.
 */
export interface UndoNote {
  event_id: string
  outcome: 'in_doubt' | 'not_committed' | 'undone' | 'gone' | 'failed'
  xid?: string
  cluster?: string | null
  /** How often its script was begun by this rollback. */
  tries?: number
  audited?: true
}

export interface RecordedMigration {
  id: bigint
  name: string
  hash: string
  applied_at: Date | null
  rolled_back_at: Date | null
  rollback_successful: boolean | null
  error_message: string | null
  scripted: boolean
  notes: MigrationNotes
  /** Of the deployment that it came with; null where it names none. */
  fence: bigint | null
}

/** The migrations of a service in an environment, without their scripts, which may be long. */
export const recordedMigrations = (
  db: Tx | Database['prisma'],
  service: string,
  environment: string,
): Promise<RecordedMigration[]> => db.$queryRaw<RecordedMigration[]>`
  SELECT m.id, m.migration_name AS name, m.migration_hash AS hash, m.applied_at, m.rolled_back_at, m.rollback_successful,
    m.error_message, btrim(coalesce(m.rollback_script, ''), E' \n\r\t') <> '' AS scripted, coalesce(m.metadata, '{}') AS notes, d.fence
  FROM ops.migration_history m LEFT JOIN ops.deployments d USING (deployment_id)
  WHERE m.service = ${service} AND m.environment = ${environment}
  ORDER BY m.id`

/** It failed when it was applied; undoing it afterwards may have failed too, but that changed nothing. */
export const failedToApply = (
  row: Pick<RecordedMigration, 'error_message' | 'rollback_successful' | 'rolled_back_at'>,
) => row.error_message !== null && row.rollback_successful === null && row.rolled_back_at === null
