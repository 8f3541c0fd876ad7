import { connect } from 'node:net'
import { answersSql, type PostgresOptions, startPostgres } from './postgres-server.ts'
import { startTemporal, type TemporalOptions } from './temporal-server.ts'
import { waitFor } from './wait-for.ts'

/** A server that was given may still be starting. */
const GIVEN_WITHIN_MS = 30_000

/** The database that was given, or one of our own. */
export async function openDatabase(options: PostgresOptions & { given: string | undefined }) {
  const { given, ...own } = options
  if (given === undefined) {
    const server = await startPostgres({ ...own, database: 'roman' })
    return { url: server.url, pid: () => server.pid, isAnswering: server.isAnswering, stop: server.stop }
  }
  const isAnswering = () => answersSql(given)
  const where = withoutCredentials(given)
  options.log?.(`Waiting for the database that was given (${where}).`)
  await waitFor(isAnswering, {
    timeoutMs: GIVEN_WITHIN_MS,
    describe: `the database given in DATABASE_URL (${where}) to answer. Start it or correct the URL, or leave DATABASE_URL out to have one started`,
    intervalMs: 250,
    signal: options.signal,
  })
  return { url: given, pid: () => null, isAnswering, stop: () => {} }
}

/** The Temporal server that was given, or one of our own. */
export async function openTemporal(
  options: TemporalOptions & { given: string | undefined; givenUiUrl: string | undefined },
) {
  const { given, givenUiUrl, ...own } = options
  if (given === undefined) {
    const server = await startTemporal(own)
    const { address, uiUrl, isAnswering, stop } = server
    return { address, uiUrl, pid: () => server.pid, isAnswering, stop }
  }
  const isAnswering = () => acceptsConnections(given)
  options.log?.(`Waiting for the Temporal server that was given (${given}).`)
  await waitFor(isAnswering, {
    timeoutMs: GIVEN_WITHIN_MS,
    describe: `the Temporal server given in TEMPORAL_ADDRESS (${given}) to answer. Start it or correct the address, or leave TEMPORAL_ADDRESS out to have one started`,
    intervalMs: 250,
    signal: options.signal,
  })
  return { address: given, uiUrl: givenUiUrl ?? null, pid: () => null, isAnswering, stop: () => {} }
}

/** TLS, key and namespace are the apps' business; here it only matters whether somebody is there. */
function acceptsConnections(address: string): Promise<boolean> {
  const { hostname, port } = new URL(`tcp://${address}`)
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port || 7233), timeout: 2000 })
    const answer = (reached: boolean) => {
      socket.destroy()
      resolve(reached)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
    socket.once('timeout', () => answer(false))
  })
}

function withoutCredentials(url: string): string {
  try {
    const { hostname, port, pathname } = new URL(url)
    return `${hostname}${port && `:${port}`}${pathname}`
  } catch {
    return 'not a URL'
  }
}
