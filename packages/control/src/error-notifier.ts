import type { Database } from '@roman/db'

/** Guards listen here for "errors came in". */
export const ERRORS_CHANNEL = 'roman_errors'
const COALESCE_MS = 50

/**
 * Tells guards that errors came in: at once, then at most every 50 ms, and outside of the transaction that stored them,
 * so that ingestion never waits for the notification's global lock.
 */
export const createErrorNotifier = (db: Pick<Database, 'pool'>): { notify(): void } => {
  let quietUntil = 0
  let pending: NodeJS.Timeout | undefined
  const send = (): void => {
    pending = undefined
    quietUntil = Date.now() + COALESCE_MS
    // A lost notification costs at most one tick.
    db.pool.query(`SELECT pg_notify('${ERRORS_CHANNEL}', '')`).catch(() => {})
  }
  return {
    notify() {
      if (pending !== undefined) return
      const wait = quietUntil - Date.now()
      if (wait <= 0) send()
      else pending = setTimeout(send, wait).unref()
    },
  }
}
