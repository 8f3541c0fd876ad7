import type { AnnounceInput } from '@roman/contracts'
import { proxyActivities } from '@temporalio/workflow'

interface AnnounceActivities {
  announce(input: { announcement_id: string }): Promise<void>
}

/**
 * Tells people one thing, once. Workflow id: `announce:<announcement_id>`.
 *
 * It runs beside what it tells of, on a task queue of its own: Discord being away or slow holds nothing up, and the
 * announcement arrives when it is back, within a day. The activity follows its subject to the end and may be repeated.
 */
export async function announce(input: AnnounceInput): Promise<void> {
  const discord = proxyActivities<AnnounceActivities>({
    taskQueue: input.task_queues.discord,
    summary: 'Tell people in Discord',
    scheduleToCloseTimeout: '23 hours',
    startToCloseTimeout: '3 hours',
    heartbeatTimeout: '30 seconds',
    retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
  })
  await discord.announce({ announcement_id: input.announcement_id })
}
