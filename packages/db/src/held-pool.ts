import pg from 'pg'

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
  // Whoever uses it is told; until then it is tried again.
  keepOpen(pool, options.connections).catch(() => {})
  return pool
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
    const opened = await Promise.allSettled(Array.from({ length: connections }, async () => pool.connect()))
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
