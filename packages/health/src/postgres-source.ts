import { Socket } from 'node:net'
import pg from 'pg'
import { blind, type HealthSource, type SourceDeps, type SourceReading } from './port.ts'
import { withinBound } from './within-bound.ts'

const INTERVAL_MS = 1_000
const TIMEOUT_MS = 2_000
const GOODBYE_MS = 500

/** SQLSTATE too_many_connections. */
const SERVER_IS_FULL = '53300'

/**
 * A role without pg_read_all_stats sees that a foreign session exists and in which database, but neither its type nor
 * its state. Left out, they would make a full server look empty; so they count, and what is active cannot be told.
 */
const READ_CONNECTIONS = `
SELECT
  (count(*) FILTER (WHERE a.backend_type = 'client backend' OR (a.backend_type IS NULL AND a.datid IS NOT NULL)))::integer
    AS database_connections,
  pg_catalog.current_setting('max_connections')::integer AS max_database_connections,
  (count(*) FILTER (WHERE a.backend_type = 'client backend' AND a.state = 'active' AND a.pid <> pg_catalog.pg_backend_pid()))::integer
    AS active_queries,
  pg_catalog.bool_or(a.backend_type IS NULL AND a.datid IS NOT NULL) AS sessions_hidden
FROM pg_catalog.pg_stat_activity a`

interface Row {
  database_connections: number
  max_database_connections: number
  active_queries: number
  sessions_hidden: boolean
}

interface Held {
  client: pg.Client
  socket: Socket
}

/**
 * The connections of the service's own database. One connection is held open from the first read on: once the server
 * is full there is no room for another. Lost, it is opened anew with the next read.
 *
 * @param urlEnv names the setting that holds the database's URL.
 */
export function createPostgresSource(urlEnv: string, deps: SourceDeps): HealthSource {
  const closing = new AbortController()
  let held: Held | null = null

  const drop = ({ client, socket }: Held) => {
    if (held?.client === client) held = null
    socket.destroy()
  }

  const connection = async (signal: AbortSignal): Promise<Held> => {
    if (held !== null) return held
    const connectionString = deps.secret(urlEnv)
    if (connectionString === undefined) throw new Error(`${urlEnv} is not set.`)
    const socket = new Socket()
    const client = new pg.Client({
      connectionString,
      application_name: 'roman-health',
      keepAlive: true,
      // A client that is still connecting can't be ended; the socket under it can.
      stream: () => socket,
    })
    const opened = { client, socket }
    client.on('error', () => drop(opened))
    client.on('end', () => drop(opened))
    signal.addEventListener('abort', () => drop(opened), { once: true })
    try {
      await client.connect()
      signal.throwIfAborted()
    } catch (error) {
      drop(opened)
      throw error
    }
    held = opened
    return opened
  }

  const query = async (signal: AbortSignal): Promise<SourceReading> => {
    const { client } = await connection(signal)
    const { rows } = await client.query<Row>(READ_CONNECTIONS)
    const { sessions_hidden, active_queries, ...connections } = rows[0]!
    return sessions_hidden
      ? { values: connections, unavailable: ['active_queries'], failures: [] }
      : { values: { ...connections, active_queries }, unavailable: [], failures: [] }
  }

  const read = async (signal: AbortSignal): Promise<SourceReading> => {
    try {
      return await withinBound(TIMEOUT_MS, [signal, closing.signal], query)
    } catch (error) {
      if (held !== null) drop(held)
      const full = (error as { code?: unknown } | null)?.code === SERVER_IS_FULL
      return full
        ? {
            values: { database_connections: 100, max_database_connections: 100 },
            unavailable: ['active_queries'],
            failures: [],
          }
        : blind(['database_connections'])
    }
  }

  return {
    name: 'postgres',
    interval_ms: INTERVAL_MS,
    timeout_ms: TIMEOUT_MS,
    supplies: ['database_connections'],
    read,
    close: async () => {
      closing.abort()
      if (held === null) return
      const last = held
      await withinBound(GOODBYE_MS, [], () => last.client.end()).catch(() => {})
      drop(last)
    },
  }
}
