import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { identify } from '../src/host/processes.mjs'
import { createDeployer, endInstances, type ProcessConfig, type ReverseProxy, startProxy } from '../src/index.ts'
import { readProxyState } from '../src/process/proxy-state.ts'
import { contextOf, deployerCompliance, requestFor, type Subject } from './compliance.ts'
import { readJournal, temporaryHost } from './temporary.ts'

const APP = fileURLToPath(new URL('./fixtures/app.mjs', import.meta.url))
const TOKEN = 'a-token-of-the-test-0123'
const WAIT = { timeout: 10_000, interval: 10 }

async function setup() {
  const { deps, remove } = temporaryHost({ ROMAN_PROXY_TOKEN: TOKEN })
  const journal = join(deps.baseDir, 'journal')
  const plan = join(deps.baseDir, 'plan')
  const stateFile = join(deps.baseDir, 'proxy.json')
  const start = () => startProxy({ host: '127.0.0.1', port: 0, adminPort: 0, adminToken: TOKEN, stateFile })
  let proxy: ReverseProxy = await start()
  const of = (eventId: string) => readJournal(journal).filter(({ event_id }) => event_id === eventId)
  const config = (): ProcessConfig => ({
    type: 'process',
    argv: [process.execPath, APP, journal, plan, '{event_id}', '{version}', '{git_branch}', '{git_commit}', '{port}'],
    health_path: '/healthz',
    proxy_admin_url: proxy.adminUrl,
    proxy_token_env: 'ROMAN_PROXY_TOKEN',
    drain_seconds: 2,
    timeout_seconds: 30,
  })
  const subject: Subject = {
    config: config(),
    deps,
    plan: (value) => writeFileSync(plan, JSON.stringify(value)),
    runs: (eventId) => of(eventId).length,
    isRunning: (eventId) =>
      of(eventId).some(({ pid }) => identify(pid) !== null) && readProxyState(stateFile).live?.event_id !== eventId,
    given: (eventId) => {
      const { version, git_branch, git_commit } = of(eventId)[0]!
      return { version, git_branch, git_commit }
    },
    async close() {
      await proxy.close()
      await endInstances(stateFile)
      await remove()
    },
  }
  return {
    subject,
    stateFile,
    of,
    /** Lets an app become well that was planned to hang. */
    release: () => writeFileSync(`${plan}.released`, ''),
    proxy: () => proxy,
    deployer: (changed: Partial<ProcessConfig> = {}) => createDeployer({ ...config(), ...changed }, deps),
    async restartProxy() {
      await proxy.close()
      proxy = await start()
    },
  }
}

deployerCompliance('process', async () => (await setup()).subject)

describe('a process behind the proxy', { timeout: 30_000 }, () => {
  let host: Awaited<ReturnType<typeof setup>>
  const where = { service: 'storefront', environment: 'production' }
  const get = async (path = '/') => {
    const response = await fetch(new URL(path, host.proxy().url))
    return { status: response.status, text: await response.text() }
  }

  beforeEach(async () => {
    host = await setup()
    host.subject.plan({ ending: 'succeeds', ms: 0 })
  })
  afterEach(() => host.subject.close())

  it('answers 503 while nothing is live, and the live version after', async () => {
    expect((await get()).status).toBe(503)
    expect(await host.deployer().current?.(where)).toBeNull()
    await host.deployer().deploy(requestFor({ version: 'v1' }), contextOf().context)
    expect(await get()).toEqual({ status: 200, text: 'v1' })
    expect(await host.deployer().current?.(where)).toEqual({ version: 'v1', git_commit: 'a7f3b29' })
  })

  it('refuses a lower fence than the live one, and starts nothing', async () => {
    const [older, newer] = [requestFor({ version: 'v1' }), requestFor({ version: 'v2' })]
    await host.deployer().deploy(newer, contextOf().context)
    const result = await host.deployer().deploy(older, contextOf().context)
    expect(result).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('deployed later') })
    expect(host.subject.runs(older.event_id)).toBe(0)
    expect((await get()).text).toBe('v2')
  })

  it('refuses a lower fence that comes between start and switch, and ends what it started', async () => {
    const [older, newer] = [requestFor({ version: 'v1' }), requestFor({ version: 'v2' })]
    host.subject.plan({ ending: 'hangs', ms: 0 })
    const late = host.deployer().deploy(older, contextOf().context)
    await vi.waitFor(() => expect(host.subject.runs(older.event_id)).toBe(1), WAIT)
    host.subject.plan({ ending: 'succeeds', ms: 0 })
    await host.deployer().deploy(newer, contextOf().context)
    host.release()
    expect(await late).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('deployed later') })
    expect(host.subject.isRunning(older.event_id)).toBe(false)
    expect((await get()).text).toBe('v2')
  })

  it('stops the old version, but not before the request that it is busy with', async () => {
    const [one, two] = [requestFor({ version: 'v1' }), requestFor({ version: 'v2' })]
    await host.deployer().deploy(one, contextOf().context)
    const slow = get('/?ms=1200')
    await host.deployer().deploy(two, contextOf().context)
    expect((await get()).text).toBe('v2')
    expect(identify(host.of(one.event_id)[0]!.pid)).not.toBeNull()
    expect(await slow).toEqual({ status: 200, text: 'v1' })
    await vi.waitFor(() => expect(identify(host.of(one.event_id)[0]!.pid)).toBeNull(), WAIT)
    await vi.waitFor(() => expect(readProxyState(host.stateFile).retired).toEqual([]), WAIT)
  })

  it('does not wait longer than the drain for a request that never ends', async () => {
    const [one, two] = [requestFor({ version: 'v1' }), requestFor({ version: 'v2' })]
    await host.deployer().deploy(one, contextOf().context)
    const endless = get('/?ms=60000').catch(() => 'cut')
    await host.deployer({ drain_seconds: 0.2 }).deploy(two, contextOf().context)
    await vi.waitFor(() => expect(identify(host.of(one.event_id)[0]!.pid)).toBeNull(), { timeout: 15_000 })
    expect(['cut', 502]).toContain(
      await endless.then((answer) => (typeof answer === 'string' ? answer : answer.status)),
    )
  })

  it('goes on where it was when the proxy is started again', async () => {
    await host.deployer().deploy(requestFor({ version: 'v1' }), contextOf().context)
    const [older, newer] = [requestFor(), requestFor({ version: 'v2' })]
    await host.deployer().deploy(newer, contextOf().context)
    await host.restartProxy()
    expect((await get()).text).toBe('v2')
    expect(await host.deployer().deploy(older, contextOf().context)).toMatchObject({ outcome: 'failed' })
  })

  it('fails and changes nothing where the proxy does not answer', async () => {
    const gone = host.deployer({ proxy_admin_url: 'http://127.0.0.1:9', timeout_seconds: 0.3 })
    const request = requestFor()
    expect(await gone.deploy(request, contextOf().context)).toMatchObject({
      outcome: 'failed',
      reason: expect.stringContaining('does not answer'),
    })
    expect(host.subject.runs(request.event_id)).toBe(0)
    expect(await gone.able?.()).toMatchObject({ able: false })
  })

  it('keeps the admin endpoint closed to those without the token', async () => {
    const ask = (token: string) =>
      fetch(new URL('/state', host.proxy().adminUrl), { headers: { authorization: `Bearer ${token}` } })
    expect((await ask('wrong')).status).toBe(401)
    expect((await ask(TOKEN)).status).toBe(200)
  })
})
