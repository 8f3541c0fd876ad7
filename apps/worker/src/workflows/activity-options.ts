import type { WorkflowEnvironment } from '@roman/contracts'
import { ActivityCancellationType, type ActivityOptions } from '@temporalio/workflow'

/** A short transaction. Retried until PostgreSQL is back, for a day at most; each is safe to repeat. */
export const shortStep = (input: WorkflowEnvironment): ActivityOptions => ({
  taskQueue: input.task_queues.main,
  startToCloseTimeout: '30 seconds',
  scheduleToCloseTimeout: '24 hours',
  retry: { initialInterval: input.timings.retry_initial_ms, maximumInterval: input.timings.retry_max_ms },
})

/** A long watch on its own queue. Its worker may die at any moment: another takes over after the heartbeat timeout. */
export const longWatch = (input: WorkflowEnvironment, timeoutMs: number): ActivityOptions => ({
  taskQueue: input.task_queues.monitor,
  startToCloseTimeout: timeoutMs,
  // Bounded by what it watches; an hour without workers or PostgreSQL must not count against it.
  scheduleToCloseTimeout: timeoutMs + 24 * 3_600_000,
  heartbeatTimeout: input.timings.heartbeat_ms,
  retry: { initialInterval: input.timings.retry_initial_ms, maximumInterval: input.timings.retry_max_ms },
  // A person who interrupts a watch must not wait for its next heartbeat.
  cancellationType: ActivityCancellationType.TRY_CANCEL,
})
