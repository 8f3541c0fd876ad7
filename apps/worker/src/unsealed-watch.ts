import { readUnsealed } from '@roman/audit'
import type { ControlContext } from '@roman/control'

/**
 * Says when events of the audit trail wait to be sealed for long, and when they no longer do: that the sealer fails is
 * its own to say, but not that none runs or that one hangs. Said at the second look, since what was written while no
 * worker ran is sealed a moment after one starts.
 */
export const createUnsealedWatch = ({ db, log }: Pick<ControlContext, 'db' | 'log'>): (() => Promise<void>) => {
  let looksInARow = 0
  return async () => {
    const { count, since } = await readUnsealed(db)
    if (count === 0) {
      if (looksInARow >= 2) log.info('All events of the audit trail are sealed')
      looksInARow = 0
      return
    }
    looksInARow += 1
    if (looksInARow === 2) {
      log.error({ unsealed: count, since }, 'Events of the audit trail wait to be sealed for more than a minute')
    }
  }
}
