import { randomUUID } from 'node:crypto'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RecordDeploymentRequest } from '@roman/contracts'
import { type Control, createControl } from '@roman/control'
import { openDatabase } from '@roman/db'
import { createLogger, fixedRomanConfig, loadEnv, parseRomanConfig, type RuntimeEnv } from '@roman/runtime'
import { asApplication, testDatabase, testTemporal, waitFor } from '@roman/testing'
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker'
import { afterAll, expect } from 'vitest'
import { createWorkerContext, readBundle, startWorker, type WorkerContext, type WorkerOverrides } from '../src/index.ts'
import { recordHistories } from './record-histories.ts'

const HISTORIES = fileURLToPath(new URL('./histories', import.meta.url))
let beds = 0
const nextBed = (): number => {
  beds += 1
  return beds
}

Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] })

export interface TestEnvironment {
  /** All alike; one called storefront unless given. */
  services?: string[]
  deployer?: string
  mode?: 'auto' | 'ask' | 'observe'
  watch?: Partial<
    Record<
      | 'window_seconds'
      | 'verify_seconds'
      | 'drain_seconds'
      | 'auto_rollback_within_seconds'
      | 'verify_deadline_seconds',
      number
    >
  >
  decision_wait_seconds?: number
  thresholds?: Record<string, number | string>
  /** What differs in single services, as roman.yaml has it. */
  differs?: Record<string, object>
}

const SHORT_WATCH = {
  // Recording takes a snapshot; on a slow machine one second would be over before the first error is put in.
  window_seconds: 2,
  verify_seconds: 1,
  drain_seconds: 0,
  auto_rollback_within_seconds: 3,
  verify_deadline_seconds: 6,
}

type Admin = ReturnType<typeof openDatabase>['pool']

export interface TestBed {
  env: RuntimeEnv
  context: WorkerContext
  control: Control
  configText: string
  /** Connections of the superuser's, for what the application itself may not do. */
  admin: Admin
  temporal: Awaited<ReturnType<typeof testTemporal>>
  /** Records a deployment that is live now. */
  deploy(version: string, more?: Partial<RecordDeploymentRequest>): Promise<string>
  /** Puts so many errors of a version in at once. */
  fail(version: string, count: number, more?: Record<string, unknown>): Promise<void>
  status(deploymentId: string): Promise<string>
  untilStatus(deploymentId: string, status: string, timeoutMs?: number): Promise<void>
  untilPhase(deploymentId: string, phase: string, timeoutMs?: number): Promise<void>
  /** The newest rollback event of a deployment, once there is one that fits. */
  untilRollback(
    deploymentId: string,
    fits: (event: { status: string; event_id: string; phase: string }) => boolean,
    timeoutMs?: number,
  ): Promise<string>
}

export const CALL = { actor: { kind: 'service_key', user_id: null }, idempotency_key: null } as const

export const romanYaml = ({
  services = ['storefront'],
  deployer,
  mode = 'auto',
  watch,
  decision_wait_seconds = 20,
  thresholds = {},
  differs = {},
}: TestEnvironment = {}): string => {
  const production = {
    deployer: JSON.parse(deployer ?? '{"type":"command","argv":["/bin/true"]}'),
    mode,
    watch: { ...SHORT_WATCH, ...watch },
    decision_wait_seconds,
    thresholds,
  }
  return JSON.stringify({
    services: Object.fromEntries(
      services.map((service) => [service, { environments: { production: { ...production, ...differs[service] } } }]),
    ),
  })
}

/**
 * The environment of a worker of its own: database, task queues and state directory. It runs as a login that is a
 * service_role and nothing more, so that every spec proves that the application needs no other rights; but for a database
 * that is given.
 */
