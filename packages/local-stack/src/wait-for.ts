import { setTimeout as sleep } from 'node:timers/promises'

export interface WaitOptions {
  /** Bound, in milliseconds. */
  timeoutMs: number
  /** What is awaited, to be read after "Waited 5 s for …". */
  describe: string
  intervalMs?: number
  /** Ends the wait early, rejecting with the signal's reason. */
  signal?: AbortSignal | undefined
}

/**
 * Polls until `condition` answers with something truthy, and resolves to that.
 * A condition that throws counts as "not yet"; its last error becomes the `cause` when the bound is reached.
 * @throws Error when the bound is reached or the signal aborts.
 */
export async function waitFor<T>(condition: () => T | Promise<T>, options: WaitOptions): Promise<NonNullable<T>> {
  const { timeoutMs, describe, intervalMs = 25, signal } = options
  const deadline = performance.now() + timeoutMs
  let cause: unknown
  for (;;) {
    signal?.throwIfAborted()
    try {
      const value = await condition()
      if (value) return value
      cause = undefined
    } catch (error) {
      cause = error
    }
    if (performance.now() >= deadline) {
      throw new Error(`Waited ${(timeoutMs / 1000).toLocaleString('en')} s for ${describe}, in vain.`, { cause })
    }
    // An abort cuts the pause short; the loop then says why.
    await sleep(intervalMs, undefined, signal ? { signal } : {}).catch(() => {})
  }
}
