import type { Freeze } from '@roman/constitution'
import type { Database, Prisma, Tx } from '@roman/db'
import { actorName } from '../actor-name.ts'

/** A freeze as the gates judge it. */
export const freezeOf = (row: Prisma.freezesGetPayload<object>): Freeze => ({
  by: actorName(row.frozen_by),
  at: row.frozen_at.toISOString(),
  reason: row.reason,
})

/** The freeze that covers this service and environment now, the oldest where there are several; null where none does. */
export const freezeInForce = async (
  tx: Tx | Database['prisma'],
  service: string,
  environment: string,
): Promise<Freeze | null> => {
  const row = await tx.freezes.findFirst({
    where: {
      unfrozen_at: null,
      AND: [{ OR: [{ service: null }, { service }] }, { OR: [{ environment: null }, { environment }] }],
    },
    orderBy: { id: 'asc' },
  })
  return row === null ? null : freezeOf(row)
}
