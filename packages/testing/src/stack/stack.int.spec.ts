import { Client } from 'pg'
import { expect, test } from 'vitest'
import { runSql } from './databases.ts'
import { emptyDatabase, spawnProcess, testDatabase, testTemporal } from './index.ts'

async function tables(url: string): Promise<number> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query(
    "SELECT count(*)::int AS n FROM information_schema.tables WHERE table_schema = 'ops'",
  )
  await client.end()
  return rows[0].n
}

test('gives each test a migrated database of its own', async () => {
  const [one, other] = await Promise.all([testDatabase(), testDatabase()])
  await runSql(one.url, 'CREATE TABLE ops.only_here ()')
  expect(await tables(one.url)).toBe((await tables(other.url)) + 1)
  expect(await tables(other.url)).toBeGreaterThan(0)
})

test('gives the migrator a database with nothing in it', async () => {
  expect(await tables((await emptyDatabase()).url)).toBe(0)
})

test('gives a client that reaches the Temporal server', async () => {
  const { client, namespace } = await testTemporal()
  const described = await client.workflowService.describeNamespace({ namespace })
  expect(described.namespaceInfo?.name).toBe('default')
})

test('runs TypeScript as a process that can be killed in the middle', async () => {
  const entry = new URL('fixtures/waits-for-ever.ts', import.meta.url)
  const spawned = spawnProcess(entry, { env: { GREETING: 'ready' } })
  const [, pid] = await spawned.untilPrints(/ready as (\d+)/)
  expect(Number(pid)).toBe(spawned.pid)
  expect(await spawned.kill()).toEqual({ code: null, signal: 'SIGKILL' })
})

test('says what a process printed when it ends before it prints what is awaited', async () => {
  const entry = new URL('fixtures/waits-for-ever.ts', import.meta.url)
  const spawned = spawnProcess(entry, { env: {} })
  await expect(spawned.untilPrints(/ready/)).rejects.toThrow('GREETING is missing')
})
