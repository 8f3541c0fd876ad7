import type { TemporalClient } from './installation.ts'

/** One activity by Temporal's own times, in milliseconds. */
interface TimedStep {
  name: string
  task_queue: string
  /** From being scheduled to being started. */
  dispatch_ms: number
  /** From its start to the server's knowing its end. */
  run_ms: number
}

export interface Timeline {
  events: number
  /** Number of events until the workflow has taken note of what its first activity said, and acts on it. */
  events_of_first_step: number
  /** From the workflow's start to its close. */
  wall_ms: number
  steps: TimedStep[]
  workflow_tasks: number
  /** What is left of the wall: workflow tasks, and the server between two steps. */
  between_ms: number
  /** The part of that after the last step. */
  closing_ms: number
}

type Handle = ReturnType<TemporalClient['workflow']['getHandle']>
type HistoryEvent = NonNullable<Awaited<ReturnType<Handle['fetchHistory']>>['events']>[number]

/** Reads where the time of a closed workflow went from its history. */
export const timelineOf = async (temporal: TemporalClient, workflowId: string): Promise<Timeline> => {
  const { events } = await temporal.workflow.getHandle(workflowId).fetchHistory()
  const all = events ?? []
  const at = (id: unknown): HistoryEvent => all[Number(id) - 1]!
  const steps: TimedStep[] = []
  let lastStepMs = 0
  for (const event of all) {
    const done = event.activityTaskCompletedEventAttributes
    if (done == null) continue
    lastStepMs = msOf(event)
    const scheduled = at(done.scheduledEventId)
    const started = at(done.startedEventId)
    const what = scheduled.activityTaskScheduledEventAttributes!
    steps.push({
      name: what.activityType!.name!,
      task_queue: what.taskQueue!.name!,
      dispatch_ms: msOf(started) - msOf(scheduled),
      run_ms: msOf(event) - msOf(started),
    })
  }
  const scheduled = all.flatMap((event, index) => (event.activityTaskScheduledEventAttributes == null ? [] : [index]))
  const wall_ms = msOf(all.at(-1)!) - msOf(all[0]!)
  const inSteps = steps.reduce((sum, step) => sum + step.dispatch_ms + step.run_ms, 0)
  return {
    events: all.length,
    events_of_first_step: scheduled[1] ?? all.length,
    wall_ms,
    steps,
    workflow_tasks: all.filter((event) => event.workflowTaskCompletedEventAttributes != null).length,
    between_ms: wall_ms - inSteps,
    closing_ms: msOf(all.at(-1)!) - lastStepMs,
  }
}

const msOf = ({ eventTime }: HistoryEvent): number => Number(eventTime!.seconds) * 1000 + eventTime!.nanos! / 1e6
