import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { applyMigrations, knownChecksums, knownMigrations } from './schema-engine.ts'

/** Held while migrations run, so that processes started together apply them once. */
const MIGRATION_LOCK = 7_261_618_033
const LOCK_LOOK_MS = 100
const LOCK_PATIENCE_MS = 3_600_000
const LOCK_NOT_AVAILABLE = '55P03'
const LOCK_TIMEOUT_MS = 10_000

/** Thrown where the schema is not for this version, or not now. The message says the way out. */
export class SchemaRefused extends Error {
  override readonly name = 'SchemaRefused'
}

type Queryable = Pick<pg.Client, 'query'>

export interface MigrateOptions {
  /** Name of the last migration to apply; the newest unless given. */
  until?: string
  /** Longest a migration waits for a table that somebody uses: whoever comes after it waits behind it. */
  lockTimeoutMs?: number
  /** What a migration has to say to who runs it. */
  onNotice?: (notice: string) => void
}

/**
 * Brings the database up to this checkout's migrations. Safe to call from several processes at once, and
 * again, also after an attempt that failed or was killed. Returns the names it applied, oldest first.
 * @throws SchemaRefused where the database was migrated by a newer version, or is in use for too long.
 */
export const migrate = async (
  databaseUrl: string,
  { until, lockTimeoutMs = LOCK_TIMEOUT_MS, onNotice = () => {} }: MigrateOptions = {},
): Promise<string[]> => {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await lock(client)
    await refuseNewerSchema(client)
    for (const name of await editedMigrations(client))
      onNotice(
        `Migration ${name} was applied as something else than this version has under that name: its file was edited since. What the edit changed is missing in this database; compare the two`,
      )
    if ((await pendingMigrations(client)).length === 0) return []
    await client.query('CREATE SCHEMA IF NOT EXISTS ops')
    await clearFailedAttempts(client)
    return await applyMigrations(databaseUrl, { lockTimeoutMs, onNotice }, until).catch(async (cause) => {
      throw cause?.code === LOCK_NOT_AVAILABLE ? inUse(lockTimeoutMs, cause) : await named(client, cause)
    })
  } finally {
    await client.end()
  }
}

const inUse = (lockTimeoutMs: number, cause: unknown): Error =>
  new SchemaRefused(
    `A table was in use for longer than ${lockTimeoutMs / 1000} s, by a long transaction perhaps. The migration that waited for it was undone; run it again.`,
    { cause },
  )

/** With the migration's name, and all that the database says of it; Prisma's records know which it was. */
const named = async (client: Queryable, cause: Error): Promise<Error> => {
  const { rows } = await client
    .query<{ name: string }>(
      'SELECT migration_name AS name FROM ops._prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL',
    )
    .catch(() => ({ rows: [] }))
  if (rows[0] === undefined) return cause
  const { detail, hint } = cause as { detail?: string; hint?: string }
  const facts = [cause.message, detail, hint].filter(Boolean).map((text) => text!.replace(/\.$/, ''))
  return new Error(`Migration ${rows[0].name} failed and was undone: ${facts.join('. ')}.`, { cause })
}

/**
 * Asked for again and again, not waited for: a statement that waits holds a snapshot, and an index that is built
 * concurrently by who has the lock would wait for that, for ever.
 */
const lock = async (client: Queryable): Promise<void> => {
  const deadline = Date.now() + LOCK_PATIENCE_MS
  for (;;) {
    const { rows } = await client.query('SELECT pg_try_advisory_lock($1) AS mine', [MIGRATION_LOCK])
    if (rows[0].mine) return
    if (Date.now() > deadline) {
      throw new SchemaRefused(
        'Another process has been applying migrations for an hour. Look for it in pg_stat_activity, and run "roman migrate" again when it is done.',
      )
    }
    await pause(LOCK_LOOK_MS)
  }
}

/**
 * An attempt that did not finish left nothing behind, since its end is recorded in its own transaction; all but an index
 * that was being built concurrently, which is left invalid. Both are taken away, and the attempt may be made again.
 */
const clearFailedAttempts = async (client: Queryable): Promise<void> => {
  if (!(await hasHistory(client))) return
  const { rowCount } = await client.query(
    'UPDATE ops._prisma_migrations SET rolled_back_at = now() WHERE finished_at IS NULL AND rolled_back_at IS NULL',
  )
  if (rowCount === 0) return
  const { rows } = await client.query<{ name: string }>(`
    SELECT c.oid::regclass::text AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE NOT i.indisvalid AND c.relkind = 'i' AND c.relnamespace = 'ops'::regnamespace`)
  for (const { name } of rows) await client.query(`DROP INDEX CONCURRENTLY ${name}`)
}

/** Names of known migrations that this database lacks. */
export const pendingMigrations = async (client: Queryable): Promise<string[]> => {
  const begun = await begunMigrations(client)
  const applied = new Set(begun.filter(({ finished }) => finished).map(({ name }) => name))
  return (await knownMigrations()).filter((name) => !applied.has(name))
}

/** Names of applied migrations whose file is not what it was then. */
const editedMigrations = async (client: Queryable): Promise<string[]> => {
  if (!(await hasHistory(client))) return []
  const { rows } = await client.query<{ name: string; checksum: string }>(
    `SELECT migration_name AS name, checksum FROM ops._prisma_migrations
     WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY migration_name`,
  )
  const checksums = await knownChecksums()
  return rows.filter(({ name, checksum }) => checksums.get(name) !== checksum).map(({ name }) => name)
}

/**
 * Throws `SchemaRefused` where this database has migrations that this checkout does not know: a newer version has changed it, and what
 * this one would write may be wrong by now.
 */
export const refuseNewerSchema = async (client: Queryable): Promise<void> => {
  const known = new Set(await knownMigrations())
  // Also those that are half done: to make them again, or take them back, is that version's affair.
  const newer = (await begunMigrations(client)).filter(({ name }) => !known.has(name)).map(({ name }) => name)
  if (newer.length > 0) {
    throw new SchemaRefused(
      `This database has migration ${newer.join(', ')}, newer than this version. Upgrade to the version that brought it, or restore a backup from before.`,
    )
  }
}

const begunMigrations = async (client: Queryable): Promise<{ name: string; finished: boolean }[]> => {
  if (!(await hasHistory(client))) return []
  const { rows } = await client.query<{ name: string; finished: boolean }>(
    'SELECT migration_name AS name, finished_at IS NOT NULL AS finished FROM ops._prisma_migrations WHERE rolled_back_at IS NULL ORDER BY migration_name',
  )
  return rows
}

const hasHistory = async (client: Queryable): Promise<boolean> => {
  const { rows } = await client.query("SELECT to_regclass('ops._prisma_migrations') IS NOT NULL AS there")
  return rows[0].there
}
