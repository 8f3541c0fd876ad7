import closeWithGrace from 'close-with-grace'
import type { Logger } from './logger.ts'

const SHUTDOWN_MS = 15_000

/**
 * The life of a process: starts it, stops it in order on SIGTERM or SIGINT, or when the process that started it is gone,
 * and never lingers. A failed start is one clear line and exit code 1.
 */
export const runProcess = async (
  log: Logger,
  start: () => Promise<{ stop(): Promise<void>; finished?: Promise<void> }>,
): Promise<void> => {
  let running: { stop(): Promise<void>; finished?: Promise<void> } | undefined
  const grace = closeWithGrace({ delay: SHUTDOWN_MS, logger: false }, async ({ err }) => {
    if (err) log.fatal({ err }, 'Stopping after an unexpected error')
    await running?.stop()
  })
  // A supervisor that dies closes this channel; its children must not outlive it.
  if (process.send !== undefined) process.once('disconnect', () => void grace.close())
  try {
    running = await start()
  } catch (error) {
    log.fatal({ reason: (error as Error).message }, 'Could not start')
    log.debug({ err: error }, 'Cause')
    grace.uninstall()
    process.exitCode = 1
    setTimeout(() => process.exit(1), 1_000).unref()
    return
  }
  running.finished?.catch(async (error) => {
    log.fatal({ reason: (error as Error).message }, 'Stopped working')
    grace.uninstall()
    setTimeout(() => process.exit(1), SHUTDOWN_MS).unref()
    await running?.stop().catch(() => {})
    process.exit(1)
  })
}
