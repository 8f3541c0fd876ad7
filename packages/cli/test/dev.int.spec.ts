import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ReadyReport, temporaryDirectory, waitFor } from '@roman/local-stack'
import { spawnProcess, testDatabase } from '@roman/testing'
import { afterAll, expect, inject, test } from 'vitest'
import { roman } from './screen.ts'

const directory = temporaryDirectory('roman dev')
afterAll(() => directory.remove())

const at = (name: string) => join(directory.path, name)
/** In a folder that is not there yet. */
const READY = at('not yet/ready.json')
const report = (): ReadyReport => JSON.parse(readFileSync(READY, 'utf8'))

test('dev runs the real apps, starts one that is killed again, and ends them all at SIGTERM', async () => {
  writeFileSync(
    at('roman.yaml'),
    'services: { shop: { environments: { production: { deployer: { type: command, argv: ["true"] } } } } }',
  )
  const database = await testDatabase()
  const dev = spawnProcess(new URL('../src/main.ts', import.meta.url), {
    args: ['dev', '--config', at('roman.yaml'), '--data', at('data'), '--ready-file', READY],
    cwd: join(import.meta.dirname, '../../..'),
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      DATABASE_URL: database.url,
      TEMPORAL_ADDRESS: inject('servers').temporalAddress,
      ROMAN_TASK_QUEUE_PREFIX: 'dev-',
    },
  })
  await dev.untilPrints(/Everything is up/, 60_000)
  const { api_url: ROMAN_URL, service_key: ROMAN_KEY, pids } = report()
  expect(pids).toMatchObject({ dev: dev.pid, discord: null, postgres: null, temporal: null })

  const record = ['deploy', 'record', '--environment', 'production', '--version', 'v1', '--commit', 'a7f3b29']
  const recorded = await roman([...record, '--branch', 'main'], { ROMAN_URL, ROMAN_KEY })
  expect(recorded.out).toMatch(/shop v1 is live and guarded in production/)

  process.kill(pids.worker!, 'SIGKILL')
  await waitFor(() => report().pids.worker !== pids.worker, {
    timeoutMs: 30_000,
    describe: 'a new worker that answers',
  })
  // Whatever the dead worker had begun is taken over, after the timeout of a workflow task at the latest.
  const watching = async () =>
    /shop +production +v1 +in progress +watching +healthy/.test((await roman(['status'], { ROMAN_URL, ROMAN_KEY })).out)
  await waitFor(watching, { timeoutMs: 30_000, describe: 'the guard to watch', intervalMs: 250 })

  const worker = report().pids.worker!
  expect(await dev.kill('SIGTERM')).toEqual({ code: 0, signal: null })
  expect(dev.output()).toMatch(/Stopped\.\s*$/)
  for (const pid of [worker, pids.api!]) expect(() => process.kill(pid, 0)).toThrow()
}, 90_000)
