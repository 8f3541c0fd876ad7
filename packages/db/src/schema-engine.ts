import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum, type SqlQuery } from '@prisma/driver-adapter-utils'
import * as engine from '@prisma/schema-engine-wasm/schema_engine_bg'
import pg from 'pg'

/**
 * Prisma's own schema engine as WebAssembly, from the package registry: it applies migrations and records them exactly
 * as `prisma migrate deploy` does, where the native engine cannot be downloaded.
 */

const PRISMA_DIR = fileURLToPath(new URL('../../../prisma', import.meta.url))
const NO_FILTER: engine.SchemaFilter = { externalTables: [], externalEnums: [] }

let loaded: Promise<void> | undefined

/** Node 20 cannot import .wasm as a module, so the package's glue is bound by hand. */
const load = (): Promise<void> => {
  loaded ??= (async () => {
    const file = createRequire(import.meta.url)
      .resolve('@prisma/schema-engine-wasm')
      .replace(/\.js$/, '_bg.wasm')
    const { instance } = await WebAssembly.instantiate(await readFile(file), {
      './schema_engine_bg.js': { ...engine, ...unrefTimers() },
    } as never)
    engine.__wbg_set_wasm(instance.exports)
    ;(instance.exports as { __wbindgen_start(): void }).__wbindgen_start()
  })()
  return loaded
}

/** The engine guards its lock with a timer of ten seconds that it never clears; it must not keep a finished process. */
const unrefTimers = () => {
  const name = Object.keys(engine).find((key) => key.startsWith('__wbg_setTimeout_'))
  return name === undefined ? {} : { [name]: (run: () => void, ms: number) => setTimeout(run, ms >>> 0).unref() }
}

/** PostgreSQL's "char", one byte, as system catalogs have it. The stock adapter does not know it. */
const CHAR_OID = 18
const TEXT_OID = 25

type ReadRows = (query: SqlQuery) => Promise<pg.QueryArrayResult>

/** The stock adapter, mended where the engine needs more of it. */
class EngineAdapter extends PrismaPg {
  override async connect() {
    const adapter = await super.connect()
    // Scripts go to the server whole: the stock adapter splits them at every `;`, also inside `$$…$$` bodies.
    adapter.executeScript = async (script: string) => {
      const client = adapter.underlyingDriver()
      await client.query(await withItsRecord(client, await withoutUsersTable(client, script)))
    }
    // What is read as text here is named a character afterwards: the engine tells the two apart.
    const inner = adapter as unknown as { performIO: ReadRows }
    const read = inner.performIO.bind(adapter)
    const characters = new WeakMap<unknown[], number[]>()
    inner.performIO = async (query) => {
      const result = await read(query)
      const ofChar = result.fields.flatMap(({ dataTypeID }, index) => (dataTypeID === CHAR_OID ? [index] : []))
      for (const index of ofChar) result.fields[index]!.dataTypeID = TEXT_OID
      characters.set(result.rows, ofChar)
      return result
    }
    const queryRaw = adapter.queryRaw.bind(adapter)
    adapter.queryRaw = async (query) => {
      const result = await queryRaw(query)
      for (const index of characters.get(result.rows) ?? []) result.columnTypes[index] = ColumnTypeEnum.Character
      return result
    }
    return adapter
  }
}

/**
 * A migration's end is recorded in its own transaction: one that is killed afterwards is not applied again, and one that
 * failed left nothing. Where another migrator has taken over meanwhile, it undoes itself.
 */
const withItsRecord = async (client: Pick<pg.Pool, 'query'>, script: string): Promise<string> => {
  // An index that is built concurrently cannot be part of a transaction, and so has its file to itself.
  if (/\bCONCURRENTLY\b/i.test(script.replaceAll(/--.*$/gm, ''))) return script
  const { rows } = await client.query<{ id: string }>(
    'SELECT id FROM ops._prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL',
  )
  return `${script};
DO $$ BEGIN
  UPDATE ops._prisma_migrations SET finished_at = clock_timestamp() WHERE id = '${rows[0]!.id}' AND rolled_back_at IS NULL;
  IF NOT FOUND THEN RAISE EXCEPTION 'Another migrator has taken over'; END IF;
END $$`
}

const USERS_TABLE = /CREATE TABLE IF NOT EXISTS "auth"\."users" \([^;]*\);/

/**
 * The first migration makes auth.users where there is none. Where there is one, PostgreSQL asks for the right to create
 * tables in auth all the same, before it looks; Supabase keeps that right to itself.
 */
const withoutUsersTable = async (client: Pick<pg.Pool, 'query'>, script: string): Promise<string> => {
  if (!USERS_TABLE.test(script)) return script
  const { rows } = await client.query("SELECT to_regclass('auth.users') IS NOT NULL AS there")
  return rows[0].there ? script.replace(USERS_TABLE, '') : script
}

