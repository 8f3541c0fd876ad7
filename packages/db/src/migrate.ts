import pg from 'pg'
import { applyMigrations, knownMigrations } from './schema-engine.ts'

/** Held while migrations run, so that processes started together apply them once. */
const MIGRATION_LOCK = 7_261_618_033

/**
 * Brings the database up to this checkout's migrations. Safe to call from several processes at once, and again.
 * Returns the names it applied, oldest first.
 */
export const migrate = async (databaseUrl: string): Promise<string[]> => {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK])
    if ((await pendingMigrations(client)).length === 0) return []
    await client.query('CREATE SCHEMA IF NOT EXISTS ops')
    return await applyMigrations(databaseUrl)
  } finally {
    await client.end()
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
