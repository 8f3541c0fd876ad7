import { readFingerprint } from './catalogue.ts'
import { countTables, type TableCounts } from './counts.ts'
import { type Migrations, readPrismaMigrations } from './migrations.ts'
import { describeSchema, RESTLESS, type SchemaDescription } from './schema.ts'
import { inOneView, isMoved, type Queryable, refusalOf, type Session } from './session.ts'

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

/** So much of the time may go by until the structure has held still; the rest is for counting. */
const DESCRIBING_SHARE = 0.5

/**
 * Structure, rows and migrations at one moment. Takes no lock but ACCESS SHARE, each for as long as one statement runs.
 * Throws where the whole cannot be had; what is merely held by somebody, too large or too slow is named in the result.
 *
 * Deparsers read what is committed now and not what their transaction sees, so a description may be of two schemas at once.
 * It is believed by the next transaction only, which sees a catalogue that has not changed since before the description,
 * and counts. Else it describes again.
 */
export const captureDatabase = async (client: Queryable, bounds: CaptureBounds): Promise<DatabaseState> => {
  const startedAt = performance.now()
  const remainingMs = () => startedAt + bounds.timeoutMs - performance.now()
  const describingMs = () => remainingMs() - bounds.timeoutMs * (1 - DESCRIBING_SHARE)
  let last: { fingerprint: string; schema: SchemaDescription | null } | null = null
  for (;;) {
    let fingerprint: string | null = null
    let schema: SchemaDescription | null = null
    try {
      const state = await inOneView(client, async (session) => {
        fingerprint = await readFingerprint(session, remainingMs())
        if (last?.schema != null && fingerprint === last.fingerprint)
          return stateOf(session, last.schema, bounds, remainingMs)
        if (last !== null && describingMs() <= 0) return stateOf(session, RESTLESS, bounds, remainingMs)
        // The first description may take what time there is: of a very large schema it is all that there is time for.
        schema = await describeSchema(session, last === null ? remainingMs() : describingMs())
        return null
      })
      if (state !== null) return state
    } catch (error) {
      const again = isMoved(error) || (last !== null && refusalOf(error) === 'query_canceled')
      // The same failure over a catalogue that nobody touched is not somebody's DDL.
      if (!again || fingerprint === null || fingerprint === last?.fingerprint || remainingMs() <= 0) throw error
    }
    last = { fingerprint: fingerprint!, schema }
  }
}

const stateOf = async (
  session: Session,
  schema: SchemaDescription,
  { exactRowsMax = EXACT_ROWS_MAX, countTimeoutMs = COUNT_TIMEOUT_MS }: CaptureBounds,
  remainingMs: () => number,
): Promise<DatabaseState> => {
  const [server] = await session.read<DatabaseState['database'] & DatabaseState['connections']>(
    READ_SERVER,
    remainingMs(),
  )
  const { name, version, ...connections } = server!
  return {
    database: { name, version },
    connections,
    schema,
    migrations: await readPrismaMigrations(session, remainingMs()),
    counts: await countTables(session, { exactRowsMax, countTimeoutMs, remainingMs }),
  }
}
