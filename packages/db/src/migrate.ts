import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { applyMigrations, knownMigrations } from './schema-engine.ts'

/** Held while migrations run, so that processes started together apply them once. */
const MIGRATION_LOCK = 7_261_618_033
const TRY_AGAIN_MS = 100
const PATIENCE_MS = 3_600_000

/**
 * Brings the database up to this checkout's migrations. Safe to call from several processes at once, and again.
 * Returns the names it applied, oldest first.
 */
export const migrate = async (databaseUrl: string): Promise<string[]> => {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await takeTurn(client)
    if ((await pendingMigrations(client)).length === 0) return []
    await client.query('CREATE SCHEMA IF NOT EXISTS ops')
    return await applyMigrations(databaseUrl)
  } finally {
    await client.end()
  }
}

/** Asks again and again: a session that waits in PostgreSQL holds a snapshot, which CREATE INDEX CONCURRENTLY waits for. */
const takeTurn = async (client: pg.Client): Promise<void> => {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const { rows } = await client.query('SELECT pg_try_advisory_lock($1) AS ours', [MIGRATION_LOCK])
    if (rows[0].ours) return
    if (Date.now() > deadline) {
      throw new Error(
        'Another process has been applying migrations for an hour. Look for it in pg_stat_activity, and run "roman migrate" again when it is done.',
      )
    }
    await pause(TRY_AGAIN_MS)
  }
}

/** Names of known migrations that this database lacks. */
export const pendingMigrations = async (client: Pick<pg.Client, 'query'>): Promise<string[]> => {
  const known = await knownMigrations()
  const table = await client.query("SELECT to_regclass('ops._prisma_migrations') AS name")
  if (table.rows[0].name === null) return known
  const { rows } = await client.query('SELECT migration_name FROM ops._prisma_migrations WHERE finished_at IS NOT NULL')
  const applied = new Set(rows.map((row) => row.migration_name))
  return known.filter((name) => !applied.has(name))
}
