import { setTimeout as pause } from 'node:timers/promises'
import type { RollbackStep } from '@roman/contracts'
import type { Session, Tx } from '@roman/db'
import { withoutSecrets } from '@roman/snapshots'
import type { ControlContext } from '../context.ts'
import { readMigrations } from '../migrations/read.ts'
import { type MigrationNotes, recordedMigrations, type UndoNote } from '../migrations/recorded.ts'
import { type ServiceDatabase, serviceDatabase } from '../migrations/service-database.ts'
import {
  beginUndo,
  commitUndo,
  connect,
  fateOf,
  Refused,
  runUndo,
  type UndoLimits,
} from '../migrations/undo-session.ts'
import { undoPolicyOf } from '../policy.ts'
import { announce } from '../store/announce.ts'
import { audit, json } from '../store/audit.ts'
import { lockLive } from '../store/live.ts'
import { deliver } from '../store/outbox.ts'
import { isOpen, type RollbackRecord } from '../store/rollbacks.ts'
import { advance, keep } from '../store/steps.ts'
import { concludeInTransaction } from './end-rollback.ts'
import { BETWEEN_TRIES_MS, DATABASE_PATIENCE_MS, LOCK_TRIES, undoPlanOf } from './undo-plan.ts'

/** `settled`: the rollback goes on to its verification, whether all were undone or not. */
export type UndoOutcome = { kind: 'settled'; detail: string } | { kind: 'ended'; status: string; detail: string }

/** A migration could not be undone; null where it is none in particular. */
class UndoFailure extends Error {
  override readonly name: string = 'UndoFailure'
  readonly migration: string | null

  constructor(migration: string | null, reason: string) {
    super(withoutSecrets(reason))
    this.migration = migration
  }
}

/** Nothing may be undone any more under what is live now. */
class Overtaken extends UndoFailure {
  override readonly name = 'Overtaken'

  constructor() {
    super(null, 'another deployment went live meanwhile')
  }
}

interface Job {
  context: ControlContext
  event: RollbackRecord
  plan: string[]
  limits: UndoLimits
  on_failure: 'stop' | 'continue'
  /** Undone by this rollback so far, by whichever attempt. */
  done: Set<string>
  /** Where a commit was asked for, or may have been, and nobody knows what became of it. */
  doubts: Set<string>
  /** Aborts when this attempt has to end. */
  signal: AbortSignal
}

const STEP = 'undo_migrations'
/** How often a connection may be lost in the middle of one script: it may be the script that kills the server. */
const LOST_TRIES = 3

/**
 * Undoes the migrations that were judged to be undone, newest first, each script in one transaction of the service's
 * database and exactly once, whatever dies in between: the transaction's number is written down before it is committed,
 * and a later attempt asks the database what became of it. Before each script, and again as it is committed, the
 * replacement must still be live.
 */
export const undoMigrations = async (
  context: ControlContext,
  eventId: string,
  signal: AbortSignal,
): Promise<UndoOutcome> => {
  const event = await context.db.prisma.rollback_events.findUniqueOrThrow({ where: { event_id: eventId } })
  const before = endedBefore(event)
  if (before !== null) return before
  const failing = await context.db.prisma.deployments.findUniqueOrThrow({
    where: { deployment_id: event.deployment_id! },
  })
  const policy = undoPolicyOf(failing.policy)
  const job: Job = {
    context,
    event,
    plan: undoPlanOf(event),
    limits: { script_ms: policy.undo_timeout_seconds * 1000, lock_ms: policy.undo_lock_timeout_seconds * 1000 },
    on_failure: policy.on_undo_failure,
    done: new Set(),
    doubts: new Set(),
    signal,
  }
  try {
    await noteStarted(job)
    const begun = await begunBefore(job)
    const database = databaseOf(job)
    for (const [name, note] of begun) await settle(job, database, name, note)
    await compareWithPlan(job)
    for (const name of job.plan) if (!job.done.has(name)) await undoOne(job, database, name)
    return await finish(job)
  } catch (error) {
    if (error instanceof UndoFailure) return giveUp(job, error)
    throw error
  }
}

const endedBefore = (event: RollbackRecord): UndoOutcome | null => {
  if (!isOpen(event)) return { kind: 'ended', status: event.status, detail: event.detail ?? '' }
  const steps = event.rollback_steps as unknown as RollbackStep[]
  const last = steps.findLast(({ step, status }) => step === STEP && status !== 'started')
  return last === undefined ? null : { kind: 'settled', detail: last.detail ?? '' }
}

