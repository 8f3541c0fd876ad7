import { createServer } from 'node:net'
import { type PostgresServer, startPostgres, temporaryDirectory, waitFor } from '@roman/local-stack'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createHealthSource, type HealthSource } from '../src/index.ts'
import { never, shownBy, sourceCompliance } from './compliance.ts'
import { listening } from './listening.ts'

const MAX_CONNECTIONS = 10
/** Kept by PostgreSQL for the superuser. */
const RESERVED = 3

const directory = temporaryDirectory('roman-health')
let server: PostgresServer
let asMonitor: string
let asNobody: string
let asShop: string

beforeAll(async () => {
  const settings = { max_connections: String(MAX_CONNECTIONS), max_worker_processes: '0', fsync: 'off' }
  server = await startPostgres({ dataDir: directory.path, settings })
  await sql(`CREATE ROLE shop LOGIN PASSWORD 'shop-hunter2'`)
  await sql(`CREATE ROLE monitor LOGIN PASSWORD 'monitor-hunter2' IN ROLE pg_monitor`)
  await sql(`CREATE ROLE nobody LOGIN PASSWORD 'nobody-hunter2'`)
  asShop = urlOf('shop', 'shop-hunter2')
  asMonitor = urlOf('monitor', 'monitor-hunter2')
  asNobody = urlOf('nobody', 'nobody-hunter2')
})
afterAll(async () => {
  await server.stop()
  directory.remove()
})

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const it of open.splice(0).reverse()) await it.close()
  await waitFor(async () => (await others()) === 0, { timeoutMs: 10_000, describe: 'the sessions of this test to end' })
})

function urlOf(user: string, password: string): string {
  return Object.assign(new URL(server.url), { username: user, password }).href
}

/** Runs one statement as the superuser. */
async function sql<Row extends pg.QueryResultRow>(text: string): Promise<Row[]> {
  const client = await connected(server.url)
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end()
  }
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  // Some of these tests end the server under it.
  client.on('error', () => {})
  await client.connect()
  return client
}

async function others(): Promise<number> {
  const [row] = await sql<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
  )
  return row!.n
}

/** Connections of the service, idle until the test ends. */
async function serviceConnects(count: number): Promise<pg.Client[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => connected(asShop)))
  open.push({ close: async () => void (await Promise.all(clients.map((client) => client.end()))) })
  return clients
}

function postgresSource(url: string | undefined): HealthSource {
  const source = createHealthSource(
    { type: 'postgres', url_env: 'SHOP_DATABASE_URL' },
    { secret: (name) => (name === 'SHOP_DATABASE_URL' ? url : undefined) },
  )!
  open.push(source)
  return source
}

type Situation =
  | 'answers'
  | 'refuses the connection'
  | 'refuses the password'
  | 'speaks another protocol'
  | 'closes the connection'
  | 'its URL is not set'
  | 'its URL is broken'
  | 'its name cannot be resolved'

sourceCompliance<Situation>(
  'postgres',
  async () => ({
    secrets: ['hunter2'],
    close: async () => {},
    async source(situation) {
      const behind = async (answer: string | null, ends: boolean) => {
        const it = await listening(
          createServer((socket) =>
            socket.once('data', () => {
              if (answer !== null) socket.write(answer)
              if (ends) socket.end()
            }),
          ),
        )
        open.push(it)
        return `postgres://shop:hunter2@127.0.0.1:${it.port}/shop`
      }
      switch (situation) {
        case 'answers':
          return postgresSource(asMonitor)
        case 'hangs':
          return postgresSource(await behind(null, false))
        case 'closes the connection':
          return postgresSource(await behind(null, true))
        case 'speaks another protocol':
          return postgresSource(await behind('HTTP/1.1 400 Bad Request\r\n\r\n', true))
        case 'refuses the connection': {
          const { port, close } = await listening(createServer())
          await close()
          return postgresSource(`postgres://shop:hunter2@127.0.0.1:${port}/shop`)
        }
        case 'refuses the password':
          return postgresSource(urlOf('monitor', 'wrong-hunter2'))
        case 'its URL is not set':
          return postgresSource(undefined)
        case 'its URL is broken':
          return postgresSource('postgres://shop:hunter2@127.0.0.1:99999/shop')
        case 'its name cannot be resolved':
          return postgresSource('postgres://shop:hunter2@database.invalid/shop')
      }
    },
  }),
  {
    answers: 'measured',
    hangs: 'blind',
    'refuses the connection': 'blind',
    'refuses the password': 'blind',
    'speaks another protocol': 'blind',
    'closes the connection': 'blind',
    'its URL is not set': 'blind',
    'its URL is broken': 'blind',
    'its name cannot be resolved': 'blind',
  },
)

