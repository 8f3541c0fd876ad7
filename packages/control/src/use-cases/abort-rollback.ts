import { mayAbort } from '@roman/constitution'
import {
  type AbortAnswer,
  type AbortRequest,
  type AbortRollbackRequest,
  type AbortRollbackResponse,
  rollbackWorkflowId,
  UPDATES,
} from '@roman/contracts'
import type { ControlContext } from '../context.ts'
import type { Call } from '../port.ts'
import { requireUser } from '../store/deployments.ts'
import { abortEvidence, noRollback, resolveRollback } from '../store/rollbacks.ts'
import { readRollback } from '../views/rollbacks.ts'
import { refusal } from './refusal.ts'

const ABORT_WAIT_MS = 10_000

/** Asks a running rollback to stop, and waits a little for it to have stopped. */
export const abortRollback = async (
  context: ControlContext,
  ref: string,
  input: AbortRollbackRequest,
  call: Call,
): Promise<AbortRollbackResponse> => {
  await requireUser(context.db.prisma, 'initiated_by', call.actor.user_id)
  const eventId = await resolveRollback(context.db, ref)
  const view = await readRollback(context.db, eventId)
  if (view === null) throw noRollback(ref)
  const decision = mayAbort(abortEvidence(view))
  if (!decision.allowed) throw refusal(decision)
  await context.temporal.update<AbortAnswer>(
    rollbackWorkflowId(eventId),
    UPDATES.abort,
    `abort:${call.idempotency_key ?? crypto.randomUUID()}`,
    { event_id: eventId, reason: input.reason, actor: call.actor } satisfies AbortRequest,
  )
  await context.rollbacks.untilTerminal(eventId, ABORT_WAIT_MS, AbortSignal.timeout(ABORT_WAIT_MS))
  const after = await readRollback(context.db, eventId)
  return { success: true, event_id: eventId, status: after?.status ?? view.status }
}
