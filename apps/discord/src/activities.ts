import type { AnnounceInput } from '@roman/contracts'
import { ApplicationFailure, Context } from '@temporalio/activity'
import { type AnnounceParts, announce, NoSuchAnnouncement } from './announce.ts'
import { ChatError } from './ports.ts'

/** Well within the heartbeat timeout that the workflow asks for; Temporal thins them out. */
const HEARTBEAT_MS = 2_000

/** The activities of the Discord task queue, by the names that workflows call. */
export const createActivities = (parts: Omit<AnnounceParts, 'pause'>) => ({
  /**
   * Fails with type `DiscordForbidden` or `DiscordUnknown` where only a person can help (not retried), and with
   * `DiscordUnavailable` where the next attempt may work.
   */
  announce: async ({ announcement_id }: Pick<AnnounceInput, 'announcement_id'>): Promise<void> => {
    const context = Context.current()
    // Also while Discord makes us wait: a silent worker would be taken for a dead one, and its work given to another.
    const beat = setInterval(() => context.heartbeat(), HEARTBEAT_MS)
    try {
      await announce({ ...parts, pause: (ms) => context.sleep(ms) }, announcement_id)
    } catch (error) {
      throw toFailure(error)
    } finally {
      clearInterval(beat)
    }
  },
})

export const toFailure = (error: unknown): unknown => {
  if (error instanceof NoSuchAnnouncement) {
    return ApplicationFailure.create({ message: error.message, type: error.name, nonRetryable: true, cause: error })
  }
  if (!(error instanceof ChatError)) return error
  const { message, fault } = error
  if (fault === 'forbidden' || fault === 'unknown' || fault === 'rejected') {
    const type = fault === 'unknown' ? 'DiscordUnknown' : fault === 'forbidden' ? 'DiscordForbidden' : 'DiscordRejected'
    return ApplicationFailure.create({ message, type, nonRetryable: true, cause: error })
  }
  return ApplicationFailure.create({
    message,
    type: 'DiscordUnavailable',
    cause: error,
    ...(error.retryAfterMs === undefined ? {} : { nextRetryDelay: error.retryAfterMs }),
  })
}
