import type { DatabaseEvidence, NewerMigration } from '@roman/constitution'
import { reasonOf } from '@roman/db'
import { withoutSecrets } from '@roman/snapshots'
import type { ControlContext } from '../context.ts'
import { databaseState, type KnownMigrations, newerMigrations, type Restored } from './merge.ts'
import { recordedMigrations } from './recorded.ts'
import { readPrismaMigrations } from './service-database.ts'

export interface MigrationsFound {
  newer: NewerMigration[]
  database: DatabaseEvidence
}

/** What was applied after the target, and whether the database is as its migrations left it. Read anew, within bounds. */
export const readMigrations = async (
  context: Pick<ControlContext, 'db' | 'config' | 'secret'>,
  { service, environment }: { service: string; environment: string },
  target: Restored | null,
): Promise<MigrationsFound> => {
  const recorded = await recordedMigrations(context.db.prisma, service, environment)
  let prisma: KnownMigrations['prisma']
  let problem: string | null = null
  try {
    prisma = await readPrismaMigrations(context, service, environment)
  } catch (error) {
    prisma = 'unreadable'
    problem = withoutSecrets(reasonOf(error))
  }
  const known = { recorded, prisma }
  const database = databaseState(known)
  return {
    newer: target === null ? [] : newerMigrations(known, target),
    database: problem !== null && database.state === 'consistent' ? { state: 'unknown', detail: problem } : database,
  }
}
