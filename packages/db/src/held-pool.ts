import { once } from 'node:events'
import pg from 'pg'
import { isDatabaseFull } from './errors.ts'

/** The connections to a database that is not ours, as far as callers need them. */
export type HeldPool = pg.Pool

const CONNECT_TIMEOUT_MS = 2_000
const QUERY_TIMEOUT_MS = 15_000
const REOPEN_MS = 1_000

/**
 * Connections to another database, opened now and kept. Says nothing at start-up but who it is: poolers in between refuse
 * what they do not know.
 */
export const openHeldPool = (url: string, options: { connections: number; applicationName: string }): HeldPool => {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.connections,
    min: options.connections,
    application_name: options.applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    keepAlive: true,
  })
  pool.on('error', () => {})
  keepThroughErrors(pool)
  // Whoever uses it is told; until then it is tried again.
  keepOpen(pool, options.connections).catch(() => {})
  return pool
}

/** As the pool has it by itself. */
const openOrTake = (pool: pg.Pool): Promise<pg.PoolClient> => {
  const connect: () => Promise<pg.PoolClient> = pg.Pool.prototype.connect
  return connect.call(pool)
}

/**
 * Makes a pool hold on to its connections, for callers that wait for promises. By itself it closes one whenever a statement
 * on it fails, which a full server would not open again; and it asks such a server for another one rather than wait for
 * its own to be given back.
 */
export const keepThroughErrors = (pool: pg.Pool): void => {
  const connect = async (): Promise<pg.PoolClient> => {
    const until = performance.now() + CONNECT_TIMEOUT_MS
    for (;;) {
      try {
        return await openOrTake(pool)
      } catch (error) {
        const leftMs = until - performance.now()
        if (!isDatabaseFull(error) || pool.totalCount === 0 || leftMs <= 0) throw error
        if (pool.idleCount > 0) continue
        await once(pool, 'release', { signal: AbortSignal.timeout(Math.ceil(leftMs)) }).catch(() => {})
      }
    }
  }
  const query = async (statement: pg.QueryConfig, values?: unknown[]): Promise<pg.QueryResult> => {
    const client = await connect()
    const ignore = (): void => {}
    // One that is lost in between is told by the query; without a listener it would end the process.
    client.on('error', ignore)
    let answers = true
    try {
      return await client.query(statement, values)
    } catch (error) {
      // Whatever the server did not answer, as a statement that is still running, makes a connection useless.
      answers = error instanceof pg.DatabaseError
      throw error
    } finally {
      client.off('error', ignore)
      client.release(!answers)
    }
  }
  Object.assign(pool, { connect, query })
}

/**
 * Opens so many connections of a pool at once, and again whenever they are lost: a server that is full has no room for who
 * comes later. Rejects where they cannot all be opened now; they are tried again all the same, until the pool ends.
 */
export const keepOpen = async (pool: pg.Pool, connections: number): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const later = (): void => {
    if (pool.ending || timer !== undefined) return
    timer = setTimeout(() => {
      timer = undefined
      fill().catch(later)
    }, REOPEN_MS)
    timer.unref()
  }
  const fill = async (): Promise<void> => {
    if (pool.ending || pool.totalCount >= connections) return
    // Asked for together, or the first one would be given out again instead of a second one being opened. In a function
    // of their own, since an address that cannot be read is thrown and not rejected.
    const opened = await Promise.allSettled(Array.from({ length: connections }, async () => openOrTake(pool)))
    for (const one of opened) if (one.status === 'fulfilled') one.value.release()
    const refused = opened.find((one) => one.status === 'rejected')
    if (refused !== undefined) throw refused.reason
  }
  pool.on('remove', later)
  try {
    await fill()
  } catch (error) {
    later()
    throw error
  }
}