const noteStarted = async ({ context, event, plan }: Job): Promise<void> => {
  if ((event.rollback_steps as unknown as RollbackStep[]).some(({ step }) => step === STEP)) return
  const detail = `${plan.length} to undo, newest first: ${plan.join(', ')}`
  await context.db.transaction((tx) => advance(tx, event.event_id, { step: { step: STEP, status: 'started', detail } }))
}

const databaseOf = ({ context, event }: Job): ServiceDatabase => {
  try {
    return serviceDatabase(context, event.service, event.environment)
  } catch (error) {
    throw new UndoFailure(null, (error as Error).message)
  }
}

/** What earlier attempts have undone, and what they may have. */
const begunBefore = async (job: Job): Promise<[string, UndoNote][]> => {
  const { context, event, plan, doubts } = job
  const rows = await recordedMigrations(context.db.prisma, event.service, event.environment)
  const begun: [string, UndoNote][] = []
  for (const { name, rolled_back_at, notes } of rows.filter((row) => plan.includes(row.name))) {
    if (rolled_back_at !== null && notes.undo?.event_id === event.event_id) {
      await context.db.transaction((tx) => confirm(tx, job, name))
    } else if (rolled_back_at === null && notes.undo?.outcome === 'in_doubt') {
      doubts.add(name)
      begun.push([name, notes.undo])
    }
  }
  return begun
}

/** Learns what became of what an earlier attempt began. */
const settle = async (job: Job, database: ServiceDatabase, name: string, note: UndoNote): Promise<void> => {
  const { context, limits, doubts, signal } = job
  const session = await reach(job, database, name)
  try {
    const transaction = { xid: note.xid ?? '', cluster: note.cluster ?? null }
    const fate = await fateOf(session, name, transaction, limits, signal)
    if (fate === 'unknown') {
      throw new UndoFailure(name, 'the connection was lost as it was committed, and its fate cannot be learnt')
    }
    doubts.delete(name)
    if (fate === 'committed') return await context.db.transaction((tx) => confirm(tx, job, name))
    await markUndo(job, name, note, { ...note, outcome: 'not_committed' })
    if ((note.tries ?? 1) >= LOST_TRIES) {
      throw new UndoFailure(name, `the connection was lost ${LOST_TRIES} times while it ran`)
    }
  } finally {
    await session.close()
  }
}

const reach = async (job: Job, database: ServiceDatabase, name: string): Promise<Session> => {
  try {
    return await connect(database.url, DATABASE_PATIENCE_MS, job.signal)
  } catch (error) {
    if (error instanceof Refused) throw new UndoFailure(name, error.message)
    throw error
  }
}

/**
 * What was applied since the judgement lies above what was judged, and nobody saw it: then nothing is undone below it.
 * What is not applied any more needs no undoing.
 */
const compareWithPlan = async (job: Job): Promise<void> => {
  const { context, event, plan, done, signal } = job
  const target = await context.db.prisma.deployments.findUniqueOrThrow({
    where: { deployment_id: event.target_deployment_id! },
  })
  const restored = { fence: target.fence, deployed_at: target.deployed_at ?? target.recorded_at }
  const until = performance.now() + DATABASE_PATIENCE_MS
  let found = await readMigrations(context, event, restored)
  while (found.database.state === 'unknown' && performance.now() < until) {
    await pause(BETWEEN_TRIES_MS, undefined, { signal })
    found = await readMigrations(context, event, restored)
  }
  if (found.database.state !== 'consistent') {
    throw new UndoFailure(null, found.database.detail ?? 'the state of migrations cannot be read')
  }
  for (const { name, has_rollback_script: scripted, obstacle } of found.newer) {
    if (!plan.includes(name)) throw new UndoFailure(null, `${name} was applied since this was judged`)
    if (!scripted) throw new UndoFailure(name, 'it has no rollback script any more')
    if (obstacle !== undefined) throw new UndoFailure(name, obstacle)
  }
  const applied = found.newer.map(({ name }) => name)
  for (const name of plan.filter((planned) => !done.has(planned) && !applied.includes(planned))) {
    await context.db.transaction((tx) => confirm(tx, job, name, 'gone'))
  }
}

const undoOne = async (job: Job, database: ServiceDatabase, name: string): Promise<void> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await tryOnce(job, database, name, tries)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      // It waited too long for a lock, or met another transaction: nothing of it was applied.
      const busy = ['55P03', '40P01', '40001'].includes(error.code)
      if (!busy || tries === LOCK_TRIES) throw new UndoFailure(name, reasonOf(error, job.limits))
      await pause(BETWEEN_TRIES_MS, undefined, { signal: job.signal })
    }
  }
}

