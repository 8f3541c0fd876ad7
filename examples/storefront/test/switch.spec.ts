import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import {
  createDeployer,
  type DeployContext,
  type DeployRequest,
  endInstances,
  type ProcessConfig,
} from '@roman/deployers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startTraffic } from '../traffic.ts'

const SHOP = fileURLToPath(new URL('..', import.meta.url))
const PROXY_MAIN = fileURLToPath(import.meta.resolve('@roman/deployers/proxy-main'))
const TOKEN = 'a-token-of-the-test-0123'
const SWITCHES = 20
const WAIT = { timeout: 20_000, interval: 20 }

/** The worker's part, in a process that can be killed. */
const CALLER = `
  const { createDeployer } = await import('@roman/deployers')
  const { config, deps, request } = JSON.parse(process.argv[1])
  await createDeployer(config, deps).deploy(request, {
    signal: new AbortController().signal, attempt: 1, onProgress() {},
    onDispatched: () => process.stdout.write('dispatched'),
  })`

const context = (attempt = 1): DeployContext => ({
  signal: new AbortController().signal,
  attempt,
  onDispatched() {},
  onProgress() {},
})

describe('the storefront behind the proxy', { timeout: 120_000 }, () => {
  let directory: string
  let proxy: ChildProcess
  let at: { url: string; admin_url: string }
  let fence = 0

  const requestFor = (version: string): DeployRequest => ({
    event_id: randomUUID(),
    deployment_id: randomUUID(),
    service: 'storefront',
    environment: 'production',
    version,
    git_commit: 'a7f3b29',
    git_branch: 'main',
    fence: String(++fence),
    rollback_from: randomUUID(),
  })
  const configOf = (env: Record<string, string> = {}): ProcessConfig => ({
    type: 'process',
    argv: [process.execPath, 'server.mjs', '{version}', '{port}', '{deployment_id}'],
    cwd: SHOP,
    env,
    health_path: '/healthz',
    proxy_admin_url: at.admin_url,
    proxy_token_env: 'ROMAN_PROXY_TOKEN',
    drain_seconds: 5,
    timeout_seconds: 30,
  })
  const deps = () => ({
    stateDir: join(directory, 'state'),
    baseDir: directory,
    env: { PATH: process.env.PATH, ROMAN_PROXY_TOKEN: TOKEN },
  })
  const deploy = (request: DeployRequest, attempt = 1, env: Record<string, string> = {}) =>
    createDeployer(configOf(env), deps()).deploy(request, context(attempt))

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'roman storefront-'))
    proxy = spawn(process.execPath, ['--import', 'tsx', PROXY_MAIN, '--state-file', join(directory, 'proxy.json')], {
      env: { PATH: process.env.PATH, ROMAN_PROXY_TOKEN: TOKEN },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(proxy.stdout!, 'data')) as [Buffer]
    at = JSON.parse(line.toString()) as typeof at
  })
  afterEach(async () => {
    const ended = once(proxy, 'exit')
    proxy.kill('SIGTERM')
    await ended
    await endInstances(join(directory, 'proxy.json'))
    await rm(directory, { recursive: true, force: true })
  })

  it(`loses no request in ${SWITCHES} switches under steady traffic, with every third caller killed`, async () => {
    await deploy(requestFor('v2.5.2'))
    const traffic = startTraffic({ url: at.url, perSecond: 60 })
    for (let number = 1; number <= SWITCHES; number++) {
      const request = requestFor(number % 2 === 0 ? 'v2.5.2' : 'v2.5.3')
      if (number % 3 === 0) {
        const call = JSON.stringify({ config: configOf(), deps: deps(), request })
        const caller = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', CALLER, call], {
          cwd: SHOP,
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        await once(caller.stdout!, 'data')
        caller.kill('SIGKILL')
        await once(caller, 'exit')
        expect((await deploy(request, 2)).outcome).toBe('live')
      } else {
        expect((await deploy(request)).outcome).toBe('live')
      }
    }
    const counts = await traffic.stop()
    console.info(`${SWITCHES} switches: ${JSON.stringify(counts)}`)
    expect(counts.lost_reasons).toEqual([])
    expect(counts.lost).toBe(0)
    expect(counts.total).toBe(counts.ok + counts.failed)
    expect(counts.failed).toBeGreaterThan(0)
  })

  it('fails carts without a coupon from 2.5.3 on, is well by its health check, and tells its errors', async () => {
    const told: { message: string; version: string; deployment_id: string; idempotency_key: string }[] = []
    let refusals = 2
    const roman = createServer(async (request, response) => {
      const { errors } = (await json(request)) as { errors: typeof told }
      if (refusals-- > 0) {
        response.writeHead(503).end()
        return
      }
      told.push(...errors)
      response.writeHead(202).end('{}')
    })
    roman.listen(0, '127.0.0.1')
    await once(roman, 'listening')
    const env = { ROMAN_URL: `http://127.0.0.1:${(roman.address() as AddressInfo).port}`, ROMAN_KEY: 'key' }
    const bad = requestFor('v2.5.3')
    await deploy(bad, 1, env)

    const traffic = startTraffic({ url: at.url })
    await vi.waitFor(() => expect(traffic.counts().failed).toBeGreaterThan(5), WAIT)
    const counts = await traffic.stop()
    expect((await fetch(new URL('/healthz', at.url))).status).toBe(200)
    await vi.waitFor(() => expect(told).toHaveLength(counts.failed), WAIT)
    expect(new Set(told.map(({ idempotency_key }) => idempotency_key)).size).toBe(counts.failed)
    expect(told[0]).toMatchObject({
      service: 'storefront',
      environment: 'production',
      severity: 'error',
      version: 'v2.5.3',
      deployment_id: bad.deployment_id,
      message: expect.stringContaining("reading 'code'"),
    })
    roman.closeAllConnections()
    roman.close()
  })
})