export const testEnv = async (
  given: { databaseUrl?: string; variables?: Record<string, string> } = {},
): Promise<{ env: RuntimeEnv; variables: Record<string, string>; admin: Admin }> => {
  const database = given.databaseUrl === undefined ? await testDatabase() : null
  const temporal = await testTemporal()
  const stateDir = await mkdtemp(path.join(tmpdir(), 'roman-test-'))
  const variables = {
    PATH: process.env.PATH ?? '',
    DATABASE_URL: database === null ? given.databaseUrl! : await asApplication(database),
    TEMPORAL_ADDRESS: temporal.address,
    ROMAN_STATE_DIR: stateDir,
    ROMAN_CONFIG: path.join(stateDir, 'roman.yaml'),
    ROMAN_TASK_QUEUE_PREFIX: `${randomUUID()}-`,
    ROMAN_HEARTBEAT_MS: '1500',
    ROMAN_RECONCILE_MS: '500',
    LOG_LEVEL: process.env.ROMAN_TEST_LOG ?? 'fatal',
    ...given.variables,
  }
  const admin = openDatabase(database?.url ?? given.databaseUrl!, { connectionsMax: 2 })
  afterAll(() => admin.close())
  return { env: loadEnv(variables), variables, admin: admin.pool }
}

/** A worker in this process, on real PostgreSQL and Temporal; closed after the file's last test. */
export const startTestBed = async (
  environment: TestEnvironment = {},
  overrides: WorkerOverrides & { worker?: boolean; databaseUrl?: string; variables?: Record<string, string> } = {},
): Promise<TestBed> => {
  const { env, admin } = await testEnv(overrides)
  const configText = romanYaml(environment)
  const log = createLogger('test', env.log_level)
  const context = await createWorkerContext(
    env,
    fixedRomanConfig(parseRomanConfig(configText, 'roman.yaml')),
    log,
    overrides,
  )
  // Hooks run last first: the worker stops while what it needs is still open.
  afterAll(() => context.close())
  if (overrides.worker !== false) {
    const connection = await NativeConnection.connect({ address: env.temporal.address })
    const worker = await startWorker(context, connection, await readBundle(), env, log)
    const recordAs =
      process.env.ROMAN_RECORD_HISTORIES === '1'
        ? `${path.basename(expect.getState().testPath ?? '', '.int.spec.ts')}-${nextBed()}`
        : null
    afterAll(async () => {
      if (recordAs !== null)
        await recordHistories((await testTemporal()).client, context.queues.main, HISTORIES, recordAs)
      await worker.stop()
      await connection.close()
    })
  }
  return bedOf(env, context, configText, admin)
}

export const bedOf = async (
  env: RuntimeEnv,
  context: WorkerContext,
  configText: string,
  admin: Admin,
): Promise<TestBed> => {
  const control = createControl(context.control)
  const status = async (id: string) => (await control.showDeployment(id)).status
  return {
    env,
    context,
    control,
    configText,
    admin,
    temporal: await testTemporal(),
    async deploy(version, more = {}) {
      const { body } = await control.recordDeployment(
        {
          environment: 'production',
          version,
          git_commit: commitOf(version),
          git_branch: 'main',
          status: 'in_progress',
          ...more,
        },
        CALL,
      )
      return body.deployment_id
    },
    async fail(version, count, more = {}) {
      const errors = Array.from({ length: count }, (_, index) => ({
        environment: 'production',
        severity: 'error',
        message: `TypeError: cannot read coupon (${index})`,
        version,
        ...more,
      }))
      const answer = await control.ingestErrors(errors)
      if (answer.accepted !== count) throw new Error(`Errors were refused: ${JSON.stringify(answer.rejected)}`)
    },
    status,
    untilStatus: async (id, wanted, timeoutMs = 15_000) => {
      await waitFor(async () => (await status(id)) === wanted, {
        timeoutMs,
        describe: `deployment ${id} to be ${wanted}`,
      })
    },
    untilPhase: async (id, phase, timeoutMs = 15_000) => {
      await waitFor(async () => (await control.showDeployment(id)).guard?.phase === phase, {
        timeoutMs,
        describe: `guard of ${id} to be ${phase}`,
      })
    },
    async untilRollback(id, fits, timeoutMs = 20_000) {
      let found: string | undefined
      await waitFor(
        async () => {
          const event = await context.control.db.prisma.rollback_events.findFirst({
            where: { deployment_id: id },
            orderBy: { id: 'desc' },
          })
          if (event !== null && fits(event)) found = event.event_id
          return found !== undefined
        },
        { timeoutMs, describe: `a rollback of ${id}` },
      )
      return found!
    },
  }
}

/** A commit hash that is the same for the same version. */
export const commitOf = (version: string): string => Buffer.from(version.padEnd(20, '.')).toString('hex').slice(0, 40)

export const ended = ({ status }: { status: string }): boolean => ['success', 'failed', 'aborted'].includes(status)
