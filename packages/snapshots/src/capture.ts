import { countTables, type TableCounts } from './counts.ts'
import { type Migrations, readPrismaMigrations } from './migrations.ts'
import { describeSchema, type SchemaDescription } from './schema.ts'
import { inOneView, type Queryable } from './session.ts'

/** A database at one moment. */
export interface DatabaseState {
  database: { name: string; version: string }
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
    const [database] = await session.read<DatabaseState['database']>(
      `SELECT current_database() AS name, current_setting('server_version') AS version`,
      remainingMs(),
    )
    return {
      database: database!,
      schema: await describeSchema(session, remainingMs()),
      migrations: await readPrismaMigrations(session, remainingMs()),
      counts: await countTables(session, { exactRowsMax, countTimeoutMs, remainingMs }),
    }
  })
}
