import type { Database, Tx } from '@roman/db'

/** Whether a freeze covers this service and environment now. */
export const isFrozen = async (tx: Tx | Database['prisma'], service: string, environment: string): Promise<boolean> =>
  (await tx.freezes.count({
    where: {
      unfrozen_at: null,
      AND: [{ OR: [{ service: null }, { service }] }, { OR: [{ environment: null }, { environment }] }],
    },
  })) > 0
