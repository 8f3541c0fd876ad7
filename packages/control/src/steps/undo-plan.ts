import { undoPolicyOf } from '../policy.ts'

/** How often a script that waited too long for a lock is tried. Nothing of it was applied then. */
export const LOCK_TRIES = 3
export const BETWEEN_TRIES_MS = 1_000
/** How long a service's database may stay away before undoing is given up. */
export const DATABASE_PATIENCE_MS = 30_000

/** What the workflow needs to know of undoing: that there is something to undo, and how long it may take. */
export interface UndoBound {
  migrations: string[]
  timeout_ms: number
}

/** Nothing where nothing is undone, so that workflows without it stay as they are. */
export const undoBound = (migrations: string[], policy: unknown): { undo?: UndoBound } => {
  if (migrations.length === 0) return {}
  const { undo_timeout_seconds: script, undo_lock_timeout_seconds: lock } = undoPolicyOf(policy)
  const eachMs = LOCK_TRIES * ((script + lock) * 1000 + BETWEEN_TRIES_MS) + DATABASE_PATIENCE_MS
  // One more: an attempt may have to learn first what became of the one before it.
  return { undo: { migrations, timeout_ms: (migrations.length + 1) * eachMs } }
}

/** The migrations that were judged to be undone, newest first; none where the judgement knew of no undoing yet. */
export const undoPlanOf = ({ rollback_plan }: { rollback_plan: unknown }): string[] =>
  (rollback_plan as { migrations?: { undo?: string[] } } | null)?.migrations?.undo ?? []
