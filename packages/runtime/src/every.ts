import type { Logger } from './logger.ts'

/** Runs a chore now and then again `periodMs` after it ended, one at a time. A failure is logged and tried again. */
export const every = (
  periodMs: number,
  name: string,
  chore: () => Promise<void>,
  log: Logger,
): { stop(): Promise<void> } => {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()
  const run = (): void => {
    running = chore()
      .catch((error) =>
        log.warn({ chore: name, reason: (error as Error).message }, 'A chore failed and is tried again'),
      )
      .then(() => {
        if (!stopped) timer = setTimeout(run, periodMs)
      })
  }
  run()
  return {
    async stop() {
      stopped = true
      clearTimeout(timer)
      await running
    },
  }
}
