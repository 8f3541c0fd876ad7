/**
 * Shares work that several ask for at once. Who asks while it runs waits for the next run, together with everybody else
 * who does: what they get was begun after they asked. So one thing is never done twice at the same time.
 */
export const shared = <T>(work: () => Promise<T>): (() => Promise<T>) => {
  let running: Promise<T> | null = null
  let next: Promise<T> | null = null
  const begin = (): Promise<T> => {
    next = null
    const run = work()
    running = run
    const over = () => {
      if (running === run) running = null
    }
    run.then(over, over)
    return run
  }
  return () => {
    if (next === null && running === null) return begin()
    next ??= running!.then(begin, begin)
    return next
  }
}
