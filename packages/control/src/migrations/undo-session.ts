import { setTimeout as pause } from 'node:timers/promises'
import { openSession, type Session } from '@roman/db'
import { withoutSecrets } from '@roman/snapshots'

/** What a database said may be long; this much of it is kept. */
const MESSAGE_MAX = 2_000

/** The service's database said no: what was under way is rolled back. `code` is its SQLSTATE. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly code: string

  constructor(code: string, message: string) {
    super(withoutSecrets(message).slice(0, MESSAGE_MAX))
    this.code = code
  }
}

/** Without what it takes to undo one migration. Bounds in milliseconds. */
export interface UndoLimits {
  script_ms: number
  lock_ms: number
}

/** Which transaction was about to be committed, so that its fate can be asked for later. */
export interface TransactionId {
  xid: string
  /** The cluster that it ran on; null where it does not say. */
  cluster: string | null
}

export interface Undoing {
  name: string
  script: string
  /** SQL of ours that belongs into the same transaction, where the ops schema lies in the same database. */
  bookkeeping: { text: string; values: unknown[] } | null
}

const STATEMENT_MS = 5_000
const BETWEEN_LOOKS_MS = 250
const BETWEEN_CONNECTS_MS = 1_000
/** Beyond the server's own bounds: it is the server that should say that the time was over. */
const MARGIN_MS = 5_000
const IDLE = '30s'

/** A connection that ended, or a server that is going away: what becomes of the work is to be asked later. */
const LOST = /^(08...|57P0[1-5]|53300|25P03)$/
/** No waiting helps: wrong password, no such database or role. */
const HOPELESS = /^(28...|3D000|42501)$/

const stateOf = (error: unknown): string | null => {
  const { code, severity } = error as { code?: unknown; severity?: unknown }
  return typeof code === 'string' && typeof severity === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : null
}

const ask = async <Row extends object>(
  session: Session,
  text: string,
  values: unknown[] = [],
  timeoutMs = STATEMENT_MS,
): Promise<Row[]> => {
  try {
    return await session.query<Row>(text, values, timeoutMs)
  } catch (error) {
    const code = stateOf(error)
    if (code !== null && !LOST.test(code)) throw new Refused(code, (error as Error).message)
    throw new Error(`The connection to the service's database was lost: ${(error as Error).message}`, { cause: error })
  }
}

/** Connects, trying for a while: what exhausted the database may just have been taken off it. */
export const connect = async (url: string, patienceMs: number, signal: AbortSignal): Promise<Session> => {
  const until = performance.now() + patienceMs
  for (;;) {
    try {
      return await openSession(url, {
        applicationName: 'roman-undo',
        connectTimeoutMs: STATEMENT_MS,
        queryTimeoutMs: STATEMENT_MS,
      })
    } catch (error) {
      signal.throwIfAborted()
      const code = stateOf(error)
      if ((code !== null && HOPELESS.test(code)) || performance.now() > until) {
        throw new Refused(code ?? '08001', `The service's database cannot be reached: ${(error as Error).message}`)
      }
      await pause(BETWEEN_CONNECTS_MS, undefined, { signal })
    }
  }
}

/** Opens the script's transaction, and says which it is before anything is done in it. */
export const beginUndo = async (session: Session, { script_ms, lock_ms }: UndoLimits): Promise<TransactionId> => {
  // So that a server notices at once when we die; not every platform can.
  await session.query(`SET client_connection_check_interval = '1s'`).catch(() => {})
  const cluster = await session
    .query<{ id: string }>('SELECT system_identifier::text AS id FROM pg_control_system()')
    .catch(() => [])
  await ask(session, 'BEGIN')
  await ask(
    session,
    `SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true),
       set_config('idle_in_transaction_session_timeout', $3, true)`,
    [`${script_ms}ms`, `${lock_ms}ms`, IDLE],
  )
  const [row] = await ask<{ xid: string }>(session, 'SELECT pg_current_xact_id()::text AS xid')
  return { xid: row!.xid, cluster: cluster[0]?.id ?? null }
}

