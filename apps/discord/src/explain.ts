import { isRomanError } from '@roman/contracts'
import { FollowedTooLong } from './follow.ts'
import { RomanUnreachable } from './ports.ts'
import { NeedsOverride } from './request-rollback.ts'
import { overrideLines } from './texts/alerts.ts'
import { fit, plain } from './texts/plain.ts'

/** What a person is told about an error: the fact and the way out. `started`: the rollback itself is under way. */
export const explain = (error: unknown, told: { botId: string; started: boolean }): string => {
  if (error instanceof NeedsOverride) {
    return fit([`❌ ${plain(error.message)}`, ...overrideLines(error.deploymentId, error.violated, told.botId)])
  }
  if (error instanceof FollowedTooLong) return `⏳ ${plain(error.message)} The alerts tell how it ends.`
  if (told.started) {
    return '📡 R.O.M.A.N.’s API fell silent, so this message stops here. The rollback goes on; the alerts tell how it ends.'
  }
  if (isRomanError(error)) return `❌ ${plain(error.message, 1_000)}`
  if (error instanceof RomanUnreachable) {
    return '❌ R.O.M.A.N.’s API does not answer, so it is not known whether it took this. Look for an alert; without one, send it again.'
  }
  return '❌ That went wrong on our side. The log of the Discord app says why; the alerts tell what was done.'
}
