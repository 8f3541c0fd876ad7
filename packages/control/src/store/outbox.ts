import type { Tx } from '@roman/db'
import type { ControlContext } from '../context.ts'
import type { StartRequest } from '../temporal-gateway.ts'
import { json } from './audit.ts'

/** Writes down, in the transaction of the fact that demands it, that a workflow must run. */
export const enqueue = async (tx: Tx, request: StartRequest): Promise<void> => {
  await tx.outbox.createMany({
    data: [{ kind: request.kind, key: request.workflow_id, payload: json(request.input) }],
    skipDuplicates: true,
  })
}

/**
 * Starts what the outbox still holds, or only the named workflows. Starting twice is one start, so two deliverers may
 * meet. True when nothing is left undelivered. Never throws for a Temporal that is away: the reconciler tries again.
 */
export const deliver = async (context: ControlContext, keys?: readonly string[]): Promise<boolean> => {
  const rows = await context.db.prisma.outbox.findMany({
    where: { delivered_at: null, ...(keys === undefined ? {} : { key: { in: [...keys] } }) },
    // What failed often goes last: it must not keep from starting what is queued behind it.
    orderBy: [{ attempts: 'asc' }, { id: 'asc' }],
    take: 500,
  })
  const unheard = context.config.current().discord === undefined ? rows.filter(({ kind }) => kind === 'announce') : []
  if (unheard.length > 0) await setAside(context, unheard)
  const due = rows.filter((row) => !unheard.includes(row))
  const results = await Promise.all(
    due.map(async (row) => {
      try {
        await context.temporal.start({
          kind: row.kind,
          workflow_id: row.key,
          input: row.payload,
        } as unknown as StartRequest)
        await context.db.prisma.outbox.updateMany({
          where: { id: row.id, delivered_at: null },
          data: { delivered_at: new Date(), attempts: { increment: 1 }, last_error: null },
        })
        return true
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        context.log.warn({ key: row.key, reason }, 'Could not be started on Temporal yet; it stays queued')
        await context.db.prisma.outbox
          .update({ where: { id: row.id }, data: { attempts: { increment: 1 }, last_error: reason.slice(0, 500) } })
          .catch(() => {})
        return false
      }
    }),
  )
  return results.every(Boolean)
}

const toldOf = new WeakSet<ControlContext>()

/** An announcement that nobody is configured to deliver is no work: as a workflow it would wait for a day and then fail. */
const setAside = async (context: ControlContext, rows: readonly { id: bigint }[]): Promise<void> => {
  await context.db.prisma.outbox.updateMany({
    where: { id: { in: rows.map(({ id }) => id) }, delivered_at: null },
    data: { delivered_at: new Date(), last_error: 'roman.yaml has no section "discord"' },
  })
  if (toldOf.has(context)) return
  toldOf.add(context)
  context.log.warn(
    'roman.yaml has no section "discord": announcements are kept in ops.announcements and sent to nobody. Add one to have people told.',
  )
}
