import { isTerminal } from '@roman/constitution'
import type { Database, Listener } from '@roman/db'

/** Waits until a rollback's row is terminal. */
export interface RollbackWaiter {
  /** True when it is terminal; false when the time was up or the signal aborted first. */
  untilTerminal(eventId: string, timeoutMs: number, signal: AbortSignal): Promise<boolean>
}

export const ROLLBACK_CHANNEL = 'roman_rollback'
/** Notifications may be lost (a pooler, a reconnect); the row is looked at this often besides. */
const LOOK_MS = 1_000

export const createRollbackWaiter = (db: Database, listener: Listener): RollbackWaiter => ({
  async untilTerminal(eventId, timeoutMs, signal) {
    const deadline = Date.now() + timeoutMs
    let wake = (): void => {}
    const stop = listener.on(ROLLBACK_CHANNEL, (payload) => {
      if (payload === eventId) wake()
    })
    try {
      for (;;) {
        // Armed before the look, so that a change between the look and the wait is not missed.
        const changed = new Promise<void>((resolve) => {
          wake = resolve
        })
        const row = await db.prisma.rollback_events.findUnique({
          where: { event_id: eventId },
          select: { status: true },
        })
        if (row !== null && isTerminal('rollback', row.status as never)) return true
        const left = deadline - Date.now()
        if (left <= 0 || signal.aborted) return false
        await raceWithTimer(changed, Math.min(left, LOOK_MS), signal)
      }
    } finally {
      stop()
    }
  },
})

const raceWithTimer = (changed: Promise<void>, timeoutMs: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, timeoutMs)
    signal.addEventListener('abort', done, { once: true })
    void changed.then(done)
  })
