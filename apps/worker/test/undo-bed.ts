import type { RecordedMigrationInput } from '@roman/contracts'
import { openDatabase } from '@roman/db'
import { emptyDatabase } from '@roman/testing'
import { afterAll } from 'vitest'
import type { TestBed } from './test-bed.ts'

type Pool = ReturnType<typeof openDatabase>['pool']

/** The columns that Prisma gives it. */
export const PRISMA_TABLE = `
CREATE TABLE public._prisma_migrations (
  id varchar(36) PRIMARY KEY DEFAULT gen_random_uuid(), checksum varchar(64) NOT NULL, finished_at timestamptz,
  migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(),
  applied_steps_count integer NOT NULL DEFAULT 0)`

/** A database of a service's own, with Prisma's table and what its migrations made. */
export const serviceDatabase = async (sql = ''): Promise<{ url: string; pool: Pool }> => {
  const { url } = await emptyDatabase()
  const { pool, close } = openDatabase(url, { connectionsMax: 2 })
  afterAll(close)
  await pool.query(`${PRISMA_TABLE}; ${sql}`)
  return { url, pool }
}

/** Writes into Prisma's table what `prisma migrate deploy` would. */
export const prismaApplied = async (pool: Pool, name: string, checksum = hashOf(name)): Promise<void> => {
  await pool.query(
    `INSERT INTO public._prisma_migrations (checksum, migration_name, started_at, finished_at)
     VALUES ($1, $2, clock_timestamp(), clock_timestamp())`,
    [checksum, name],
  )
}

export const hashOf = (name: string): string => Buffer.from(name.padEnd(32, '.')).toString('hex').slice(0, 64)

export const migration = (name: string, rollback_script?: string): RecordedMigrationInput => ({
  name,
  hash: hashOf(name),
  ...(rollback_script === undefined ? {} : { rollback_script }),
})

/** An earlier version that is known-good. */
export const knownGood = async (bed: TestBed, service: string): Promise<string> => {
  const good = await bed.deploy('v1.0.0', { service })
  await bed.context.control.db.pool.query(
    `UPDATE ops.deployments SET status = 'success', health_check_passed = true WHERE deployment_id = $1`,
    [good],
  )
  return good
}

export const somebody = async (bed: TestBed) => {
  const user_id = crypto.randomUUID()
  await bed.admin.query('INSERT INTO auth.users (id) VALUES ($1)', [user_id])
  return { actor: { kind: 'service_key' as const, user_id }, idempotency_key: null }
}

/** A person asks for the rollback, and it is followed to its end. */
export const rollBack = async (bed: TestBed, deploymentId: string) => {
  const call = await somebody(bed)
  return bed.control.executeRollback(
    { deployment_id: deploymentId, trigger_reason: 'Coupons are wrong', initiated_by: call.actor.user_id },
    call,
    { wait_ms: 30_000, signal: new AbortController().signal },
  )
}

export interface HistoryRow {
  migration_name: string
  rolled_back_at: Date | null
  rollback_successful: boolean | null
  error_message: string | null
}

export const historyOf = async (bed: TestBed, service: string): Promise<HistoryRow[]> => {
  const { rows } = await bed.context.control.db.pool.query<HistoryRow>(
    `SELECT migration_name, rolled_back_at, rollback_successful, error_message
     FROM ops.migration_history WHERE service = $1 ORDER BY migration_name`,
    [service],
  )
  return rows
}

/**
 * A rollback that has come to where migrations are undone: the earlier version is live again. Without a worker, so that a
 * test can run that one step itself.
 */
export const readyToUndo = async (
  bed: TestBed,
  service: string,
  migrations: RecordedMigrationInput[],
  apply: (name: string) => Promise<unknown> = async () => {},
): Promise<string> => {
  const { db } = bed.context.control
  const good = await knownGood(bed, service)
  for (const { name } of migrations) await apply(name)
  const bad = await bed.deploy('v2.0.0', { service, migrations })
  const [event, replacement] = [crypto.randomUUID(), crypto.randomUUID()]
  const names = migrations.map(({ name }) => name).reverse()
  await db.pool.query(
    `INSERT INTO ops.deployments (deployment_id, service, environment, version, git_commit, git_branch, status, fence, policy, rollback_from, restores)
     SELECT $1, service, environment, 'v1.0.0', git_commit, 'main', 'in_progress', 1000, policy, $2, $3 FROM ops.deployments WHERE deployment_id = $2`,
    [replacement, bad, good],
  )
  await db.pool.query(
    `INSERT INTO ops.rollback_events (event_id, deployment_id, trigger_type, trigger_reason, status, phase, service, environment,
       target_deployment_id, replacement_deployment_id, rollback_plan)
     VALUES ($1, $2, 'manual', 'Coupons are wrong', 'in_progress', 'verifying', $3, 'production', $4, $5, $6)`,
    [event, bad, service, good, replacement, { migrations: { policy: 'undo', newer: [], undo: names } }],
  )
  await db.pool.query(`UPDATE ops.live SET deployment_id = $1, fence = 1000, last_fence = 1000 WHERE service = $2`, [
    replacement,
    service,
  ])
  return event
}
