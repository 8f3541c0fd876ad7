import { randomBytes } from 'node:crypto'
import { chownSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { execa } from 'execa'
import { Client } from 'pg'
import { claimPort } from './ports.ts'
import { findPostgres, type PostgresPrograms } from './postgres-programs.ts'
import { processFacts } from './process-table.ts'
import { superviseProcess } from './supervise-process.ts'
import { waitUntilReady } from './wait-until-ready.ts'

export interface PostgresOptions {
  /** Holds the cluster and its superuser's password; made when absent. */
  dataDir: string
  port?: number | undefined
  /** Made when absent. */
  database?: string
  /** Settings beyond PostgreSQL's defaults, as `postgres -c` takes them. `fsync: 'off'` is for data nobody will miss. */
  settings?: Readonly<Record<string, string>>
  log?: (line: string) => void
  onRestart?: ((pid: number) => void) | undefined
  signal?: AbortSignal | undefined
}

export interface PostgresServer {
  /** The superuser's, for `database`. */
  url: string
  readonly pid: number | null
  readonly restarts: number
  isAnswering(): Promise<boolean>
  stop(): Promise<void>
}

const superuser = 'postgres'

/**
 * Starts PostgreSQL on loopback, and again whenever it dies, on the same port and data. Resolves when it answers.
 * TCP only: a socket's path may be no longer than 107 bytes, and data directories lie wherever people put them.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { database = 'postgres', settings = {}, log = () => {} } = options
  const home = resolve(options.dataDir)
  const cluster = join(home, 'cluster')
  const port = await claimPort(options.port, 'for PostgreSQL', '--postgres-port')
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const programs = await findPostgres(isThere(cluster) ? cluster : null)
  const password = readOrMakePassword(home, programs)
  if (!isThere(cluster)) await initialise(home, programs, settings.fsync === 'off')
  removeStalePid(cluster)

  const all = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...settings,
  }
  const server = superviseProcess({
    name: 'postgres',
    argv: [
      programs.postgres,
      ...['-D', dataArgument(cluster, programs), '-p', String(port)],
      ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    cwd: cluster,
    env: { LC_ALL: 'C' },
    runAs: programs.runAs,
    // Fast shutdown: sessions are ended, data is flushed. SIGTERM would wait for every client to leave.
    stopSignal: 'SIGINT',
    stopTimeoutMs: 20_000,
    log,
    onRestart: options.onRestart,
  })

  const address = `postgres://${superuser}:${password}@127.0.0.1:${port}`
  const isAnswering = () => answersSql(`${address}/postgres`)
  await waitUntilReady(server, isAnswering, { timeoutMs: 60_000, signal: options.signal })
  if (database !== 'postgres') {
    await makeDatabase(`${address}/postgres`, database).catch(async (error: unknown) => {
      await server.stop()
      throw error
    })
  }
  return {
    url: `${address}/${database}`,
    get pid() {
      return server.pid
    },
    get restarts() {
      return server.restarts
    },
    isAnswering,
    stop: () => server.stop(),
  }
}

/** Whether a PostgreSQL answers a query at `url`. */
export async function answersSql(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2000, query_timeout: 2000 })
  // A server that goes away in between is an answer, not a crash of ours.
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('SELECT 1')
    return true
  } catch {
    return false
  } finally {
    client.end().catch(() => {})
  }
}

async function makeDatabase(url: string, name: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 })
  await client.connect()
  try {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name])
    if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`)
  } finally {
    await client.end()
  }
}

/**
 * As root on Linux the path is given as the working directory: the unprivileged user may own the data and yet be
 * unable to walk to it, as when it lies under /root. The working directory is entered before root's rights are dropped.
 */
function dataArgument(directory: string, { runAs }: PostgresPrograms): string {
  return runAs && process.platform === 'linux' ? '/proc/self/cwd' : directory
}

/** Loopback is open to every user of the machine, so the superuser has a password that only the owner can read. */
function readOrMakePassword(home: string, { runAs }: PostgresPrograms): string {
  const file = join(home, 'password')
  if (!isThere(file)) {
    if (runAs) chownSync(home, runAs.uid, runAs.gid)
    writeFileSync(`${file}.new`, randomBytes(24).toString('base64url'), { mode: 0o600 })
    if (runAs) chownSync(`${file}.new`, runAs.uid, runAs.gid)
    renameSync(`${file}.new`, file)
  }
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw new Error(`${file} can't be read: this data belongs to another user. Choose another directory with --data.`, {
      cause,
    })
  }
}

/** Made aside and moved into place, so that an interrupted start leaves no half-made cluster behind. */
async function initialise(home: string, programs: PostgresPrograms, unsafe: boolean): Promise<void> {
  const fresh = join(home, 'cluster.new')
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { mode: 0o700 })
  if (programs.runAs) chownSync(fresh, programs.runAs.uid, programs.runAs.gid)
  // The same text order on every machine, whatever locales it has.
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
  const access = ['-U', superuser, '--auth=scram-sha-256', '--pwfile=../password']
  const made = await execa(
    programs.initdb,
    ['-D', dataArgument(fresh, programs), ...locale, ...access, ...(unsafe ? ['--no-sync'] : [])],
    { cwd: fresh, env: { LC_ALL: 'C' }, extendEnv: false, reject: false, timeout: 120_000, ...programs.runAs },
  )
  if (made.failed) throw new Error(`PostgreSQL's initdb failed in ${home}: ${made.stderr.trim() || made.shortMessage}`)
  renameSync(fresh, join(home, 'cluster'))
}

/**
 * After a SIGKILL the file with the server's pid stays, and the number may by now be another program's; PostgreSQL,
 * which can't tell, would refuse to start. A server that does run in this directory keeps its file.
 */
function removeStalePid(cluster: string): void {
  const file = join(cluster, 'postmaster.pid')
  if (!isThere(file)) return
  const holder = processFacts(Number(readFileSync(file, 'utf8').split('\n')[0]))
  if (!holder?.command.includes('postgres')) rmSync(file, { force: true })
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}
