import { RomanError } from '@roman/contracts'
import pLimit from 'p-limit'

/** Statements that store rows at once: most of the process's connections stay free for everything else. */
const STATEMENTS_MAX = 4
/** Rows that are being stored or wait for it: about half a second's work, and a bound on memory. */
const ROWS_MAX = 20_000
/** A request costs a statement and a commit, however few its rows are. */
const ROWS_MIN = 50
const RETRY_AFTER_SECONDS = 1

export interface Intake {
  /** Runs `store` when its turn comes. Throws `too_many_requests` at once where too much waits already. */
  admit<T>(rows: number, store: () => Promise<T>): Promise<T>
}

/** Bounds what a process has taken in and not stored yet, so that a flood is refused while it can still be sent again. */
export const createIntake = ({ statementsMax = STATEMENTS_MAX, rowsMax = ROWS_MAX } = {}): Intake => {
  let rowsHeld = 0
  const inTurn = pLimit(statementsMax)

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
      rowsHeld += weight
      try {
        return await inTurn(store)
      } finally {
        rowsHeld -= weight
      }
    },
  }
}
