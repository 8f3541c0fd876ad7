/** Thrown when the time given to a piece of work was over before it ended. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError'
}

const STEPS = 10

/**
 * Runs `work` until it ends, its time is over, or one of `signals` is aborted. `work` is told by its signal and should
 * clean up; the caller does not wait for that.
 *
 * Only time in which this process ran counts: the time is cut into steps, and a step that came late (a stalled event
 * loop, a stopped process, a paused machine) counts once. Otherwise our own stall would look like a service that does
 * not answer.
 *
 * @throws DeadlineError, the signal's reason, or what `work` throws.
 */
export async function withinBound<T>(
  timeoutMs: number,
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const bound = new AbortController()
  const onAbort = () => bound.abort(signals.find((signal) => signal.aborted)?.reason)
  let steps = 0
  let last: NodeJS.Immediate | undefined
  const timer = setInterval(() => {
    steps += 1
    // What has arrived by now is read first: the poll phase lies between a timer and an immediate.
    if (steps === STEPS) last = setImmediate(() => bound.abort(new DeadlineError('The time given was over.')))
  }, timeoutMs / STEPS)
  const ended = new Promise<never>((_, reject) => {
    bound.signal.addEventListener('abort', () => reject(bound.signal.reason), { once: true })
  })
  for (const signal of signals) signal.addEventListener('abort', onAbort, { once: true })
  try {
    if (signals.some((signal) => signal.aborted)) onAbort()
    return await Promise.race([ended, bound.signal.aborted ? ended : work(bound.signal)])
  } finally {
    clearInterval(timer)
    clearImmediate(last)
    for (const signal of signals) signal.removeEventListener('abort', onAbort)
  }
}
