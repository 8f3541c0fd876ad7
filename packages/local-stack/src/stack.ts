import { join } from 'node:path'
import { takeDataDirectory } from './data-directory.ts'
import { claimPort } from './ports.ts'
import { type ReadyReport, removeReadyFile, startAnnouncing, writeReadyFile } from './ready-file.ts'
import { keepServiceKey } from './service-key.ts'
import { type AppProcess, type StackSource, startApps } from './stack-apps.ts'
import { openDatabase, openTemporal } from './stack-servers.ts'
import type { Environment } from './supervise-process.ts'

/** Where everything is, for those who configure the apps. */
export interface StackAddresses {
  apiPort: number
  apiUrl: string
  dashboardUrl: string
  /** The superuser's where the database is ours. */
  databaseUrl: string
  temporalAddress: string
  temporalUiUrl: string | null
  serviceKey: string
}

export interface StackOptions {
  /** Kept from one run to the next, for one stack at a time. */
  dataDir: string
  /** Empties the data directory first; a database that was given is never touched. */
  fresh?: boolean
  readyFile?: string
  /** Free ones unless given. */
  ports?: {
    api?: number | undefined
    postgres?: number | undefined
    temporal?: number | undefined
    temporalUi?: number | undefined
  }
  /** Servers that run already: used, never started, emptied or stopped. */
  given?: { databaseUrl?: string | undefined; temporalAddress?: string | undefined; temporalUiUrl?: string | undefined }
  /** Made and kept in the data directory unless given. */
  serviceKey?: string | undefined
  /** For the programs that are found through it (PATH, HOME, pip's settings). The apps get only their own `env`. */
  env: Environment
  migrate: (databaseUrl: string) => Promise<unknown>
  /** The app processes in the order of their start; null leaves one out. */
  apps: (addresses: StackAddresses) => { worker: AppProcess; api: AppProcess; discord: AppProcess | null }
  /**
   * Whether the apps answer, as by the API's /readyz. Asked until it says yes, at the start and after every restart; the
   * pids are for telling a worker that polls from its predecessor, whom Temporal remembers for a while.
   */
  isReady: (report: ReadyReport) => Promise<boolean>
  log: (source: StackSource, line: string) => void
  /** Ends the start half-way; what was started is stopped before the rejection. */
  signal?: AbortSignal
}

export interface Stack extends StackAddresses {
  /** As it is now: pids change when processes are restarted. */
  report(): ReadyReport
  /** Stops all in order (Discord, API, worker, Temporal, PostgreSQL) and gives the data directory back. */
  stop(): Promise<void>
}

/**
 * Starts the whole stack as separate processes, each restarted when it dies, and resolves once everything answers.
 * @throws Error that says what could not start and the way out; nothing is left running then.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { given = {}, ports = {}, readyFile, log, signal } = options
  /** In order of start; stopped from the last to the first. */
  const stops: (() => unknown)[] = []
  let stopping: Promise<void> | undefined
  const stop = () => {
    stopping ??= (async () => {
      for (const stopOne of stops.reverse()) await stopOne()
    })()
    return stopping
  }
  let onRestart = () => {}

  try {
    const data = await takeDataDirectory(options.dataDir, { fresh: options.fresh, signal })
    stops.push(data.release)
    if (readyFile) removeReadyFile(readyFile)
    const apiPort = await claimPort(ports.api, 'for the API', '--api-port')
    if (options.fresh && given.databaseUrl) log('dev', 'The database was given, so only our own data was emptied.')

    const common = { onRestart: () => onRestart(), signal }
    const database = await openDatabase({
      ...common,
      given: given.databaseUrl,
      dataDir: join(data.path, 'postgres'),
      port: ports.postgres,
      log: (line) => log('postgres', line),
    })
    stops.push(database.stop)
    const temporal = await openTemporal({
      ...common,
      given: given.temporalAddress,
      givenUiUrl: given.temporalUiUrl,
      env: options.env,
      dataDir: join(data.path, 'temporal'),
      port: ports.temporal,
      uiPort: ports.temporalUi,
      log: (line) => log('temporal', line),
    })
    stops.push(temporal.stop)
    await options.migrate(database.url)
    signal?.throwIfAborted()

    const apiUrl = `http://127.0.0.1:${apiPort}`
    const addresses: StackAddresses = {
      apiPort,
      apiUrl,
      dashboardUrl: `${apiUrl}/app/admin/roman-dashboard`,
      databaseUrl: database.url,
      temporalAddress: temporal.address,
      temporalUiUrl: temporal.uiUrl,
      serviceKey: options.serviceKey ?? keepServiceKey(data.path),
    }
    const apps = startApps(options.apps(addresses), { log, onRestart: () => onRestart() })
    stops.push(apps.stop)

    const report = () => readyReport(addresses, { ...apps.pids(), postgres: database.pid(), temporal: temporal.pid() })
    const answers = async () =>
      apps.allRun() &&
      (await database.isAnswering()) &&
      (await temporal.isAnswering()) &&
      (await options.isReady(report()))
    await apps.untilReady(answers, signal)
    if (readyFile) {
      const announcer = startAnnouncing({ answers, write: () => writeReadyFile(readyFile, report()), log })
      onRestart = announcer.again
      stops.push(() => {
        announcer.end()
        removeReadyFile(readyFile)
      })
    }
    return { ...addresses, report, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function readyReport(addresses: StackAddresses, pids: Omit<ReadyReport['pids'], 'dev'>): ReadyReport {
  return {
    api_url: addresses.apiUrl,
    dashboard_url: addresses.dashboardUrl,
    temporal_address: addresses.temporalAddress,
    temporal_ui_url: addresses.temporalUiUrl,
    database_url: addresses.databaseUrl,
    service_key: addresses.serviceKey,
    pids: { dev: process.pid, ...pids },
  }
}
