import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { claimPort } from './ports.ts'
import { resolveTemporal, type TemporalProgram } from './resolve-temporal.ts'
import { type Environment, superviseProcess } from './supervise-process.ts'
import { waitUntilReady } from './wait-until-ready.ts'

export interface TemporalOptions {
  env: Environment
  /** Where its database file is kept; without it, histories live in memory and end with the process. */
  dataDir?: string
  /** Free ones unless given. `uiPort: false` leaves the Web UI out. */
  port?: number | undefined
  uiPort?: number | false | undefined
  log?: (line: string) => void
  onRestart?: ((pid: number) => void) | undefined
  signal?: AbortSignal | undefined
}

export interface TemporalServer {
  /** host:port for clients and workers; namespace `default`. */
  address: string
  uiUrl: string | null
  program: TemporalProgram
  readonly pid: number | null
  readonly restarts: number
  isAnswering(): Promise<boolean>
  stop(): Promise<void>
}

/**
 * Starts Temporal's development server on loopback, and again whenever it dies, on the same ports and data.
 * Resolves when it answers for the namespace `default`.
 */
export async function startTemporal(options: TemporalOptions): Promise<TemporalServer> {
  const { env, dataDir, log = () => {} } = options
  const program = await resolveTemporal({ env, log })
  const port = await claimPort(options.port, 'for Temporal', '--temporal-port')
  const uiPort =
    options.uiPort === false ? null : await claimPort(options.uiPort, "for Temporal's Web UI", '--temporal-ui-port')
  const address = `127.0.0.1:${port}`

  const argv: [string, ...string[]] = [program.path, 'server', 'start-dev', '--log-level', 'error']
  argv.push('--ip', '127.0.0.1', '--port', String(port))
  argv.push(...(uiPort === null ? ['--headless'] : ['--ui-port', String(uiPort), '--ui-disable-news-fetch']))
  if (dataDir !== undefined) {
    mkdirSync(dataDir, { recursive: true })
    argv.push('--db-filename', join(dataDir, 'temporal.db'))
    // About twice as fast as the defaults, and still whole after the death of the process.
    argv.push('--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL')
  }
  // Not the caller's environment: the CLI would take addresses and profiles for other servers from it.
  const cliEnv = { PATH: env.PATH, HOME: env.HOME }
  // While it stops, its parts complain of each other's absence; that tells nobody anything.
  let stopping = false
  const server = superviseProcess({
    name: 'temporal',
    argv,
    env: cliEnv,
    log: (line) => stopping || log(line),
    onRestart: options.onRestart,
  })

  const isAnswering = async () => {
    const args = ['operator', 'namespace', 'describe', '--namespace', 'default', '--address', address]
    const asked = await execa(program.path, [...args, '--command-timeout', '2s'], {
      env: cliEnv as Record<string, string>,
      extendEnv: false,
      timeout: 3000,
      reject: false,
    })
    return !asked.failed
  }
  await waitUntilReady(server, isAnswering, { timeoutMs: 30_000, signal: options.signal })
  return {
    address,
    uiUrl: uiPort === null ? null : `http://127.0.0.1:${uiPort}`,
    program,
    get pid() {
      return server.pid
    },
    get restarts() {
      return server.restarts
    },
    isAnswering,
    stop() {
      stopping = true
      return server.stop()
    },
  }
}
