import {
  type Environment,
  type PostgresServer,
  startPostgres,
  startTemporal,
  type TemporalServer,
  temporaryDirectory,
} from '@roman/local-stack'

export interface TestServers {
  postgres: PostgresServer
  temporal: TemporalServer
  stop(): Promise<void>
}

/**
 * One PostgreSQL and one Temporal with nothing in them, on ports of their own; gone without a trace after `stop()`, or
 * when this process ends in any other way.
 */
export async function startTestServers(options: {
  /** For the programs that are found through it. */
  env: Environment
  /**
   * PostgreSQL's settings. By default `fsync=off`, which still keeps every commit through a SIGKILL of the server (the
   * operating system has it by then) and loses them only with the machine.
   */
  settings?: Readonly<Record<string, string>>
  log?: (line: string) => void
}): Promise<TestServers> {
  const { env, settings = { fsync: 'off' }, log = () => {} } = options
  const directory = temporaryDirectory('roman-test')
  const started = await Promise.allSettled([
    // Many tests with a pool each share this server.
    startPostgres({ dataDir: directory.path, settings: { max_connections: '300', ...settings }, log }),
    // In memory: the tests that kill a server start one of their own, with a data directory.
    startTemporal({ env, uiPort: false, log }),
  ])
  const stop = async () => {
    await Promise.all(started.map((server) => server.status === 'fulfilled' && server.value.stop()))
    directory.remove()
  }
  const [postgres, temporal] = started
  if (postgres.status === 'rejected' || temporal.status === 'rejected') {
    await stop()
    throw postgres.status === 'rejected' ? postgres.reason : (temporal as PromiseRejectedResult).reason
  }
  return { postgres: postgres.value, temporal: temporal.value, stop }
}
