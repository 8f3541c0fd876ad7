import { z } from 'zod'
import { deploymentRef, environmentName, serviceName, text, timestamp, uuid } from './common.ts'

export const snapshotType = z.enum(['pre_deployment', 'post_deployment', 'pre_rollback'])

/** Wherever a person names a snapshot: its uuid, or a unique prefix of it. */
export const snapshotRef = text(36)

/** `GET /v1/snapshots`. */
export const listSnapshotsQuery = z.strictObject({
  service: serviceName.optional(),
  environment: environmentName.optional(),
  deployment: deploymentRef.optional(),
  snapshot_type: snapshotType.optional(),
  limit: z.coerce.number().int().min(1).max(500).default(20),
})
export type ListSnapshotsQuery = z.infer<typeof listSnapshotsQuery>

export const snapshotSummary = z.object({
  snapshot_id: uuid,
  snapshot_type: snapshotType,
  deployment_id: uuid.nullable(),
  /** The rollback that it was taken for. */
  event_id: uuid.nullable(),
  service: z.string().nullable(),
  environment: z.string().nullable(),
  version: z.string().nullable(),
  created_at: timestamp,
  /** The same for the same structure, however it came about. Null where it could not be read whole. */
  database_schema_hash: z.string().nullable(),
  /** Tables that were counted or estimated. */
  tables: z.number().int(),
  /** The newest migration by the service's own record, or as recorded with us. */
  migration_head: z.string().nullable(),
  took_ms: z.number().int().nullable(),
})
export type SnapshotSummary = z.infer<typeof snapshotSummary>

export const listSnapshotsResponse = z.object({ snapshots: z.array(snapshotSummary) })
export type ListSnapshotsResponse = z.infer<typeof listSnapshotsResponse>

export const tableCount = z.object({
  /** Null where nobody can tell: never analysed, and not counted. */
  rows: z.number().nullable(),
  /** Counted; else the planner's estimate. */
  exact: z.boolean(),
  /** Why a table that is small enough was not counted. */
  reason: z.string().optional(),
})

const migrations = z
  .union([
    z.object({
      /** Of all that are applied. */
      total: z.number().int(),
      /** The newest of them, oldest first; the last one is the head. */
      applied: z.array(z.string()),
      /** Begun, and neither finished nor taken back. */
      unfinished: z.array(z.string()),
    }),
    z.object({ unavailable: z.string() }),
  ])
  .nullable()

/** `GET /v1/snapshots/:snapshot`. */
export const snapshotView = snapshotSummary.extend({
  /** Which database, and of what version. Null in snapshots of the first version. */
  database: z.object({ source: z.string(), name: z.string(), version: z.string() }).nullable(),
  schema: z.object({
    object_count: z.number().int().nullable(),
    /** Whether the objects are kept, so that a difference can name them. */
    kept: z.boolean(),
    /** What somebody held exclusively, and so could not be described. */
    unavailable: z.array(z.string()),
  }),
  table_counts: z.record(z.string(), tableCount),
  /** Tables beyond the bound, which are not listed. */
  tables_omitted: z.number().int(),
  migrations: z.object({ service: migrations, recorded: migrations }).nullable(),
  key_metrics: z.json().nullable(),
  environment_config: z.json().nullable(),
})
export type SnapshotView = z.infer<typeof snapshotView>

/** `GET /v1/snapshots/:before/diff/:after`. */
export const snapshotDiff = z.object({
  before: snapshotSummary,
  after: snapshotSummary,
  /** One sentence. */
  headline: z.string(),
  changes: z.array(
    z.object({
      area: z.enum(['schema', 'rows', 'migrations', 'configuration', 'health']),
      kind: z.string(),
      name: z.string(),
      change: z.enum(['new', 'gone', 'changed']),
      /** For people. */
      text: z.string(),
      before: z.string().nullable(),
      after: z.string().nullable(),
    }),
  ),
  /** What one of the two does not know, and so nobody can tell. */
  not_compared: z.array(z.string()),
})
export type SnapshotDiff = z.infer<typeof snapshotDiff>

const snapshotLink = z.object({ snapshot_id: uuid, snapshot_type: snapshotType, created_at: timestamp })

/** What a rollback's record says of the state before it. */
export const rollbackSnapshots = z.object({
  /** The earliest one of the deployment that is rolled back. */
  deployment: snapshotLink.nullable(),
  pre_rollback: snapshotLink.nullable(),
  /** Path of the difference between the two. */
  diff: z.string().nullable(),
})
export type RollbackSnapshots = z.infer<typeof rollbackSnapshots>
