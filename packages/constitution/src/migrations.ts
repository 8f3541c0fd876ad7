import { flag, listOf, nullable, oneOf, optional, record, text } from './malformed.ts'
import type { ViolationName } from './reasons.ts'
import { MIGRATION_POLICIES, type MigrationPolicy } from './thresholds.ts'

/** A migration that was applied after the target. */
export type NewerMigration = {
  name: string
  has_rollback_script: boolean
  /** Why it cannot be undone although it has a script. */
  obstacle?: string | undefined
}

/** The order of `newer` carries no meaning for a judgement; what is undone is undone in this order. */
export type MigrationsEvidence = { policy: MigrationPolicy; newer: NewerMigration[] }

/** Whether the service's database is as its migrations left it; `unknown` where that cannot be read. */
export type DatabaseEvidence = { state: 'consistent' | 'inconsistent' | 'unknown'; detail: string | null }

export const MIGRATIONS = record<MigrationsEvidence>({
  policy: oneOf(MIGRATION_POLICIES),
  newer: listOf(record<NewerMigration>({ name: text, has_rollback_script: flag, obstacle: optional(text) })),
})

export const DATABASE = record<DatabaseEvidence>({
  state: oneOf(['consistent', 'inconsistent', 'unknown']),
  detail: nullable(text),
})

/** Why undoing would put data at risk; nothing where migrations are kept. */
export function undoRisks({ policy, newer }: MigrationsEvidence): string[] {
  if (policy === 'keep') return []
  const unscripted = newer.filter((migration) => !migration.has_rollback_script).map(({ name }) => name)
  const obstructed = newer.filter(({ has_rollback_script: scripted, obstacle }) => scripted && obstacle !== undefined)
  const risks: string[] = []
  if (unscripted.length > 0) risks.push(`these migrations have no rollback script: ${unscripted.sort().join(', ')}`)
  if (obstructed.length > 0) {
    const names = obstructed.map(({ name, obstacle }) => `${name} (${obstacle})`)
    risks.push(`these migrations cannot be undone: ${names.sort().join(', ')}`)
  }
  return risks
}

/** What becomes of the migrations newer than the target, for people to read before they approve; null where there are none. */
export function migrationWarning(migrations: MigrationsEvidence, database: DatabaseEvidence): string | null {
  const malformed = MIGRATIONS(migrations, 'migrations') ?? DATABASE(database, 'database')
  if (malformed !== null) return `What becomes of migrations newer than the target cannot be told: ${malformed}`
  const names = migrations.newer.map(({ name }) => name).sort()
  if (names.length === 0) return null
  const risky = database.state === 'inconsistent' || undoRisks(migrations).length > 0
  const undone = risky ? 'stay in place if this is overridden' : 'will be undone'
  const fate = migrations.policy === 'keep' ? 'stay in place' : undone
  return `Migrations newer than the target ${fate}: ${names.join(', ')}`
}

/**
 * The migrations that an approved rollback undoes. An override of `inhabitance` lifts the refusal, not the danger: what
 * cannot be undone whole is then kept whole, since a script that is run below a migration that stays was never tried.
 * Where it cannot be read what there is to undo, nothing is.
 */
export function plannedUndo(migrations: MigrationsEvidence, overridden: readonly ViolationName[]): string[] {
  const malformed = MIGRATIONS(migrations, 'migrations') ?? listOf(text)(overridden, 'overridden')
  if (malformed !== null || migrations.policy === 'keep' || overridden.includes('inhabitance')) return []
  return migrations.newer.map(({ name }) => name)
}
