import { HiddenRowsError, parseAnchor, readAnchor, UnreadableSealError, verifyDatabase } from '@roman/audit'
import { type AuditAnchor, type AuditVerification, type AuditVerificationQuery, RomanError } from '@roman/contracts'
import type { ControlContext } from '../context.ts'

/** A caller waits no longer; the CLI, which reads the database itself, takes the time it needs. */
const WITHIN_MS = 25_000

/**
 * Verifies the audit trail, one verification at a time: it reads everything there is. Who asks the same meanwhile gets
 * the same answer.
 */
export const createAuditVerification = (context: Pick<ControlContext, 'db'>) => {
  let running: { anchor: string | undefined; answer: Promise<AuditVerification> } | null = null
  return ({ anchor }: AuditVerificationQuery): Promise<AuditVerification> => {
    if (running !== null && running.anchor === anchor) return running.answer
    if (running !== null) {
      throw new RomanError(
        'too_many_requests',
        'The audit trail is being verified against another anchor. Ask again when that has ended.',
        { retry_after_seconds: WITHIN_MS / 1000 },
      )
    }
    const answer = inWords(() =>
      verifyDatabase(context.db, {
        anchor: anchor === undefined ? null : parseAnchor(anchor),
        signal: AbortSignal.timeout(WITHIN_MS),
      }),
    ).finally(() => {
      running = null
    })
    running = { anchor, answer }
    return answer
  }
}

/** The head of the chain, as it is stored. */
export const readAuditAnchor = ({ db }: Pick<ControlContext, 'db'>): Promise<AuditAnchor> =>
  inWords(() => readAnchor(db))

/** Where somebody made the trail unreadable, or hid it from us, that is said in words, not as a fault of ours. */
const inWords = async <T>(read: () => Promise<T>): Promise<T> => {
  try {
    return await read()
  } catch (error) {
    if (error instanceof UnreadableSealError || error instanceof HiddenRowsError)
      throw new RomanError('internal_error', error.message)
    throw error
  }
}
