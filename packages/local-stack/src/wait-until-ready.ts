import type { SupervisedProcess } from './supervise-process.ts'
import { waitFor } from './wait-for.ts'

/** A process that died this often before it was ready will not become so. */
const DEATHS_MAX = 4

/**
 * Waits until a supervised process answers; stops it when it does not.
 * @throws Error with the end of its output when the bound is reached or it keeps dying.
 */
export async function waitUntilReady(
  supervised: SupervisedProcess,
  isReady: () => Promise<boolean>,
  options: { timeoutMs: number; signal?: AbortSignal | undefined },
): Promise<void> {
  const { name } = supervised
  try {
    const outcome = await waitFor(
      async () => (supervised.restarts >= DEATHS_MAX ? 'keeps dying' : (await isReady()) && 'ready'),
      { ...options, describe: `${name} to answer` },
    )
    if (outcome === 'keeps dying') throw new Error(`${name} keeps ending before it is ready.`)
  } catch (error) {
    await supervised.stop()
    if (options.signal?.aborted) throw error
    const { message, cause } = error as Error
    throw new Error([`${message} Its last words:`, ...supervised.lastLines().map((line) => `  ${line}`)].join('\n'), {
      cause,
    })
  }
}