/**
 * Runs one script in the open transaction, and marks the migration in the service's own `_prisma_migrations` as
 * `prisma migrate resolve --rolled-back` does, so that `prisma migrate deploy` applies it again. Commits nothing.
 * `gone`: the table says that it is not applied any more, and the script was not run.
 */
export const runUndo = async (session: Session, undoing: Undoing, limits: UndoLimits): Promise<'run' | 'gone'> => {
  const marked = await lockInPrismaTable(session, undoing.name)
  if (marked === 'gone') return 'gone'
  await ask(session, `SELECT set_config('roman.undo_script', $1, true)`, [undoing.script])
  // In a function a script cannot commit: PostgreSQL refuses it, whole.
  await ask(
    session,
    `DO $roman$ BEGIN EXECUTE current_setting('roman.undo_script'); END $roman$`,
    [],
    limits.script_ms + MARGIN_MS,
  )
  // What was put off to the commit fails here, where it is known that nothing was committed.
  await ask(session, 'SET CONSTRAINTS ALL IMMEDIATE', [], limits.script_ms + MARGIN_MS)
  if (marked === 'in_force') {
    await ask(
      session,
      'UPDATE public._prisma_migrations SET rolled_back_at = clock_timestamp() WHERE migration_name = $1 AND rolled_back_at IS NULL',
      [undoing.name],
    )
  }
  if (undoing.bookkeeping !== null) {
    const { text, values } = undoing.bookkeeping
    const changed = await ask(session, text, values)
    if (changed.length !== 1) throw new Refused('P0001', `${undoing.name} was recorded anew meanwhile`)
  }
  return 'run'
}

const lockInPrismaTable = async (session: Session, name: string): Promise<'in_force' | 'unknown' | 'gone'> => {
  const [table] = await ask<{ name: string | null }>(
    session,
    `SELECT to_regclass('public._prisma_migrations')::text AS name`,
  )
  if (table?.name == null) return 'unknown'
  const rows = await ask<{ rolled_back_at: Date | null }>(
    session,
    'SELECT rolled_back_at FROM public._prisma_migrations WHERE migration_name = $1 FOR UPDATE',
    [name],
  )
  if (rows.length === 0) return 'unknown'
  return rows.some((row) => row.rolled_back_at === null) ? 'in_force' : 'gone'
}

export const commitUndo = async (session: Session): Promise<void> => {
  await ask(session, 'COMMIT')
}

/** What became of a transaction whose commit nobody heard of. Waits for one that is still under way. */
export const fateOf = async (
  session: Session,
  name: string,
  { xid, cluster }: TransactionId,
  limits: UndoLimits,
  signal: AbortSignal,
): Promise<'committed' | 'aborted' | 'unknown'> => {
  const [here] = await session
    .query<{ id: string }>('SELECT system_identifier::text AS id FROM pg_control_system()')
    .catch(() => [])
  if (cluster !== null && here !== undefined && here.id !== cluster) return 'unknown'
  const until = performance.now() + limits.script_ms + limits.lock_ms + MARGIN_MS
  for (;;) {
    const status = await statusOf(session, xid)
    if (status === 'aborted') return 'aborted'
    if (status === 'committed') {
      // After a failover that lost the end of the log, the number may be another's by now.
      return (await lockInPrismaTable(session, name)) === 'in_force' ? 'unknown' : 'committed'
    }
    if (status === null || performance.now() > until) return 'unknown'
    await pause(BETWEEN_LOOKS_MS, undefined, { signal })
  }
}

const statusOf = async (session: Session, xid: string): Promise<'committed' | 'aborted' | 'in progress' | null> => {
  try {
    const [row] = await ask<{ status: 'committed' | 'aborted' | 'in progress' | null }>(
      session,
      'SELECT pg_xact_status($1::xid8) AS status',
      [xid],
    )
    return row?.status ?? null
  } catch (error) {
    // A number that this server has not come to yet: it was another's.
    if (error instanceof Refused) return null
    throw error
  }
}
