import { isTerminal } from '@roman/constitution'
import type { RollbackPhase, RollbackStatus, RollbackStep } from '@roman/contracts'
import type { Prisma, Tx } from '@roman/db'
import { OPEN_STATUSES, rollbackStatusesBefore } from './statuses.ts'
import { storable } from './text.ts'

type Moment =
  | 'fault'
  | 'detected'
  | 'requested'
  | 'decided'
  | 'dispatched'
  | 'live'
  /** Every migration that was to be undone is, or it was given up. */
  | 'migrations_settled'
  | 'verified'

export interface Advance {
  phase?: RollbackPhase
  status?: RollbackStatus
  step?: { step: string; status: RollbackStep['status']; detail?: string | null }
  /** Moments that are reached now, by the database's clock; the first time counts. */
  moments?: readonly Moment[]
  detail?: string
}

/**
 * Moves an open rollback forward: phase, status, one line of its steps and its moments, in one statement. False when it
 * was finished already, which a retried step takes as "done before".
 */
export const advance = async (tx: Tx, eventId: string, change: Advance): Promise<boolean> => {
  // The first phase is the beginning.
  const status = change.status ?? (change.phase === undefined ? null : 'in_progress')
  const terminal = status !== null && isTerminal('rollback', status)
  const moments = change.moments ?? []
  const told = (text: string | null | undefined): string | null => (text == null ? null : storable(text))
  const step =
    change.step === undefined
      ? null
      : JSON.stringify({ step: change.step.step, status: change.step.status, detail: told(change.step.detail) })
  const updated = await tx.$executeRaw`
    UPDATE ops.rollback_events SET
      phase = coalesce(${terminal ? 'ended' : (change.phase ?? null)}::text, phase),
      status = coalesce(${status}::text, status),
      detail = coalesce(${told(change.detail)}::text, detail),
      completed_at = CASE WHEN ${terminal} THEN clock_timestamp() ELSE completed_at END,
      moments = coalesce((
        SELECT jsonb_object_agg(name, to_jsonb(to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))
        FROM unnest(${[...moments]}::text[]) AS name
      ), '{}') || moments,
      rollback_steps = CASE WHEN ${step}::text IS NULL THEN rollback_steps ELSE array_append(rollback_steps,
        ${step}::jsonb || jsonb_build_object('at', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))) END
    WHERE event_id = ${eventId}::uuid AND status = ANY(${status === null ? OPEN_STATUSES : rollbackStatusesBefore(status)})`
  return updated === 1
}

/** Facts of a rollback that have columns of their own. */
export const keep = async (
  tx: Tx,
  eventId: string,
  facts: Prisma.rollback_eventsUncheckedUpdateInput,
): Promise<void> => {
  await tx.rollback_events.updateMany({
    where: { event_id: eventId, status: { in: OPEN_STATUSES } },
    data: facts as never,
  })
}