const readMigrations = async (until?: string): Promise<engine.MigrationList> => {
  const baseDir = path.join(PRISMA_DIR, 'migrations')
  const entries = await readdir(baseDir, { withFileTypes: true })
  const names = entries
    .filter((entry) => entry.isDirectory() && (until === undefined || entry.name <= until))
    .map((entry) => entry.name)
  return {
    baseDir,
    lockfile: {
      path: 'migration_lock.toml',
      content: await readFile(path.join(baseDir, 'migration_lock.toml'), 'utf8'),
    },
    shadowDbInitScript: '',
    migrationDirectories: await Promise.all(
      names.sort().map(async (name) => ({
        path: name,
        migrationFile: {
          path: 'migration.sql',
          content: { tag: 'ok' as const, value: await readFile(path.join(baseDir, name, 'migration.sql'), 'utf8') },
        },
      })),
    ),
  }
}

const readSchema = async (): Promise<[string, string]> => [
  'schema.prisma',
  await readFile(path.join(PRISMA_DIR, 'schema.prisma'), 'utf8'),
]

interface Session {
  lockTimeoutMs: number
  onNotice: (notice: string) => void
}

/** RAISE NOTICE and RAISE WARNING; not what PostgreSQL says by itself, such as "already exists, skipping". */
const RAISED = ['00000', '01000']

const withEngine = async <T>(
  databaseUrl: string,
  { lockTimeoutMs, onNotice }: Session,
  use: (schemaEngine: engine.SchemaEngine) => Promise<T>,
): Promise<T> => {
  await load()
  // As `?schema=ops` in Prisma's own URL: its `_prisma_migrations` must not mix with the service's in public.
  const options = `-c search_path=ops -c lock_timeout=${lockTimeoutMs}`
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1, options })
  pool.on('connect', (client) =>
    client.on('notice', ({ code, message, hint }) => {
      if (code !== undefined && RAISED.includes(code)) onNotice([message, hint].filter(Boolean).join('. '))
    }),
  )
  const adapter = bindMigrationAwareSqlAdapterFactory(new EngineAdapter(pool, { schema: 'ops' }))
  const schemaEngine = await engine.SchemaEngine.new({ datamodels: [await readSchema()] }, () => {}, adapter)
  try {
    return await use(schemaEngine)
  } catch (error) {
    // The engine knows the database's own error by number only.
    const id = /External error id#(\d+)/.exec(String(error))?.[1]
    const cause = id === undefined ? undefined : adapter.errorRegistry.consumeError(Number(id))?.error
    throw cause instanceof Error ? cause : error
  } finally {
    schemaEngine.free()
    await pool.end()
  }
}

/** Names of the migrations in this checkout, oldest first. */
export const knownMigrations = async (): Promise<string[]> =>
  (await readMigrations()).migrationDirectories.map((directory) => directory.path)

/** Of each migration in this checkout, as Prisma records it: the SHA-256 of its file. */
export const knownChecksums = async (): Promise<Map<string, string>> =>
  new Map(
    (await readMigrations()).migrationDirectories.map(({ path, migrationFile: { content } }) => [
      path,
      content.tag === 'ok' ? createHash('sha256').update(content.value).digest('hex') : '',
    ]),
  )

export const applyMigrations = (databaseUrl: string, session: Session, until?: string): Promise<string[]> =>
  withEngine(databaseUrl, session, async (schemaEngine) => {
    const { appliedMigrationNames } = await schemaEngine.applyMigrations({
      migrationsList: await readMigrations(until),
      filters: NO_FILTER,
    })
    return appliedMigrationNames
  })

/**
 * How the tables of a migrated database differ from schema.prisma, in words; null where they agree. What Prisma cannot say
 * is not compared: CHECKs, partial and expression indexes, triggers, functions, policies, grants, comments, and keys into
 * schemas that are not ours, which are dropped for it. So give it a database that is thrown away.
 */
export const schemaDrift = async (databaseUrl: string): Promise<string | null> => {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{ drop: string }>(`
      SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop FROM pg_constraint
      WHERE contype = 'f' AND connamespace = 'ops'::regnamespace AND conparentid = 0
        AND confrelid IN (SELECT oid FROM pg_class WHERE relnamespace <> 'ops'::regnamespace)`)
    for (const { drop } of rows) await client.query(drop)
  } finally {
    await client.end()
  }
  const [name, text] = await readSchema()
  // Said so in the schema for the client's sake, which would fill in now() by its own clock.
  const content = text.replaceAll('dbgenerated("CURRENT_TIMESTAMP")', 'now()')
  const files = [{ path: name, content }]
  const { exitCode, stdout } = await withEngine(databaseUrl, { lockTimeoutMs: 0, onNotice: () => {} }, (schemaEngine) =>
    schemaEngine.diff({
      from: { tag: 'schemaDatasource', files, configDir: PRISMA_DIR },
      to: { tag: 'schemaDatamodel', files },
      script: false,
      exitCode: true,
      filters: { externalTables: ['ops._prisma_migrations'], externalEnums: [] },
    }),
  )
  return exitCode === 0 ? null : (stdout ?? 'They differ.').trim()
}
