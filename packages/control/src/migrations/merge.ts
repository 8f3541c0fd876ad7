import type { DatabaseEvidence, NewerMigration } from '@roman/constitution'
import { failedToApply, type RecordedMigration } from './recorded.ts'
import type { PrismaMigration } from './service-database.ts'

/** The deployment that is to be put back, as far as time goes. */
export interface Restored {
  fence: bigint
  /** When it went live. */
  deployed_at: Date
}

/** `prisma`: null where the service has no such table, `unreadable` where it cannot be asked. */
export interface KnownMigrations {
  recorded: readonly RecordedMigration[]
  prisma: readonly PrismaMigration[] | null | 'unreadable'
}

interface Applied extends NewerMigration {
  applied_at: Date
  id: bigint
}

/**
 * The migrations that were applied after the target went live, newest first: from what was recorded and from the service's
 * own `_prisma_migrations`, by name.
 *
 * A recorded one belongs to the deployment it came with, and so is newer where that deployment is: pipelines migrate
 * before they switch, hence while the target is still live. The service's table says when it was really applied, which
 * rules out what the target ran with from its start; it says too what was recorded and never applied. What only that
 * table knows is newer by its time alone.
 */
export const newerMigrations = (known: KnownMigrations, target: Restored): NewerMigration[] => {
  const table = known.prisma === 'unreadable' ? null : known.prisma
  const inForce = new Map((table ?? []).filter((row) => row.rolled_back_at === null).map((row) => [row.name, row]))
  const recorded = new Map(known.recorded.map((row) => [row.name, row]))
  const newer: Applied[] = []
  for (const row of known.recorded) {
    const found = inForce.get(row.name)
    if (row.rolled_back_at !== null || (found === undefined && table !== null && row.notes.tool === 'prisma')) continue
    if (found !== undefined && found.finished_at === null) continue
    if (!isNewer(row, found?.finished_at ?? null, target)) continue
    newer.push({
      name: row.name,
      has_rollback_script: row.scripted,
      ...obstacleOf(row, found, known),
      applied_at: found?.finished_at ?? row.applied_at ?? new Date(0),
      id: row.id,
    })
  }
  for (const row of inForce.values()) {
    if (row.finished_at === null || row.finished_at <= target.deployed_at) continue
    const before = recorded.get(row.name)
    if (before !== undefined && before.rolled_back_at === null) continue
    // Undone once, and applied again since: the script is that of this migration where its content is the same.
    const scripted = before?.scripted === true && before.hash === row.checksum
    newer.push({ name: row.name, has_rollback_script: scripted, applied_at: row.finished_at, id: before?.id ?? 0n })
  }
  return newer.sort(newestFirst).map(({ name, has_rollback_script, obstacle }) => ({
    name,
    has_rollback_script,
    ...(obstacle === undefined ? {} : { obstacle }),
  }))
}

const isNewer = (row: RecordedMigration, finishedAt: Date | null, target: Restored): boolean => {
  if (finishedAt !== null && finishedAt <= target.deployed_at) return false
  if (row.notes.baseline === true) return finishedAt !== null
  if (row.fence === null) return (finishedAt ?? row.applied_at ?? new Date(0)) > target.deployed_at
  if (row.fence <= target.fence) return false
  return finishedAt !== null || row.notes.applied_at_given !== true || row.applied_at! > target.deployed_at
}

const obstacleOf = (
  row: RecordedMigration,
  found: PrismaMigration | undefined,
  known: KnownMigrations,
): { obstacle?: string } => {
  if (failedToApply(row)) return { obstacle: 'it failed when it was applied' }
  if (row.notes.tool !== 'prisma') return {}
  if (known.prisma === null) {
    return { obstacle: 'there is no _prisma_migrations in the database it should be in: is migrations_url_env right?' }
  }
  if (found !== undefined && found.checksum !== row.hash) return { obstacle: 'another file of that name was applied' }
  return {}
}

const newestFirst = (a: Applied, b: Applied): number =>
  b.applied_at.getTime() - a.applied_at.getTime() || Number(b.id - a.id) || (a.name < b.name ? 1 : -1)

/** Inconsistent: the latest attempt at a migration failed or never finished, or nobody knows whether one was undone. */
export const databaseState = ({ recorded, prisma }: KnownMigrations): DatabaseEvidence => {
  const inDoubt = recorded.find((row) => row.rolled_back_at === null && row.notes.undo?.outcome === 'in_doubt')
  if (inDoubt !== undefined) {
    return { state: 'inconsistent', detail: `it is not known whether migration ${inDoubt.name} was undone` }
  }
  const latest = [...recorded].sort((a, b) => time(b.applied_at) - time(a.applied_at) || Number(b.id - a.id))[0]
  const table = prisma === 'unreadable' || prisma === null ? [] : prisma
  if (latest !== undefined && failed(latest) && !settledSince(latest, table)) {
    return { state: 'inconsistent', detail: `migration ${latest.name} failed: ${latest.error_message}` }
  }
  const last = table.findLast((row) => row.rolled_back_at === null)
  return last !== undefined && last.finished_at === null
    ? { state: 'inconsistent', detail: `migration ${last.name} is unfinished` }
    : { state: 'consistent', detail: null }
}

const time = (at: Date | null): number => at?.getTime() ?? 0

/** Also where somebody says that they undid it by hand and did not succeed. */
const failed = (row: RecordedMigration): boolean =>
  failedToApply(row) || (row.error_message !== null && row.rolled_back_at !== null && row.rollback_successful === false)

/** Somebody finished or resolved it with Prisma's own means after its failure was recorded. */
const settledSince = (row: RecordedMigration, table: readonly PrismaMigration[]): boolean =>
  table.some(
    (attempt) =>
      attempt.name === row.name && time(attempt.rolled_back_at ?? attempt.finished_at) > time(row.applied_at),
  )