const reasonOf = ({ code, message }: Refused, { script_ms, lock_ms }: UndoLimits): string => {
  if (code === '57014') return `it took longer than ${script_ms / 1000} seconds`
  if (code === '55P03') return `it waited longer than ${lock_ms / 1000} seconds for a lock, ${LOCK_TRIES} times`
  return `${message} (${code})`
}

const tryOnce = async (job: Job, database: ServiceDatabase, name: string, tries: number): Promise<void> => {
  const { context, event, limits, doubts, signal } = job
  const row = await context.db.transaction(async (tx) => {
    await stillLive(tx, job)
    return rowOf(tx, event, name)
  })
  if (row?.rollback_script == null) throw new UndoFailure(name, 'it has no rollback script any more')
  const session = await reach(job, database, name)
  const leave = (): void => session.destroy()
  signal.addEventListener('abort', leave, { once: true })
  try {
    signal.throwIfAborted()
    const transaction = await beginUndo(session, limits)
    const { undo: seen } = (row.metadata ?? {}) as MigrationNotes
    const before = seen?.event_id === event.event_id ? (seen.tries ?? 0) : 0
    const marker: UndoNote = {
      event_id: event.event_id,
      outcome: 'in_doubt',
      // Waiting for a lock once more is the same try.
      tries: tries === 1 ? before + 1 : before,
      ...transaction,
    }
    await markUndo(job, name, seen, marker)
    const bookkeeping = database.kind === 'ops' ? undoneInPlace(row.id, event.event_id) : null
    const result = await runUndo(session, { name, script: row.rollback_script, bookkeeping }, limits)
    await context.db.transaction(async (tx) => {
      await stillLive(tx, job)
      if (result === 'run') {
        doubts.add(name)
        await commitUndo(session)
      }
      await confirm(tx, job, name, result)
    })
    doubts.delete(name)
  } catch (error) {
    // What the database itself refused to commit is not in doubt.
    if (error instanceof Refused) doubts.delete(name)
    throw error
  } finally {
    signal.removeEventListener('abort', leave)
    await session.close()
  }
}

const rowOf = (tx: Tx, { service, environment }: RollbackRecord, name: string) =>
  tx.migration_history.findFirst({ where: { service, environment, migration_name: name } })

/** Nobody deploys between this and the end of the transaction. */
const stillLive = async (tx: Tx, { event }: Job): Promise<void> => {
  const live = await lockLive(tx, event.service, event.environment)
  const now = await tx.rollback_events.findUniqueOrThrow({ where: { event_id: event.event_id } })
  if (live.deployment_id !== event.replacement_deployment_id || !isOpen(now)) throw new Overtaken()
}

/** Only over what this attempt has seen: of two attempts that do not know of each other, one runs the script. */
const markUndo = async (
  { context, event }: Job,
  name: string,
  seen: UndoNote | undefined,
  marker: UndoNote,
): Promise<void> => {
  const expected = seen === undefined ? null : JSON.stringify(seen)
  const changed = await context.db.prisma.$executeRaw`
    UPDATE ops.migration_history
    SET metadata = jsonb_set(coalesce(metadata, '{}'), '{undo}', ${JSON.stringify(marker)}::jsonb)
    WHERE service = ${event.service} AND environment = ${event.environment} AND migration_name = ${name}
      AND rolled_back_at IS NULL AND metadata -> 'undo' IS NOT DISTINCT FROM ${expected}::jsonb`
  if (changed !== 1) throw new Error('Another attempt is undoing this migration; this one begins anew')
}

/** In the script's own transaction: whatever dies afterwards, the history says what the database says. */
const undoneInPlace = (id: bigint, eventId: string) => ({
  text: `UPDATE ops.migration_history SET rolled_back_at = clock_timestamp(), rollback_successful = true, error_message = NULL,
      metadata = jsonb_set(coalesce(metadata, '{}'), '{undo}', $2::jsonb)
    WHERE id = $1 AND rolled_back_at IS NULL RETURNING id`,
  values: [id, JSON.stringify({ event_id: eventId, outcome: 'undone' })],
})

