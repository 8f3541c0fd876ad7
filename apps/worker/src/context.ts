import path from 'node:path'
import type { TaskQueues } from '@roman/contracts'
import { type ControlContext, openControl, storeLogs, storeSourceReading } from '@roman/control'
import { type Database, openDatabase } from '@roman/db'
import { createHealthSource, createSourcePool, type SourcePool } from '@roman/health'
import { environmentOf, type Logger, type RomanConfigSource, type RuntimeEnv } from '@roman/runtime'
import { createDeployerSource, type DeployerSource } from './deployer-source.ts'
import { createSampler, type Sampler } from './sampler/sampler.ts'

/** All that the worker is made of. Tests replace parts. */
export interface WorkerContext {
  control: ControlContext
  deployers: DeployerSource
  sampler: Sampler
  sources: SourcePool
  queues: TaskQueues
  close(): Promise<void>
}

export interface WorkerOverrides {
  deployers?: DeployerSource
}

/** Waits, bounded, for PostgreSQL and Temporal, then wires the parts. */
export const createWorkerContext = async (
  env: RuntimeEnv,
  config: RomanConfigSource,
  log: Logger,
  overrides: WorkerOverrides = {},
): Promise<WorkerContext> => {
  const opened = await openControl(env, config, log, { name: 'worker', needsTemporal: true })
  const control = opened.context
  // Held open from the start: a server that is full must not shut out who should notice it.
  const samplerDb = openDatabase(env.database_url, {
    applicationName: 'roman-sampler',
    connectionsMax: 2,
    connectionsKept: 2,
  })
  await samplerDb.hold()
  const sources = createSources(config, env, control.db, log)
  const sampler = createSampler({ db: samplerDb, listener: opened.listener, sources, log })
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
    sources,
    queues: opened.queues,
    close: async () => {
      await sampler.stop()
      await sources.close()
      await samplerDb.close()
      await opened.close()
    },
  }
}

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
    configuredAs: (service, environment) => {
      const found = config.current().services[service]?.environments[environment]
      return JSON.stringify(found?.health ?? null)
    },
    onFailures: async (service, environment, failures) => {
      // Two workers that probe the same service store one row for a moment.
      await storeLogs(
        db,
        failures.map(({ message, idempotency_key }) => ({
          service,
          environment,
          severity: 'error',
          source: 'health:http',
          message,
          idempotency_key,
        })),
      )
    },
    onLatest: (service, environment, latest, freshMs) =>
      storeSourceReading(db, { service, environment }, latest, freshMs).catch((error) =>
        log.warn({ service, environment, reason: (error as Error).message }, 'What health sources say was not kept'),
      ),
    log,
  })
