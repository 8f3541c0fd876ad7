import path from 'node:path'
import type { TaskQueues, WorkflowTimings } from '@roman/contracts'
import {
  type ControlContext,
  createRollbackWaiter,
  createTemporalGateway,
  ERRORS_CHANNEL,
  ROLLBACK_CHANNEL,
} from '@roman/control'
import { type Database, type Listener, listen, openDatabase } from '@roman/db'
import { createHealthSource, createSourcePool, type SourcePool } from '@roman/health'
import {
  environmentOf,
  type Logger,
  openTemporal,
  type RomanConfigSource,
  type RuntimeEnv,
  registerSearchAttributes,
  taskQueues,
  waitFor,
} from '@roman/runtime'
import { createDeployerSource, type DeployerSource } from './deployer-source.ts'
import { createSampler, type Sampler } from './sampler/sampler.ts'

/** All that the worker is made of. Tests replace parts. */
export interface WorkerContext {
  control: ControlContext
  deployers: DeployerSource
  sampler: Sampler
  queues: TaskQueues
  close(): Promise<void>
}

export interface WorkerOverrides {
  deployers?: DeployerSource
}

export const timingsOf = (env: Pick<RuntimeEnv, 'heartbeat_ms'>): WorkflowTimings => ({
  heartbeat_ms: env.heartbeat_ms,
  retry_initial_ms: 200,
  retry_max_ms: 10_000,
})

/** Waits, bounded, for PostgreSQL and Temporal, then wires the parts. */
export const createWorkerContext = async (
  env: RuntimeEnv,
  config: RomanConfigSource,
  log: Logger,
  overrides: WorkerOverrides = {},
): Promise<WorkerContext> => {
  const db = openDatabase(env.database_url, { applicationName: 'roman-worker' })
  // Held open from the start: a server that is full must not shut out who should notice it.
  const samplerDb = openDatabase(env.database_url, {
    applicationName: 'roman-sampler',
    connectionsMax: 2,
    keepOpen: true,
  })
  const patience = { timeoutMs: env.startup_timeout_ms, log }
  await waitFor('PostgreSQL', 'Start it, or correct DATABASE_URL.', () => ready(db), patience)
  await waitFor('PostgreSQL', 'Start it, or correct DATABASE_URL.', () => samplerDb.pool.query('SELECT 1'), patience)

  const queues = taskQueues(env)
  const { client, connection } = openTemporal(env.temporal)
  let searchAttributes = false
  await waitFor(
    'Temporal',
    'Start it, or correct TEMPORAL_ADDRESS.',
    async () => {
      searchAttributes = await registerSearchAttributes(connection, env.temporal.namespace, log)
    },
    patience,
  )
  const listener = listenAloud(env.database_url, log)
  const control: ControlContext = {
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
  }
  const sources = createSources(config, env, db, log)
  const sampler = createSampler({ db: samplerDb, listener, sources, log })
  const deployers =
    overrides.deployers ??
    createDeployerSource(config, {
      stateDir: env.state_dir,
      baseDir: path.dirname(env.config_file),
      env: env.variables,
    })
  return {
    control,
    deployers,
    sampler,
    queues,
    close: async () => {
      await sampler.stop()
      await sources.close()
      await listener.close()
      await connection.close()
      await samplerDb.close()
      await db.close()
    },
  }
}

/** Migrations are applied by whoever deploys us (`roman migrate`, `dev`); the worker waits until they are there. */
const ready = async (db: Database): Promise<void> => {
  await db.pool.query('SELECT 1')
  const { rows } = await db.pool.query(`SELECT to_regclass('ops.guard_verdicts') AS name`)
  if (rows[0].name === null) throw new Error('The ops schema is missing; run "roman migrate".')
}

const listenAloud = (url: string, log: Logger): Listener =>
  listen(url, [ERRORS_CHANNEL, ROLLBACK_CHANNEL], (state) => {
    if (state === 'lost')
      log.warn('Notifications are lost for now (is there a transaction pooler?); the tick alone watches')
    else log.debug('Listening for notifications')
  })

/** Sickness that a source sees by asking the service itself becomes an error row of the service, and is judged like any other. */
const createSources = (config: RomanConfigSource, env: RuntimeEnv, db: Database, log: Logger): SourcePool =>
  createSourcePool({
    sourcesOf: (service, environment) => {
      try {
        return environmentOf(config.current(), service, environment)
          .config.health.map((source) => createHealthSource(source, { secret: env.secret }))
          .filter((source) => source !== null)
      } catch {
        // The environment was taken out of roman.yaml; what is live there is still watched by its errors.
        return []
      }
    },
    onFailures: (service, environment, failures) => {
      db.prisma.system_logs
        .createMany({
          data: failures.map(({ message, idempotency_key }) => ({
            service,
            environment,
            severity: 'error',
            source: 'health:http',
            message,
            idempotency_key,
          })),
          skipDuplicates: true,
        })
        .catch((error) => log.warn({ reason: (error as Error).message }, 'A failed probe was not recorded'))
    },
    log,
  })
