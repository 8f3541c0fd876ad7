import { proxyActivities } from '@temporalio/workflow'

export interface BareInput {
  /** The task queue of each step, in order. */
  task_queues: string[]
}

/** What a workflow of so many steps costs when the steps do nothing. */
export async function bare({ task_queues }: BareInput): Promise<void> {
  for (const taskQueue of task_queues) {
    const { noop } = proxyActivities<{ noop(): Promise<void> }>({ taskQueue, startToCloseTimeout: '30 seconds' })
    await noop()
  }
}
