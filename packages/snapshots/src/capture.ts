import { countTables, type TableCounts } from './counts.ts'
import { type Migrations, readPrismaMigrations } from './migrations.ts'
import { describeSchema, type SchemaDescription } from './schema.ts'
import { inOneView, type Queryable } from './session.ts'

/** A database at one moment. */
export interface DatabaseState {
  database: { name: string; version: string }
  connections: { used: number; max: number; active: number | null }
  schema: SchemaDescription
  counts: TableCounts
  migrations: Migrations
}

export interface CaptureBounds {
  /** For everything; counting ends early enough for what comes after it. */
  timeoutMs: number
  /** Tables with more rows are estimated. */
  exactRowsMax?: number
  countTimeoutMs?: number
}

/** A role that may not look at others' sessions sees that they are there, but not what they do. */
const READ_SERVER = `
SELECT current_database() AS name, current_setting('server_version') AS version,
  count(*)::integer AS used, current_setting('max_connections')::integer AS max,
  CASE WHEN bool_or(a.backend_type IS NULL) THEN NULL
    ELSE count(*) FILTER (WHERE a.state = 'active' AND a.pid <> pg_backend_pid()) END::integer AS active
FROM pg_stat_activity a
WHERE coalesce(a.backend_type, 'client backend') = 'client backend' AND a.datid IS NOT NULL`

const EXACT_ROWS_MAX = 100_000
const COUNT_TIMEOUT_MS = 1_000

/**
 * Structure, rows and migrations as one transaction sees them. Takes no lock but ACCESS SHARE, each for as long as one
 * statement runs. Throws where the whole cannot be had; what is merely held by somebody, too large or too slow is named in
 * the result.
 */
export const captureDatabase = (client: Queryable, bounds: CaptureBounds): Promise<DatabaseState> => {
  const { timeoutMs, exactRowsMax = EXACT_ROWS_MAX, countTimeoutMs = COUNT_TIMEOUT_MS } = bounds
  const endsAt = performance.now() + timeoutMs
  const remainingMs = () => endsAt - performance.now()
  return inOneView(client, async (session) => {
    const [server] = await session.read<DatabaseState['database'] & DatabaseState['connections']>(
      READ_SERVER,
      remainingMs(),
    )
    const { name, version, ...connections } = server!
    return {
      database: { name, version },
      connections,
      schema: await describeSchema(session, remainingMs()),
      migrations: await readPrismaMigrations(session, remainingMs()),
      counts: await countTables(session, { exactRowsMax, countTimeoutMs, remainingMs }),
    }
  })
}
