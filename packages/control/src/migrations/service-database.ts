import { openSession, type Session } from '@roman/db'
import type { ControlContext } from '../context.ts'
import { configuredNow, databaseVariable } from '../policy.ts'

/** Where a service's migrations are applied. `ops`: in the ops database itself, beside our schema. */
export type ServiceDatabase = { kind: 'ops'; url: string } | { kind: 'own'; url: string }

/** The database of a service, by the configuration in force. Throws with the way out where it is not known. */
export const serviceDatabase = (
  context: Pick<ControlContext, 'db' | 'config' | 'secret'>,
  service: string,
  environment: string,
): ServiceDatabase => {
  const config = configuredNow(context.config, service, environment)
  if (config === null) throw new Error(`${service} in ${environment} is not in roman.yaml any more`)
  const variable = config.migrations_url_env ?? databaseVariable(config)
  if (variable === undefined) return { kind: 'ops', url: context.db.url }
  const url = context.secret(variable)
  if (url === undefined) throw new Error(`${variable} is not set; it names the database of ${service}`)
  return { kind: 'own', url }
}

/** A row of the service's own `_prisma_migrations`. A migration that was tried again has several. */
export interface PrismaMigration {
  name: string
  checksum: string
  started_at: Date
  finished_at: Date | null
  rolled_back_at: Date | null
}

type Query = <Row extends object>(text: string) => Promise<Row[]>

/** Oldest first; null where the service has no such table. */
const prismaMigrations = async (query: Query): Promise<PrismaMigration[] | null> => {
  const [table] = await query<{ name: string | null }>(`SELECT to_regclass('public._prisma_migrations')::text AS name`)
  if (table?.name == null) return null
  return query<PrismaMigration>(`
    SELECT migration_name AS name, checksum, started_at, finished_at, rolled_back_at
    FROM public._prisma_migrations ORDER BY started_at, finished_at`)
}

const READ_TIMEOUT_MS = 3_000

/** Reads the service's own table, within bounds: a rollback that waits for its evidence is not waiting for ever. */
export const readPrismaMigrations = async (
  context: Pick<ControlContext, 'db' | 'config' | 'secret'>,
  service: string,
  environment: string,
): Promise<PrismaMigration[] | null> => {
  const database = serviceDatabase(context, service, environment)
  if (database.kind === 'ops') {
    return prismaMigrations(async <Row extends object>(text: string) => (await context.db.pool.query<Row>(text)).rows)
  }
  return inSession(database.url, READ_TIMEOUT_MS, (session) => prismaMigrations((text) => session.query(text)))
}

const inSession = async <T>(url: string, timeoutMs: number, work: (session: Session) => Promise<T>): Promise<T> => {
  const session = await openSession(url, {
    applicationName: 'roman-migrations',
    connectTimeoutMs: timeoutMs,
    queryTimeoutMs: timeoutMs,
  })
  try {
    return await work(session)
  } finally {
    await session.close()
  }
}
