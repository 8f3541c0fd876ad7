import type { Logger } from '@roman/runtime'
import type { NativeConnection } from '@temporalio/worker'
import { Worker } from '@temporalio/worker'
import type { createActivities } from './activities.ts'
import { type Pace, persist } from './pace.ts'

export interface AnnouncerParts {
  connect(): Promise<NativeConnection>
  namespace: string
  task_queue: string
  activities: ReturnType<typeof createActivities>
  pace: Pace
  log: Logger
  /** Aborts when the process stops. */
  signal: AbortSignal
}

/** Each follows one rollback from request to verified, mostly waiting. */
const CONCURRENT_MAX = 200
/** What is being followed goes on in the next process; there is nothing to finish here. */
const GRACE_MS = 1_000
const FORCE_MS = 5_000

/** Serves the Discord task queue until `signal` aborts. Waits for a Temporal that is away. */
export const serveAnnouncements = async (parts: AnnouncerParts, onReady: () => void): Promise<void> => {
  const { log, signal, pace } = parts
  const made = await persist(
    async () => {
      const connection = await parts.connect()
      try {
        const worker = await Worker.create({
          connection,
          namespace: parts.namespace,
          taskQueue: parts.task_queue,
          activities: parts.activities,
          maxConcurrentActivityTaskExecutions: CONCURRENT_MAX,
          shutdownGraceTime: GRACE_MS,
          shutdownForceTime: FORCE_MS,
        })
        return { connection, worker }
      } catch (error) {
        await connection.close()
        throw error
      }
    },
    {
      pace,
      signal,
      onFailure: (error, tries) => log.warn({ reason: (error as Error).message, tries }, 'Waiting for Temporal'),
    },
  )
  if (made === undefined) return
  const { connection, worker } = made
  const running = worker.run()
  const stop = () => {
    if (worker.getState() === 'RUNNING') worker.shutdown()
  }
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  onReady()
  try {
    await running
  } finally {
    signal.removeEventListener('abort', stop)
    await connection.close()
  }
}
