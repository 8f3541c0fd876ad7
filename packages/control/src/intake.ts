import { RomanError } from '@roman/contracts'
import PQueue from 'p-queue'

/** Statements that store rows at once: most of the process's connections stay free for everything else. */
const STATEMENTS_MAX = 4
/** Rows that are being stored or wait for it: about half a second's work, and a bound on memory. */
const ROWS_MAX = 20_000
/** A request costs a statement and a commit, however few its rows are. */
const ROWS_MIN = 50
/**
 * At its usual pace PostgreSQL stores all that may wait in a tenth of that. With the longest statement after it, it still ends
 * well before the server closes the socket.
 */
const WAIT_MS = 5_000
const RETRY_AFTER_SECONDS = 1

export interface Intake {
  /**
   * Runs `store` when its turn comes. Throws `too_many_requests` at once where too much waits already, and
   * `database_unavailable` where its turn does not come in time; `store` is then never run.
   */
  admit<T>(rows: number, store: () => Promise<T>): Promise<T>
}

/** Bounds what a process has taken in and not stored yet, so that a flood is refused while it can still be sent again. */
export const createIntake = ({ statementsMax = STATEMENTS_MAX, rowsMax = ROWS_MAX, waitMs = WAIT_MS } = {}): Intake => {
  let rowsHeld = 0
  const queue = new PQueue({ concurrency: statementsMax })

  return {
    async admit(rows, store) {
      const weight = Math.max(rows, ROWS_MIN)
      // One batch is always taken, whatever its size: refused, it could never be stored.
      if (rowsHeld > 0 && rowsHeld + weight > rowsMax) {
        throw new RomanError(
          'too_many_requests',
          `More errors come in than can be stored: ${rowsHeld} rows wait already. None of this batch was stored; send it again after the seconds in Retry-After.`,
          { retry_after_seconds: RETRY_AFTER_SECONDS },
        )
      }
      const waiting = new AbortController()
      const timer = setTimeout(() => waiting.abort(waitedTooLong(waitMs)), waitMs)
      const inTurn = () => {
        // What has begun may be stored: only PostgreSQL's own answer tells.
        clearTimeout(timer)
        return store()
      }
      rowsHeld += weight
      try {
        return await queue.add(inTurn, { signal: waiting.signal })
      } finally {
        rowsHeld -= weight
      }
    },
  }
}

const waitedTooLong = (waitMs: number) =>
  new RomanError(
    'database_unavailable',
    `PostgreSQL stores too slowly: this batch waited ${waitMs / 1000} seconds for its turn. None of it was stored; send it again after the seconds in Retry-After.`,
    { retry_after_seconds: RETRY_AFTER_SECONDS },
  )
