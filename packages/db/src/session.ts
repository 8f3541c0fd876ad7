import { Socket } from 'node:net'
import pg from 'pg'

/** One connection of its own, for work that must not share a pool's settings. */
export interface Session {
  query<Row extends object>(text: string, values?: unknown[], timeoutMs?: number): Promise<Row[]>
  /** Says goodbye where the server still listens, and is gone either way. What was not committed is rolled back. */
  close(): Promise<void>
  /** Gone at once, also in the middle of a query. */
  destroy(): void
}

export interface SessionOptions {
  applicationName: string
  connectTimeoutMs: number
  /** Longest a query may take unless it says otherwise. */
  queryTimeoutMs: number
}

const GOODBYE_MS = 1_000

/** Connects, or throws. A connection that is lost fails the query it is lost in, and every later one. */
export const openSession = async (url: string, options: SessionOptions): Promise<Session> => {
  const socket = new Socket()
  const client = new pg.Client({
    connectionString: url,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs,
    query_timeout: options.queryTimeoutMs,
    keepAlive: true,
    // A client whose server does not answer can't be ended; the socket under it can.
    stream: () => socket,
  })
  // Also told to whoever waits for a query; without a listener it would end the process.
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    socket.destroy()
    throw error
  }
  return {
    query: async <Row extends object>(text: string, values?: unknown[], timeoutMs?: number): Promise<Row[]> => {
      const config = { text, ...(values && { values }), ...(timeoutMs && { query_timeout: timeoutMs }) }
      return (await client.query<Row>(config)).rows
    },
    close: async () => {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, GOODBYE_MS)
      })
      await Promise.race([client.end().catch(() => {}), late])
      clearTimeout(timer)
      socket.destroy()
    },
    destroy: () => socket.destroy(),
  }
}
