import { startSealer } from '@roman/audit'
import { keepPartitions, reconcile, warnOfNoise } from '@roman/control'
import { every, type Logger, type RuntimeEnv } from '@roman/runtime'
import { type NativeConnection, Worker } from '@temporalio/worker'
import { createMainActivities, createWatchActivities } from './activities/index.ts'
import type { WorkerContext } from './context.ts'
import { sweep } from './sweep.ts'
import { createUnsealedWatch } from './unsealed-watch.ts'

export interface RunningWorker {
  /** Rejects when a worker stops working for good. */
  finished: Promise<void>
  stop(): Promise<void>
}

const SWEEP_MS = 10_000
const PARTITIONS_MS = 3_600_000
const UNSEALED_MS = 30_000
/** Sleeping guards replay cheaply, so the cache need not hold them all. */
const CACHED_WORKFLOWS_MAX = 2_000
const WATCHES_MAX = 5_000

/** Runs both queues, the reconciler, the sweep and the sealer of the audit trail until stopped. */
export const startWorker = async (
  context: WorkerContext,
  connection: NativeConnection,
  bundle: string,
  env: Pick<RuntimeEnv, 'database_url' | 'temporal' | 'identity' | 'reconcile_ms'>,
  log: Logger,
): Promise<RunningWorker> => {
  const shared = { connection, namespace: env.temporal.namespace, identity: env.identity }
  const main = await Worker.create({
    ...shared,
    taskQueue: context.queues.main,
    workflowBundle: { code: bundle },
    activities: createMainActivities(context.control, context.deployers),
    maxCachedWorkflows: CACHED_WORKFLOWS_MAX,
    maxConcurrentActivityTaskExecutions: 200,
    workflowTaskPollerBehavior: { type: 'autoscaling' },
    shutdownGraceTime: '3 seconds',
    shutdownForceTime: '8 seconds',
  })
  const monitor = await Worker.create({
    ...shared,
    taskQueue: context.queues.monitor,
    activities: createWatchActivities(context.control, context.sampler),
    maxConcurrentActivityTaskExecutions: WATCHES_MAX,
    // A watch has nothing to finish: it is handed over at once.
    shutdownGraceTime: 0,
    shutdownForceTime: '8 seconds',
  })
  const running = Promise.all([main.run(), monitor.run()]).then(() => {})
  const chores = [
    every(env.reconcile_ms, 'reconcile', () => reconcile(context.control), log),
    every(SWEEP_MS, 'sweep', () => sweep(context.control, context.sources), log),
    every(PARTITIONS_MS, 'partitions', () => keepPartitions(context.control), log),
    every(UNSEALED_MS, 'unsealed', createUnsealedWatch(context.control), log),
    startSealer({ url: env.database_url, log }),
  ]
  const stopping = new AbortController()
  const advice = warnOfNoise(context.control, stopping.signal).catch((error) =>
    log.warn({ reason: (error as Error).message }, 'The noise of the rules could not be judged'),
  )
  return {
    finished: running,
    stop: async () => {
      stopping.abort()
      for (const worker of [monitor, main]) if (worker.getState() === 'RUNNING') worker.shutdown()
      await running.catch(() => {})
      await Promise.all([advice, ...chores.map((chore) => chore.stop())])
    },
  }
}
