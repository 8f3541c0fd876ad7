import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Call, type Control, createControl, openControl } from '@roman/control'
import type { Database } from '@roman/db'
import { createLogger, fixedRomanConfig, loadEnv, openTemporal, parseRomanConfig } from '@roman/runtime'
import { createWorkerContext, readBundle, startWorker, type WorkerOverrides } from '@roman/worker'
import { NativeConnection } from '@temporalio/worker'
import type { Servers } from './servers.ts'

export type TemporalClient = ReturnType<typeof openTemporal>['client']

/** One installation of the product: a database and task queues of its own, a worker, and the use-cases as an API has them. */
export interface Installation {
  control: Control
  db: Database
  temporal: TemporalClient
  /** The worker's. */
  connection: NativeConnection
  queues: { main: string; monitor: string }
  /** Records that a version is live now. Answers the deployment's id. */
  deploy(where: { service: string; environment: string }, version: string): Promise<string>
  close(): Promise<void>
}

export const CALL: Call = { actor: { kind: 'service_key', user_id: null }, idempotency_key: null }

/** Everything else is as an operator who configures nothing has it: heartbeats, the tick, the reconciler, the sweep. */
export const install = async (
  servers: Servers,
  romanYaml: unknown,
  overrides: WorkerOverrides = {},
): Promise<Installation> => {
  const name = randomBytes(4).toString('hex')
  const stateDir = join(servers.directory, name)
  await mkdir(stateDir)
  const env = loadEnv({
    DATABASE_URL: await servers.createDatabase(),
    TEMPORAL_ADDRESS: servers.temporalAddress,
    ROMAN_STATE_DIR: stateDir,
    ROMAN_CONFIG: join(stateDir, 'roman.yaml'),
    ROMAN_TASK_QUEUE_PREFIX: `${name}-`,
  })
  // What it logs would stand between the lines on stdout.
  const log = createLogger('bench', 'silent')
  const config = fixedRomanConfig(parseRomanConfig(JSON.stringify(romanYaml), 'roman.yaml'))
  const context = await createWorkerContext(env, config, log, overrides)
  const connection = await NativeConnection.connect({ address: env.temporal.address })
  const worker = await startWorker(context, connection, await readBundle(), env, log)
  const api = await openControl(env, config, log, { name: 'bench', needsTemporal: true })
  const control = createControl(api.context)
  const temporal = openTemporal(env.temporal)
  return {
    control,
    db: api.context.db,
    temporal: temporal.client,
    connection,
    queues: context.queues,
    async deploy(where, version) {
      const { body } = await control.recordDeployment(
        { ...where, version, git_commit: commitOf(version), git_branch: 'main', status: 'in_progress' },
        CALL,
      )
      return body.deployment_id
    },
    async close() {
      await worker.stop()
      await connection.close()
      await temporal.connection.close()
      await api.close()
      await context.close()
    },
  }
}

/** A commit hash that is the same for the same version. */
const commitOf = (version: string): string => Buffer.from(version.padEnd(20, '.')).toString('hex').slice(0, 40)

/** Errors of a version, as its service would log them. */
export const errorsOf = (
  where: { service: string; environment: string },
  version: string,
  count: number,
  more: { idempotency_key?: string } = {},
): object[] =>
  Array.from({ length: count }, () => ({
    ...where,
    version,
    severity: 'error',
    message: 'TypeError: cannot read properties of undefined (reading "coupon")',
    ...more,
  }))
