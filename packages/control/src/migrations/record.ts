import { type Actor, type RecordedMigrationInput, RomanError } from '@roman/contracts'
import type { Prisma, Tx } from '@roman/db'
import { withoutSecrets } from '@roman/snapshots'
import { audit, json } from '../store/audit.ts'
import type { DeploymentRecord } from '../store/deployments.ts'
import { failedToApply, type MigrationNotes } from './recorded.ts'
import { faultOfScript } from './undo-script.ts'

/** What came with a recording. `tool`: the list is a whole Prisma folder, not only what this deployment brought. */
export interface GivenMigrations {
  migrations: readonly RecordedMigrationInput[]
  tool: 'prisma' | undefined
}

type Row = Prisma.migration_historyGetPayload<object>

const EARLIER_MAX = 20
const NAMED_MAX = 10

/**
 * Leaves out scripts that cannot be run whole, and says so. An intent is refused for them instead: it can still be
 * corrected, while a fact never is.
 */
export const examineScripts = (
  { migrations, tool }: GivenMigrations,
  step: 'intent' | 'live',
): { given: GivenMigrations; warnings: string[] } => {
  const warnings: string[] = []
  const examined = migrations.map((migration) => {
    const { rollback_script: script, ...rest } = migration
    if (script === undefined || script.trim() === '') return rest
    const fault = faultOfScript(script)
    if (fault === null) return migration
    const message = `The rollback script of ${migration.name} ${fault}.`
    if (step === 'intent') {
      throw new RomanError('invalid_request', `migrations: ${message} Correct it, or leave it out.`, {
        field: 'migrations',
        migration: migration.name,
      })
    }
    warnings.push(`${message} The migration is recorded without it, so it cannot be undone.`)
    return rest
  })
  return { given: { migrations: examined, tool }, warnings }
}

/**
 * Records the migrations that came with a deployment. One that is known in this service and environment stays with the
 * deployment it first came with; one that failed or was undone since, and is there again, is a new attempt. Another hash
 * is a warning and overwrites nothing. The live row must be locked. Returns warnings.
 */
export const recordMigrations = async (
  tx: Tx,
  deployment: DeploymentRecord,
  given: GivenMigrations,
  actor: Actor,
): Promise<string[]> => {
  if (given.migrations.length === 0) return []
  const { service, environment } = deployment
  const known = new Map<string, Row>()
  const names = given.migrations.map(({ name }) => name)
  for (const row of await tx.migration_history.findMany({
    where: { service, environment, migration_name: { in: names } },
    include: { deployment: { select: { fence: true } } },
  })) {
    known.set(row.migration_name, row)
  }
  const first = (await tx.migration_history.count({ where: { service, environment }, take: 1 })) === 0
  const [{ now }] = (await tx.$queryRaw<[{ now: Date }]>`SELECT clock_timestamp() AS now`) as [{ now: Date }]

  const warnings: string[] = []
  const added: Prisma.migration_historyCreateManyInput[] = []
  const again: string[] = []
  const scripts: string[] = []
  for (const migration of given.migrations) {
    const attempt = attemptOf(migration, deployment, { now, tool: given.tool })
    const before = known.get(migration.name)
    if (before === undefined) {
      const baseline = first && given.tool === 'prisma' ? { baseline: true as const } : {}
      added.push({ ...attempt.row, metadata: json({ ...attempt.notes, ...baseline }) })
    } else if (isNewAttempt(before, migration, deployment)) {
      again.push(migration.name)
      await tx.migration_history.update({ where: { id: before.id }, data: retried(before, attempt) })
    } else if (before.migration_hash !== migration.hash) {
      warnings.push(
        `Migration ${migration.name} was recorded with another hash: its file has changed since. What was recorded stays.`,
      )
    } else if (migration.rollback_script !== undefined && migration.rollback_script !== before.rollback_script) {
      scripts.push(migration.name)
      if (before.rollback_script !== null)
        warnings.push(
          `The rollback script of ${migration.name} differs from the one recorded before; the new one counts.`,
        )
      await tx.migration_history.update({
        where: { id: before.id },
        data: { rollback_script: migration.rollback_script },
      })
    }
  }
  await tx.migration_history.createMany({ data: added })
  if (first && given.tool === 'prisma') {
    warnings.push(
      'These are the first migrations recorded here. Which of them are new, only _prisma_migrations can say; without it, none of them counts as newer than an earlier version.',
    )
  }
  if (added.length + again.length + scripts.length > 0) {
    await audit(tx, {
      event_type: 'migrations_recorded',
      severity: 'info',
      source: 'control',
      description: `Migrations of ${service} ${deployment.version} in ${environment}: ${listed([...added.map((row) => row.migration_name), ...again, ...scripts])}`,
      deployment_id: deployment.deployment_id,
      actor,
      metadata: { added: added.length, again, scripts_changed: scripts },
    })
  }
  return warnings
}

const listed = (names: string[]): string =>
  names.length <= NAMED_MAX
    ? names.join(', ')
    : `${names.slice(0, NAMED_MAX).join(', ')} and ${names.length - NAMED_MAX} more`

interface Attempt {
  row: Omit<Prisma.migration_historyCreateManyInput, 'metadata'>
  notes: MigrationNotes
}

const attemptOf = (
  migration: RecordedMigrationInput,
  { deployment_id, service, environment }: DeploymentRecord,
  { now, tool }: { now: Date; tool: 'prisma' | undefined },
): Attempt => {
  const given = migration.applied_at === undefined ? null : new Date(migration.applied_at)
  return {
    row: {
      deployment_id,
      service,
      environment,
      migration_name: migration.name,
      migration_hash: migration.hash,
      // A clock that runs ahead must not make it newer than what comes after.
      applied_at: given === null || given > now ? now : given,
      execution_time_ms: migration.execution_time_ms ?? null,
      error_message: migration.error_message === undefined ? null : withoutSecrets(migration.error_message),
      rollback_script: migration.rollback_script ?? null,
    },
    notes: {
      ...(tool === undefined ? {} : { tool }),
      ...(given === null ? {} : { applied_at_given: true as const }),
    },
  }
}

/** It failed before and is applied now, or the other way round; or it was undone, and a later deployment brings it back. */
const isNewAttempt = (
  before: Row & { deployment?: { fence: bigint } | null },
  migration: RecordedMigrationInput,
  deployment: DeploymentRecord,
): boolean => {
  if (before.rolled_back_at !== null) return deployment.fence > (before.deployment?.fence ?? 0n)
  const failed = migration.error_message !== undefined
  if (failedToApply(before) !== failed) return true
  return failed && before.deployment_id !== deployment.deployment_id
}

/** The row becomes the new attempt; the one before stays on record in it. */
const retried = (before: Row, attempt: Attempt): Prisma.migration_historyUncheckedUpdateInput => {
  const { earlier = [] } = (before.metadata ?? {}) as MigrationNotes
  const { deployment_id, migration_hash, applied_at, rolled_back_at, rollback_successful, error_message } = before
  const past = { deployment_id, migration_hash, applied_at, rolled_back_at, rollback_successful, error_message }
  const script = before.migration_hash === attempt.row.migration_hash ? before.rollback_script : null
  return {
    ...attempt.row,
    rollback_script: attempt.row.rollback_script ?? script,
    rolled_back_at: null,
    rollback_successful: null,
    metadata: json({ ...attempt.notes, earlier: [...earlier, past].slice(-EARLIER_MAX) }),
  }
}
