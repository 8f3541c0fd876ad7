import { randomUUID } from 'node:crypto'
import type { ControlContext } from './context.ts'
import { readHealth, reportOf } from './health.ts'
import { json } from './store/audit.ts'

export type SnapshotType = 'pre_deployment' | 'post_deployment' | 'pre_rollback'

const STATEMENT_TIMEOUT_MS = 10_000

/** Structure of everything outside the system schemas, as one hash: the same for the same tables, columns, defaults and indexes. */
const SCHEMA_HASH = `
SELECT encode(sha256(convert_to(coalesce(string_agg(line, E'\\n' ORDER BY line), ''), 'UTF8')), 'hex') AS hash FROM (
  SELECT format('column %I.%I.%I %s %s %s', table_schema, table_name, column_name, data_type, is_nullable, coalesce(column_default, '')) AS line
  FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
  UNION ALL
  SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
) lines`

const TABLE_COUNTS = `
SELECT coalesce(jsonb_object_agg(format('%s.%s', n.nspname, c.relname), greatest(c.reltuples::bigint, 0)), '{}') AS counts
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%'`

/**
 * Snapshots the system's state: schema hash, table counts (the planner's estimates), health numbers and the policy in
 * force. Bounded; a failure is logged and answered with null, and stops nothing. One per event and type: a retried step
 * finds the snapshot it took before.
 */
export const takeSnapshot = async (
  context: Pick<ControlContext, 'db' | 'log'>,
  deploymentId: string,
  type: SnapshotType,
  eventId: string | null = null,
): Promise<string | null> => {
  try {
    const before = await context.db.prisma.system_snapshots.findFirst({
      where: { deployment_id: deploymentId, snapshot_type: type, event_id: eventId },
    })
    if (before !== null) return before.snapshot_id
    const [reading] = await readHealth(context.db, [deploymentId])
    const client = await context.db.pool.connect()
    // A connection that the server ends while it is ours must not end the process.
    const ignore = (): void => {}
    client.on('error', ignore)
    let released = false
    try {
      await client.query(`BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY`)
      await client.query(`SET LOCAL statement_timeout = ${STATEMENT_TIMEOUT_MS}`)
      const { rows: hashes } = await client.query<{ hash: string }>(SCHEMA_HASH)
      const { rows: counts } = await client.query<{ counts: unknown }>(TABLE_COUNTS)
      await client.query('COMMIT')
      // Given back before the next connection is asked for: many snapshots at once must not starve each other.
      released = true
      client.off('error', ignore)
      client.release()
      const row = await context.db.prisma.system_snapshots.create({
        data: {
          snapshot_id: randomUUID(),
          deployment_id: deploymentId,
          snapshot_type: type,
          event_id: eventId,
          database_schema_hash: hashes[0]?.hash ?? null,
          table_counts: json({ estimated: true, tables: counts[0]?.counts }),
          key_metrics: json(reading === undefined ? {} : reportOf(reading)),
          environment_config: json(reading === undefined ? {} : { policy: reading.policy }),
        },
      })
      return row.snapshot_id
    } catch (error) {
      if (!released) await client.query('ROLLBACK').catch(() => {})
      throw error
    } finally {
      if (!released) {
        client.off('error', ignore)
        client.release(true)
      }
    }
  } catch (error) {
    context.log.warn(
      { deployment_id: deploymentId, type, reason: (error as Error).message },
      'The snapshot could not be taken',
    )
    return null
  }
}
