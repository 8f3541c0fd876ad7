import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
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

/** Scripts go to the server whole: the stock adapter splits them at every `;`, also inside `$$…$$` bodies. */
class WholeScriptAdapter extends PrismaPg {
  override async connect() {
    const adapter = await super.connect()
    adapter.executeScript = async (script: string) => {
      await adapter.underlyingDriver().query(script)
    }
    return adapter
  }
}

const readMigrations = async (): Promise<engine.MigrationList> => {
  const baseDir = path.join(PRISMA_DIR, 'migrations')
  const entries = await readdir(baseDir, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
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

const withEngine = async <T>(
  databaseUrl: string,
  use: (schemaEngine: engine.SchemaEngine) => Promise<T>,
): Promise<T> => {
  await load()
  // As `?schema=ops` in Prisma's own URL: its `_prisma_migrations` must not mix with the service's in public.
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1, options: '-c search_path=ops' })
  const adapter = bindMigrationAwareSqlAdapterFactory(new WholeScriptAdapter(pool, { schema: 'ops' }))
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

export const applyMigrations = (databaseUrl: string): Promise<string[]> =>
  withEngine(databaseUrl, async (schemaEngine) => {
    const { appliedMigrationNames } = await schemaEngine.applyMigrations({
      migrationsList: await readMigrations(),
      filters: NO_FILTER,
    })
    return appliedMigrationNames
  })
