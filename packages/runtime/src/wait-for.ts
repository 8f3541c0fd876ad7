import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from './logger.ts'

/**
 * Tries `attempt` until it succeeds, saying what it waits for, and gives up after `timeoutMs` with the way out.
 * Used at start, where what we depend on may come up a little later than we do.
 */
export const waitFor = async <T>(
  what: string,
  wayOut: string,
  attempt: () => Promise<T>,
  options: { timeoutMs: number; log: Logger; signal?: AbortSignal },
): Promise<T> => {
  const deadline = Date.now() + options.timeoutMs
  for (let tries = 0; ; tries += 1) {
    try {
      return await attempt()
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      const left = deadline - Date.now()
      if (left <= 0 || options.signal?.aborted) {
        throw new Error(
          `${what} did not answer within ${Math.round(options.timeoutMs / 1000)} s: ${reason} ${wayOut}`,
          {
            cause: error,
          },
        )
      }
      if (tries === 0 || tries % 10 === 0) options.log.warn({ reason }, `Waiting for ${what}`)
      await pause(Math.min(200 * 1.5 ** Math.min(tries, 6), left), undefined, { signal: options.signal })
    }
  }
}
