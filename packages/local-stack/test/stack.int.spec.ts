import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { processFacts } from '../src/process-table.ts'
import type { ReadyReport } from '../src/ready-file.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../src/reaper.ts'
import { waitFor } from '../src/wait-for.ts'
import { fixtureArgv, type Running, run } from './run.ts'

let directory: TemporaryDirectory
let running: Running[]
beforeEach(() => {
  directory = temporaryDirectory('roman dev')
  running = []
})
afterEach(async () => {
  for (const { child, exited } of running) {
    child.kill('SIGTERM')
    await exited
  }
  directory.remove()
})

const readyFile = () => join(directory.path, 'ready.json')
const report = (): ReadyReport => JSON.parse(readFileSync(readyFile(), 'utf8'))

function dev(options: object = {}): Running {
  const config = JSON.stringify({ dataDir: join(directory.path, 'data'), readyFile: readyFile(), ...options })
  const started = run(fixtureArgv('dev.ts', config))
  running.push(started)
  return started
}

function ours({ pids }: ReadyReport): number[] {
  return Object.values(pids).filter((pid) => pid !== null)
}

async function untilGone(pids: number[]): Promise<void> {
  await waitFor(() => pids.every((pid) => processFacts(pid) === null), {
    timeoutMs: 20_000,
    describe: `${pids} to be gone`,
  })
}

test('restarts each process that is killed, on the same addresses, and writes the ready file again', async () => {
  await dev().until(/dev: ready/)
  const { pids: before, ...addresses } = report()
  for (const name of ['worker', 'api', 'discord', 'temporal', 'postgres'] as const) {
    const killed = report().pids[name]!
    process.kill(killed, 'SIGKILL')
    await waitFor(() => report().pids[name] !== killed, { timeoutMs: 15_000, describe: `a new ${name}` })
    expect(processFacts(report().pids[name]!)).not.toBeNull()
  }
  const { pids: after, ...same } = report()
  expect(same).toEqual(addresses)
  expect(after.dev).toBe(before.dev)
})

test('stops everything in order at SIGTERM, and takes the ready file away', async () => {
  const it = dev()
  await it.until(/dev: ready/)
  // Nothing waits for it in the stack, and it can only say that it stops once it runs.
  await it.until(/discord runs as/)
  const pids = ours(report())
  process.kill(report().pids.dev, 'SIGTERM')
  expect(await it.exited).toBe(0)
  await untilGone(pids)
  const order = [
    ...it.output().matchAll(/(discord|api|worker) stops|database system is (shut down)\n(?=dev: stopped)/g),
  ]
  expect(order.map(([, app, postgres]) => app ?? postgres)).toEqual(['discord', 'api', 'worker', 'shut down'])
  expect(existsSync(readyFile())).toBe(false)
})

test('leaves no process when it is killed itself, and another can start on its data', async () => {
  const first = dev()
  await first.until(/dev: ready/)
  const { service_key, pids } = report()
  first.child.kill('SIGKILL')
  const second = dev()
  await second.until(/dev: ready/)
  await untilGone(ours({ ...report(), pids }))
  expect(report().service_key).toBe(service_key)
})

test('stops when the package manager that started it is killed', async () => {
  const launcher = join(directory.path, 'pnpm')
  writeFileSync(launcher, '#!/bin/sh\n"$@" &\nwait\n', { mode: 0o755 })
  const config = JSON.stringify({
    dataDir: join(directory.path, 'data'),
    readyFile: readyFile(),
    given: inject('servers'),
  })
  const it = run([launcher, ...fixtureArgv('dev.ts', config)])
  running.push(it)
  await it.until(/dev: ready/)
  const pids = ours(report())
  it.child.kill('SIGKILL')
  await it.until(/dev: launcher ended[\s\S]*dev: stopped/)
  await untilGone(pids)
})

test('refuses data that another dev runs on, and does not disturb it', async () => {
  await dev({ given: inject('servers') }).until(/dev: ready/)
  const before = report()
  const second = dev({ fresh: true, readyFile: join(directory.path, 'second.json') })
  expect(await second.exited).toBe(1)
  expect(second.output()).toMatch(new RegExp(`pid ${before.pids.dev}.*--data DIR`))
  expect(report()).toEqual(before)
})

test('uses a database and a Temporal that were given, starts none, and leaves them running', async () => {
  const { databaseUrl, temporalAddress } = inject('servers')
  const it = dev({ given: { databaseUrl, temporalAddress }, fresh: true })
  await it.until(/dev: ready/)
  expect(report()).toMatchObject({
    database_url: databaseUrl,
    temporal_address: temporalAddress,
    temporal_ui_url: null,
  })
  expect(report().pids).toMatchObject({ postgres: null, temporal: null })
})

test('says whose last words made it give up when an app keeps dying, and leaves nothing behind', async () => {
  const { databaseUrl, temporalAddress } = inject('servers')
  const it = dev({ given: { databaseUrl, temporalAddress }, failing: 'api' })
  expect(await it.exited).toBe(1)
  expect(it.output()).toMatch(/The api process keeps ending[\s\S]*The configuration is wrong\./)
  expect(existsSync(join(directory.path, 'data', 'dev.lock'))).toBe(false)
})

test('names a port that is taken, and the option that changes it', async () => {
  const server = createServer()
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  })
  const it = dev({ ports: { temporal: port } })
  expect(await it.exited).toBe(1)
  expect(it.output()).toMatch(new RegExp(`Port ${port}, asked for Temporal, is taken.*--temporal-port`))
  server.close()
})
