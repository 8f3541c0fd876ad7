import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker'
import type { Installation, TemporalClient } from './installation.ts'
import type { bare } from './workflows/bare.ts'

export interface BareWorker {
  /** Runs a bare workflow with one no-op activity on each of these queues, in order. Answers its id. */
  run(temporal: TemporalClient, queues: readonly ('main' | 'monitor')[]): Promise<string>
  stop(): Promise<void>
}

/** Two workers as the product has them: one for workflows and short steps, one for what is watched. */
export const startBareWorker = async ({ connection, queues }: Installation): Promise<BareWorker> => {
  const taskQueues = { main: `${queues.main}-bare`, monitor: `${queues.monitor}-bare` }
  const activities = { noop: async () => {} }
  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('./workflows/bare.ts', import.meta.url)),
    logger: new DefaultLogger('ERROR'),
  })
  const workers = await Promise.all([
    Worker.create({
      connection,
      taskQueue: taskQueues.main,
      workflowBundle: { code },
      activities,
      workflowTaskPollerBehavior: { type: 'autoscaling' },
    }),
    Worker.create({ connection, taskQueue: taskQueues.monitor, activities }),
  ])
  const running = Promise.all(workers.map((worker) => worker.run()))
  let runs = 0
  return {
    async run(temporal, steps) {
      runs += 1
      const workflowId = `${taskQueues.main}:${runs}`
      await temporal.workflow.execute<typeof bare>('bare', {
        workflowId,
        taskQueue: taskQueues.main,
        args: [{ task_queues: steps.map((step) => taskQueues[step]) }],
      })
      return workflowId
    },
    async stop() {
      for (const worker of workers) worker.shutdown()
      await running
    },
  }
}
