import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type PostgresOptions, type PostgresServer, startPostgres } from '../src/postgres-server.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../src/reaper.ts'
import { waitFor } from '../src/wait-for.ts'

let directory: TemporaryDirectory
let servers: PostgresServer[]
beforeEach(() => {
  directory = temporaryDirectory('roman postgres')
  servers = []
})
afterEach(async () => {
  for (const server of servers) await server.stop()
  directory.remove()
})

async function start(options: Partial<PostgresOptions> = {}): Promise<PostgresServer> {
  const server = await startPostgres({ dataDir: join(directory.path, 'data'), ...options })
  servers.push(server)
  return server
}

async function query(server: PostgresServer, sql: string) {
  const client = new Client({ connectionString: server.url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

test('comes back on the same port with what was committed when it is killed', async () => {
  const server = await start()
  await query(server, 'CREATE TABLE kept AS SELECT 1 AS n')
  const killed = server.pid!
  process.kill(killed, 'SIGKILL')
  await waitFor(async () => server.pid !== killed && (await server.isAnswering()), {
    timeoutMs: 15_000,
    describe: 'it to be back',
  })
  expect(await query(server, 'SELECT n FROM kept')).toEqual([{ n: 1 }])
})

test('starts on data whose last server was killed, though its pid belongs to another program now', async () => {
  const first = await start()
  await query(first, 'CREATE TABLE kept AS SELECT 1 AS n')
  await first.stop()
  writeFileSync(join(directory.path, 'data', 'cluster', 'postmaster.pid'), `${process.pid}\n/elsewhere\n1\n5432\n`)
  expect(await query(await start(), 'SELECT n FROM kept')).toEqual([{ n: 1 }])
})

test('starts over when its first start was interrupted while the data was being made', async () => {
  mkdirSync(join(directory.path, 'data', 'cluster.new', 'base'), { recursive: true })
  expect(await query(await start({ database: 'roman' }), 'SELECT current_database() AS name')).toEqual([
    { name: 'roman' },
  ])
})

test('lets in nobody without the password, which only its owner can read', async () => {
  const server = await start()
  const file = join(directory.path, 'data', 'password')
  expect(statSync(file).mode & 0o077).toBe(0)
  const guess = new Client({ connectionString: server.url.replace(readFileSync(file, 'utf8'), 'guess') })
  await expect(guess.connect()).rejects.toThrow('password authentication failed')
})

test('names the port and the option when the port asked for is taken', async () => {
  const port = Number(new URL((await start()).url).port)
  await expect(start({ dataDir: join(directory.path, 'other'), port })).rejects.toThrow(
    new RegExp(`Port ${port}.*is taken.*--postgres-port`),
  )
})

test.runIf(process.getuid?.() === 0)('runs for root on data in a directory that only root can enter', async () => {
  const closed = mkdtempSync(join(directory.path, 'closed '))
  chmodSync(directory.path, 0o700)
  chmodSync(closed, 0o700)
  const server = await start({ dataDir: join(closed, 'data') })
  expect(await query(server, 'SELECT 1 AS n')).toEqual([{ n: 1 }])
  await server.stop()
  rmSync(closed, { recursive: true })
})