describe('a postgres source', () => {
  it('counts client connections, its own included, and the queries of others that run', async () => {
    const source = postgresSource(asMonitor)
    const [busy] = await serviceConnects(4)
    const running = busy!.query('SELECT pg_sleep(60)').catch(() => {})
    await waitFor(async () => (await source.read(never)).values.active_queries === 1, {
      timeoutMs: 5_000,
      describe: 'the query to run',
    })
    expect(await source.read(never)).toEqual({
      values: { database_connections: 5, max_database_connections: MAX_CONNECTIONS, active_queries: 1 },
      unavailable: [],
      failures: [],
    })
    await sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'`)
    await running
  })

  it('counts connections that its role may not look into, and says that it cannot tell what is active', async () => {
    await serviceConnects(4)
    expect(await postgresSource(asNobody).read(never)).toEqual({
      values: { database_connections: 5, max_database_connections: MAX_CONNECTIONS },
      unavailable: ['active_queries'],
      failures: [],
    })
  })

  it('holds one connection and goes on reading when the server is full', async () => {
    const source = postgresSource(asMonitor)
    await source.read(never)
    await serviceConnects(MAX_CONNECTIONS - RESERVED - 1)
    await expect(connected(asShop)).rejects.toMatchObject({ code: '53300' })
    const connections = async () => (await source.read(never)).values.database_connections
    // Who was refused is still there for a moment after the refusal.
    await expect.poll(connections, { timeout: 5_000 }).toBe(MAX_CONNECTIONS - RESERVED)
    for (let reads = 0; reads < 3; reads += 1) expect(await connections()).toBe(MAX_CONNECTIONS - RESERVED)
  })

  it('takes a server that is too full to let it in for full', async () => {
    await serviceConnects(MAX_CONNECTIONS - RESERVED)
    const source = postgresSource(asMonitor)
    expect(await source.read(never)).toEqual({
      values: { database_connections: 100, max_database_connections: 100 },
      unavailable: ['active_queries'],
      failures: [],
    })
  })

  it('connects anew after its connection was ended', async () => {
    const source = postgresSource(asMonitor)
    await source.read(never)
    await sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'roman-health'`)
    await waitFor(async () => shownBy(await source.read(never)) === 'measured', {
      timeoutMs: 5_000,
      describe: 'the source to see again',
    })
    expect((await source.read(never)).values.database_connections).toBe(1)
  })

  it('is blind while the server is away and sees again when it is back', async () => {
    const source = postgresSource(asMonitor)
    expect(shownBy(await source.read(never))).toBe('measured')
    const { restarts } = server
    process.kill(server.pid!, 'SIGKILL')
    await waitFor(async () => shownBy(await source.read(never)) === 'blind', {
      timeoutMs: 10_000,
      describe: 'the source to be blind',
      intervalMs: 1,
    })
    await waitFor(async () => server.restarts > restarts && shownBy(await source.read(never)) === 'measured', {
      timeoutMs: 20_000,
      describe: 'the source to see again',
    })
  })

  it('gives up a connection that no longer answers, in its time', async () => {
    const source = postgresSource(asMonitor)
    await source.read(never)
    const [backend] = await sql<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE application_name = 'roman-health'`,
    )
    process.kill(backend!.pid, 'SIGSTOP')
    try {
      const startedAt = performance.now()
      expect(await source.read(never)).toEqual({ values: {}, unavailable: ['database_connections'], failures: [] })
      expect(performance.now() - startedAt).toBeLessThan(source.timeout_ms + 500)
      expect(shownBy(await source.read(never))).toBe('measured')
    } finally {
      process.kill(backend!.pid, 'SIGCONT')
    }
  })

  it('leaves no connection behind', async () => {
    const source = postgresSource(asMonitor)
    await source.read(never)
    expect(await others()).toBe(1)
    await source.close()
    await waitFor(async () => (await others()) === 0, { timeoutMs: 5_000, describe: 'the connection to end' })
  })
})
