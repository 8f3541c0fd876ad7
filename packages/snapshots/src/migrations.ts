import { isServerError, type Session } from './session.ts'

export interface MigrationList {
  /** Of all that are applied. */
  total: number
  /** The newest of them, oldest first; the last one is the head. */
  applied: string[]
  /** Begun, and neither finished nor taken back. */
  unfinished: string[]
}

/** Null where there is no such table; a text says why it could not be read. */
export type Migrations = MigrationList | { unavailable: string } | null

const NAMES_MAX = 500

/** The service's own record of its migrations, where it uses Prisma. */
export const readPrismaMigrations = async (session: Session, timeoutMs: number): Promise<Migrations> => {
  try {
    const [table] = await session.read<{ name: string | null }>(
      `SELECT to_regclass('public._prisma_migrations') AS name`,
      timeoutMs,
    )
    if (table?.name == null) return null
    const rows = await session.read<{ name: string; finished: boolean }>(
      `SELECT migration_name AS name, finished_at IS NOT NULL AS finished FROM public._prisma_migrations
       WHERE rolled_back_at IS NULL ORDER BY started_at, migration_name`,
      timeoutMs,
    )
    return migrationList(rows)
  } catch (error) {
    if (!isServerError(error)) throw error
    return { unavailable: (error as Error).message }
  }
}

/** @param rows in the order in which they were begun. */
export const migrationList = (rows: readonly { name: string; finished: boolean }[]): MigrationList => {
  const applied = rows.filter(({ finished }) => finished).map(({ name }) => name)
  return {
    total: applied.length,
    applied: applied.slice(-NAMES_MAX),
    unfinished: rows.filter(({ finished }) => !finished).map(({ name }) => name),
  }
}
