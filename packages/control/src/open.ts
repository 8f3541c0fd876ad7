import { setTimeout as pause } from 'node:timers/promises'
import type { TaskQueues, WorkflowTimings } from '@roman/contracts'
import { type Database, type Listener, listen, openDatabase, pendingMigrations, refuseNewerSchema } from '@roman/db'
import {
  every,
  type Logger,
  openTemporal,
  type RomanConfigSource,
  type RuntimeEnv,
  registerSearchAttributes,
  taskQueues,
  waitFor,
} from '@roman/runtime'
import type { ControlContext } from './context.ts'
import { ERRORS_CHANNEL } from './error-notifier.ts'
import { createRollbackWaiter, ROLLBACK_CHANNEL } from './rollback-waiter.ts'
import { createSnapshots } from './snapshots/create-snapshots.ts'
import { createTemporalGateway } from './temporal-gateway.ts'

/** The use-cases' real parts, for a process. */
export interface OpenedControl {
  context: ControlContext
  listener: Listener
  queues: TaskQueues
  close(): Promise<void>
}

export interface OpenOptions {
  /** As PostgreSQL shows it, after `roman-`. */
  name: string
  /** Whether the process is of no use without Temporal: the worker is, the API still queues. */
  needsTemporal: boolean
}

const timingsOf = (env: Pick<RuntimeEnv, 'heartbeat_ms'>): WorkflowTimings => ({
  heartbeat_ms: env.heartbeat_ms,
  retry_initial_ms: 200,
  retry_max_ms: 10_000,
})

/** A rollback for exhausted connections needs connections: one for its transaction, one for what is read beside it. */
const CONNECTIONS_KEPT = 2
/** Between two looks at which services are configured now. */
const HOLD_MS = 10_000

type Closer = () => unknown

/** Waits, bounded, for what the process cannot do without, saying what it waits for. What was opened by then is closed. */
export const openControl = async (
  env: RuntimeEnv,
  config: RomanConfigSource,
  log: Logger,
  options: OpenOptions,
): Promise<OpenedControl> => {
  const closers: Closer[] = []
  // The latest first: it rests on what came before it. One that fails keeps no other from being closed.
  const close = async (): Promise<void> => {
    for (const end of closers.splice(0).reverse()) {
      try {
        await end()
      } catch (error) {
        log.warn({ reason: (error as Error).message }, 'Something could not be closed')
      }
    }
  }
  try {
    return { ...(await openParts(env, config, log, options, (end) => closers.push(end))), close }
  } catch (error) {
    await close()
    throw error
  }
}

const openParts = async (
  env: RuntimeEnv,
  config: RomanConfigSource,
  log: Logger,
  { name, needsTemporal }: OpenOptions,
  onClose: (closer: Closer) => void,
): Promise<Omit<OpenedControl, 'close'>> => {
  const db = openDatabase(env.database_url, { applicationName: `roman-${name}`, connectionsKept: CONNECTIONS_KEPT })
  onClose(() => db.close())
  const patience = { timeoutMs: env.startup_timeout_ms, log }
  await waitFor('PostgreSQL', 'Start it, or correct DATABASE_URL.', () => requireSchema(db), patience)
  // No waiting mends that.
  await refuseNewerSchema(db.pool)
  await db.hold()

  // Held open from the start: one to look through, one to write with, also when the server has no room any more.
  const snapshotDb = openDatabase(env.database_url, {
    applicationName: `roman-${name}-snapshots`,
    connectionsMax: 2,
    connectionsKept: 2,
  })
  onClose(() => snapshotDb.close())
  // They are tried again; a process that can do everything else starts without.
  await snapshotDb.hold().catch((error) => log.warn({ reason: error.message }, 'No connections for snapshots yet'))
  const snapshots = createSnapshots({ db: snapshotDb, config, env, takenBy: name, log })
  onClose(() => snapshots.close())
  // Those of the services, too: a rollback may be needed because one is full, and by then it is too late to connect.
  const holding = every(HOLD_MS, 'hold', async () => snapshots.hold(), log)
  onClose(() => holding.stop())

  const { client, connection } = openTemporal(env.temporal)
  onClose(() => connection.close())
  const stopping = new AbortController()
  // An attempt that is under way is not waited for: it ends with the connection.
  onClose(() => stopping.abort())
  let searchAttributes = false
  const register = async (): Promise<void> => {
    searchAttributes = await registerSearchAttributes(connection, env.temporal.namespace, log)
  }
  if (needsTemporal) await waitFor('Temporal', 'Start it, or correct TEMPORAL_ADDRESS.', register, patience)
  else void whenTemporalAnswers(stopping.signal, log, register)

  const queues = taskQueues(env)
  const listener = listen(env.database_url, [ERRORS_CHANNEL, ROLLBACK_CHANNEL], (state) => {
    if (state === 'lost')
      log.warn('Notifications are lost for now (is there a transaction pooler?); the tick alone watches')
    else log.debug('Listening for notifications')
  })
  onClose(() => listener.close())
  return {
    context: {
      db,
      temporal: createTemporalGateway(
        client,
        connection,
        { task_queues: queues, timings: timingsOf(env) },
        () => searchAttributes,
      ),
      config,
      log,
      rollbacks: createRollbackWaiter(db, listener),
      snapshots,
      secret: env.secret,
    },
    listener,
    queues,
  }
}

const TRY_AGAIN_MS = 5_000

/** Runs `attempt` until it succeeds or the process stops. Says once that it is waiting. */
const whenTemporalAnswers = async (stopping: AbortSignal, log: Logger, attempt: () => Promise<void>): Promise<void> => {
  for (let tries = 0; !stopping.aborted; tries += 1) {
    try {
      return await attempt()
    } catch (error) {
      if (stopping.aborted) return
      if (tries === 0)
        log.warn(
          { reason: (error as Error).message },
          'Temporal does not answer; what is recorded is queued until it does',
        )
      await pause(TRY_AGAIN_MS, undefined, { signal: stopping }).catch(() => {})
    }
  }
}

/**
 * Migrations are applied by whoever deploys us (`roman migrate`, `roman dev`); everything else waits for them. A role that
 * may not write, or from which row-level security hides everything, would fail later and elsewhere: it is named here.
 */
const requireSchema = async (db: Database): Promise<void> => {
  const { rows } = await db.pool.query<{ role: string; able: boolean }>(`
    SELECT current_user AS role,
      has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'UPDATE') AND (
        NOT row_security_active(c.oid)
        OR EXISTS (SELECT FROM pg_policy p JOIN pg_roles r ON r.oid = ANY (p.polroles) WHERE p.polrelid = c.oid AND p.polcmd = '*' AND pg_has_role(r.oid, 'USAGE'))
      ) AS able
    FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid WHERE n.nspname = 'ops' AND c.relname = 'live'`)
  const [found] = rows
  if (found?.able === false)
    throw new Error(
      `Role "${found.role}" may not write the ops schema; as a superuser: GRANT service_role TO "${found.role}".`,
    )
  const pending = await pendingMigrations(db.pool)
  if (pending.length > 0) throw new Error(`The ops schema lacks ${pending.join(', ')}; run "roman migrate".`)
}
