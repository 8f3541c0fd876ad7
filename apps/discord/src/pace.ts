import { setTimeout as wait } from 'node:timers/promises'

/** How often we look and write, and how long at most. Milliseconds. */
export interface Pace {
  poll_ms: number
  /** Shortest time between two edits of one message. Discord takes about five edits in five seconds for a channel. */
  edit_ms: number
  /** First pause between attempts to reach Discord, Temporal or the API; it doubles up to `retry_max_ms`. */
  retry_ms: number
  retry_max_ms: number
  /** How long a conversation goes on through silence of the API. */
  patience_ms: number
  /** A rollback is followed no longer than this. */
  follow_max_ms: number
}

export const USUAL_PACE: Pace = {
  poll_ms: 500,
  edit_ms: 1_500,
  retry_ms: 1_000,
  retry_max_ms: 30_000,
  patience_ms: 120_000,
  follow_max_ms: 75 * 60_000,
}

/** Resolves early, and without an error, when `signal` aborts. */
export const pause = async (ms: number, signal: AbortSignal): Promise<void> => {
  await wait(ms, undefined, { signal }).catch(() => {})
}

/**
 * Tries until `attempt` succeeds, with doubling pauses. Ends with undefined when `signal` aborts, and throws at once what
 * `isFinal` says no retry can help.
 */
export const persist = async <T>(
  attempt: () => Promise<T>,
  options: {
    pace: Pick<Pace, 'retry_ms' | 'retry_max_ms'>
    signal: AbortSignal
    isFinal?: (error: unknown) => boolean
    onFailure?: (error: unknown, tries: number) => void
  },
): Promise<T | undefined> => {
  for (let tries = 1; !options.signal.aborted; tries += 1) {
    try {
      return await attempt()
    } catch (error) {
      if (options.isFinal?.(error)) throw error
      if (options.signal.aborted) return undefined
      options.onFailure?.(error, tries)
      const { retry_ms, retry_max_ms } = options.pace
      await pause(Math.min(retry_ms * 2 ** Math.min(tries - 1, 16), retry_max_ms), options.signal)
    }
  }
  return undefined
}
