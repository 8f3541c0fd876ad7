import { type AbortEvidence, isTerminal, type RollbackStatus } from '@roman/constitution'
import { RomanError } from '@roman/contracts'
import type { Database, Prisma, Tx } from '@roman/db'
import { isUuid, PREFIX_MIN, uuidsBeginning } from './uuid-prefix.ts'

export type RollbackRecord = Prisma.rollback_eventsGetPayload<object>

export const isOpen = ({ status }: Pick<RollbackRecord, 'status'>): boolean =>
  !isTerminal('rollback', status as RollbackStatus)

export const loadEvent = (tx: Tx, eventId: string): Promise<RollbackRecord> =>
  tx.rollback_events.findUniqueOrThrow({ where: { event_id: eventId } })

/** How far a rollback has come, as `mayAbort` judges it. */
export const abortEvidence = (event: { event_id: string; status: string; moments: unknown }): AbortEvidence => {
  const { dispatched, live } = event.moments as { dispatched?: string | null; live?: string | null }
  return {
    event_id: event.event_id,
    status: event.status as RollbackStatus,
    dispatched: dispatched != null,
    live: live != null,
  }
}

const CANDIDATES_MAX = 10

/** The event id that a person means: the whole of it, or a unique prefix. A whole one need not be on record. */
export const resolveRollback = async (db: Pick<Database, 'prisma'>, ref: string): Promise<string> => {
  if (isUuid(ref)) return ref.toLowerCase()
  const range = uuidsBeginning(ref)
  if (range === null) throw noRollback(ref)
  const rows = await db.prisma.rollback_events.findMany({
    where: { event_id: { gte: range.from, lte: range.to } },
    select: { event_id: true, service: true, environment: true, trigger_reason: true },
    orderBy: { event_id: 'asc' },
    take: CANDIDATES_MAX,
  })
  if (rows.length === 0) throw noRollback(ref)
  if (rows.length > 1) {
    throw new RomanError('ambiguous_rollback', `"${ref}" fits ${rows.length} rollbacks. Give more of the event id.`, {
      candidates: rows,
    })
  }
  return rows[0]!.event_id
}

export const noRollback = (ref: string): RomanError =>
  new RomanError(
    'rollback_not_found',
    `Rollback ${ref} is not recorded. Give its event id, or the first ${PREFIX_MIN} characters of it or more; "roman history" lists them.`,
  )