/** Writes down that a migration is undone, once: the row, the audit trail, and how far it has come. */
const confirm = async (tx: Tx, job: Job, name: string, result: 'run' | 'gone' = 'run'): Promise<void> => {
  const { event, plan, done } = job
  done.add(name)
  const row = await rowOf(tx, event, name)
  if (row === null || ((row.metadata ?? {}) as MigrationNotes).undo?.audited === true) return
  const gone = result === 'gone'
  const note: UndoNote = { event_id: event.event_id, outcome: gone ? 'gone' : 'undone', audited: true }
  await tx.$executeRaw`
    UPDATE ops.migration_history SET
      rolled_back_at = coalesce(rolled_back_at, clock_timestamp()),
      rollback_successful = CASE WHEN ${gone} THEN rollback_successful ELSE true END,
      error_message = CASE WHEN ${gone} THEN error_message END, metadata = jsonb_set(coalesce(metadata, '{}'), '{undo}', ${JSON.stringify(note)}::jsonb)
    WHERE id = ${row.id}`
  const what = `Migration ${name} of ${event.service} in ${event.environment}`
  await audit(tx, {
    event_type: 'migration_undone',
    severity: 'warning',
    source: 'rollback',
    description: gone ? `${what} was not applied any more; its script was not run` : `${what} was undone`,
    deployment_id: event.deployment_id,
    metadata: { event_id: event.event_id, migration: name, hash: row.migration_hash },
  })
  const text = `${done.size} of ${plan.length} migrations undone`
  await keep(tx, event.event_id, {
    progress: json({ percent: Math.round((100 * done.size) / plan.length), text }),
  })
}

const finish = async ({ context, event, plan }: Job): Promise<UndoOutcome> => {
  const detail = `Undone, newest first: ${plan.join(', ')}`
  await context.db.transaction((tx) =>
    advance(tx, event.event_id, {
      moments: ['migrations_settled'],
      step: { step: STEP, status: 'completed', detail },
    }),
  )
  return { kind: 'settled', detail }
}

/** What was not undone is on record, and people are told; then the rollback ends or goes on, as configured. */
const giveUp = async (job: Job, failure: UndoFailure): Promise<UndoOutcome> => {
  const { context, event, on_failure } = job
  const outcome = await context.db.transaction(async (tx): Promise<{ outcome: UndoOutcome; keys: string[] }> => {
    await lockLive(tx, event.service, event.environment)
    const now = await tx.rollback_events.findUniqueOrThrow({ where: { event_id: event.event_id } })
    const before = endedBefore(now)
    if (before !== null) return { outcome: before, keys: [] }
    await markFailed(tx, job, failure)
    const detail = describe(job, failure)
    await audit(tx, {
      event_type: 'migration_undo_failed',
      severity: 'critical',
      source: 'rollback',
      description: detail,
      deployment_id: event.deployment_id,
      metadata: { event_id: event.event_id, migration: failure.migration, undone: [...job.done], plan: job.plan },
    })
    const key = await announce(tx, {
      kind: 'undo_failed',
      dedupe_key: `undo_failed:${event.event_id}`,
      service: event.service,
      environment: event.environment,
      deployment_id: event.replacement_deployment_id,
      event_id: event.event_id,
      payload: { reason: detail },
    })
    const overtaken = failure instanceof Overtaken
    if (on_failure === 'continue' && !overtaken) {
      const moments = ['migrations_settled'] as const
      await advance(tx, event.event_id, { moments, step: { step: STEP, status: 'failed', detail } })
      return { outcome: { kind: 'settled', detail }, keys: [key] }
    }
    const kind = overtaken ? 'superseded' : 'undo_failed'
    const end = await concludeInTransaction(tx, now, { kind, reason: detail, health: null, entropy: null }, STEP)
    return { outcome: { kind: 'ended', ...end }, keys: [key] }
  })
  await deliver(context, outcome.keys)
  return outcome.outcome
}

/** Writes to each row what is known of it: why it could not be undone, and what nobody can tell. */
const markFailed = async (tx: Tx, { event, plan, done, doubts }: Job, failure: UndoFailure): Promise<void> => {
  for (const name of plan.filter((planned) => !done.has(planned))) {
    const row = await rowOf(tx, event, name)
    const notes = (row?.metadata ?? {}) as MigrationNotes
    const failed = name === failure.migration
    if (row === null || (!failed && notes.undo?.outcome !== 'in_doubt')) continue
    await tx.migration_history.update({
      where: { id: row.id },
      data: {
        ...(failed ? { rollback_successful: doubts.has(name) ? null : false, error_message: failure.message } : {}),
        ...(doubts.has(name)
          ? {}
          : { metadata: json({ ...notes, undo: { event_id: event.event_id, outcome: 'failed' } }) }),
      },
    })
  }
}

/** `Undone: c. Not undone: b (column "x" does not exist), a.` */
const describe = ({ plan, done }: Job, failure: UndoFailure): string => {
  const undone = plan.filter((name) => done.has(name)).join(', ') || 'nothing'
  const left = plan.filter((name) => !done.has(name))
  const named = left.map((name) => (name === failure.migration ? `${name} (${failure.message})` : name)).join(', ')
  const why = failure.migration === null ? ` Why: ${failure.message}.` : ''
  return `Undone: ${undone}. Not undone: ${named || 'nothing'}.${why}`
}
