import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { RunFiles } from '../src/command/run-files.ts'
import { groupMembers, identify, isAlive } from '../src/host/processes.mjs'
import { type CommandConfig, createDeployer, endRuns } from '../src/index.ts'
import { contextOf, deployerCompliance, requestFor, type Subject } from './compliance.ts'
import { readJournal, temporaryHost } from './temporary.ts'

const FIXTURE = fileURLToPath(new URL('./fixtures/deploy.mjs', import.meta.url))
const WAIT = { timeout: 10_000, interval: 10 }

deployerCompliance('command', async (): Promise<Subject> => {
  const { deps, remove } = temporaryHost()
  const journal = join(deps.baseDir, 'journal')
  const plan = join(deps.baseDir, 'plan')
  const of = (eventId: string) => readJournal(journal).filter(({ event_id }) => event_id === eventId)
  return {
    config: {
      type: 'command',
      argv: [process.execPath, FIXTURE, journal, plan, '{event_id}', '{version}', '{git_branch}', '{git_commit}'],
      timeout_seconds: 60,
      idempotent: false,
      grace_seconds: 1,
    },
    deps,
    plan: (value) => writeFileSync(plan, JSON.stringify(value)),
    runs: (eventId) => of(eventId).length,
    isRunning: (eventId) => of(eventId).some(({ pid }) => identify(pid) !== null),
    given: (eventId) => {
      const { version, git_branch, git_commit } = of(eventId)[0]!
      return { version, git_branch, git_commit }
    },
    close: remove,
  }
})

describe('a command', { timeout: 30_000 }, () => {
  let host: ReturnType<typeof temporaryHost>
  const shell = (script: string, config: Partial<CommandConfig> = {}) =>
    createDeployer(
      {
        type: 'command',
        argv: ['sh', '-c', script, 'deploy', '{version}'],
        timeout_seconds: 60,
        idempotent: false,
        grace_seconds: 1,
        ...config,
      },
      host.deps,
    )
  const files = (eventId: string, number = 1) => new RunFiles(join(host.deps.stateDir, eventId, String(number)))
  const count = () => readFileSync(inBase('count'), 'utf8')
  const inBase = (name: string) => join(host.deps.baseDir, name)

  beforeEach(() => {
    host = temporaryHost({ ROMAN_KEY: 'secret', DATABASE_URL: 'secret', HOME: '/home/x' })
  })
  afterEach(() => host.remove())

  it('is started once by many callers at the same moment', async () => {
    const request = requestFor()
    const deployer = shell(`echo run >> '${inBase('count')}'; sleep 0.3`)
    const results = await Promise.all(Array.from({ length: 5 }, () => deployer.deploy(request, contextOf().context)))
    expect(results.map(({ outcome }) => outcome)).toEqual(Array(5).fill('live'))
    expect(count()).toBe('run\n')
  })

  it('sees a small environment, what is configured, and none of our secrets', async () => {
    const result = await shell('env', { env: { REGION: 'eu' } }).deploy(requestFor(), contextOf().context)
    expect(result).toMatchObject({ outcome: 'live' })
    const seen = result.outcome === 'live' ? (result.output_tail ?? '') : ''
    expect(seen).toContain('REGION=eu')
    expect(seen).toContain('HOME=/home/x')
    expect(seen).not.toContain('secret')
  })

  it('whose wrapper and process are gone without an exit is unknown', async () => {
    const request = requestFor()
    const result = shell('sleep 60').deploy(request, contextOf().context)
    const claim = await vi.waitFor(() => files(request.event_id).claim() ?? expect.fail(), WAIT)
    process.kill(-claim.pid, 'SIGKILL')
    expect(await result).toMatchObject({ outcome: 'unknown', reason: expect.stringContaining('nobody knows') })
    expect(await shell('sleep 60').deploy(request, contextOf({ attempt: 2 }).context)).toMatchObject({
      outcome: 'unknown',
    })
  })

  it('that is idempotent is run again when its end was lost', async () => {
    const request = requestFor()
    const script = `echo run >> '${inBase('count')}'; [ "$(wc -l < '${inBase('count')}')" -gt 1 ] || sleep 60`
    const result = shell(script, { idempotent: true }).deploy(request, contextOf().context)
    const claim = await vi.waitFor(() => files(request.event_id).claim() ?? expect.fail(), WAIT)
    await vi.waitFor(() => count(), WAIT)
    process.kill(-claim.pid, 'SIGKILL')
    expect(await result).toMatchObject({ outcome: 'live', run: { id: `${request.event_id}/2` } })
  })

  it('goes on when only its wrapper is killed, is never run beside itself, and is waited for', async () => {
    const request = requestFor()
    const script = `echo run >> '${inBase('count')}'; sleep 1; echo end >> '${inBase('count')}'`
    const result = shell(script).deploy(request, contextOf().context)
    const claim = await vi.waitFor(() => files(request.event_id).claim() ?? expect.fail(), WAIT)
    await vi.waitFor(() => count(), WAIT)
    process.kill(claim.pid, 'SIGKILL')
    expect(await result).toMatchObject({ outcome: 'unknown' })
    expect(count()).toBe('run\nend\n')
  })

  it('whose wrapper is killed can still be aborted', async () => {
    const request = requestFor()
    const abort = new AbortController()
    const result = shell('echo up; sleep 60').deploy(request, contextOf({ signal: abort.signal }).context)
    const claim = await vi.waitFor(() => files(request.event_id).claim() ?? expect.fail(), WAIT)
    await vi.waitFor(() => expect(files(request.event_id).outputTail()).toBe('up'), WAIT)
    process.kill(claim.pid, 'SIGKILL')
    abort.abort()
    expect(await result).toMatchObject({ outcome: 'aborted' })
    expect(groupMembers(claim)).toEqual([])
  })

  it('does not mistake a later process under its pid for itself', () => {
    const now = identify(process.pid)!
    expect(isAlive(now)).toBe(true)
    expect(isAlive({ ...now, started: `${now.started}1` })).toBe(false)
  })

  it('takes its children along when it is aborted, also those that ignore TERM', async () => {
    const request = requestFor()
    const abort = new AbortController()
    const script = `(trap '' TERM; echo $$ ; exec sleep 61) & (trap '' TERM; while :; do sleep 0.1; done) & wait`
    const result = shell(script, { grace_seconds: 0.3 }).deploy(request, contextOf({ signal: abort.signal }).context)
    await vi.waitFor(() => expect(files(request.event_id).outputTail()).toBeTruthy(), WAIT)
    const claim = files(request.event_id).claim()!
    expect(groupMembers(claim).length).toBeGreaterThan(2)
    abort.abort()
    expect(await result).toMatchObject({ outcome: 'aborted' })
    expect(groupMembers(claim)).toEqual([])
  })

  it('that reports success only after it was told to stop is unknown', async () => {
    const abort = new AbortController()
    const { context, progress } = contextOf({ signal: abort.signal })
    const result = shell(`trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done`).deploy(requestFor(), context)
    await vi.waitFor(() => expect(progress).not.toEqual([]), WAIT)
    abort.abort()
    expect(await result).toMatchObject({ outcome: 'unknown' })
  })

  it('may write without end: the file stays bounded and the tail is kept', async () => {
    const request = requestFor()
    const log = join(files(request.event_id).directory, 'output.log')
    const result = await shell(
      // What is written while the file is being shortened may be lost: the end comes when that has been done.
      `i=0; while [ $i -lt 60 ]; do head -c 100000 /dev/zero | tr '\\0' x; echo; i=$((i+1)); sleep 0.02; done
       until [ $(wc -c < "${log}") -lt 1000000 ]; do sleep 0.02; done; echo the end`,
    ).deploy(request, contextOf().context)
    expect(result).toMatchObject({ outcome: 'live', output_tail: expect.stringMatching(/the end$/) })
    expect(statSync(log).size).toBeLessThan(2_500_000)
  })

  it('whose last line is longer than what is kept shows the end of it', async () => {
    const script = `echo first; head -c 9000 /dev/zero | tr '\\0' x; echo the end; exit 3`
    expect(await shell(script).deploy(requestFor(), contextOf().context)).toMatchObject({
      outcome: 'failed',
      reason: expect.stringContaining('Its last line: xxx'),
      output_tail: expect.stringMatching(/^x{3900,}the end$/),
    })
  })

  it('leaves what it put in the background alone when it succeeds', async () => {
    const request = requestFor()
    expect(await shell(`sleep 61 & echo $!`).deploy(request, contextOf().context)).toMatchObject({ outcome: 'live' })
    const pid = Number(files(request.event_id).outputTail())
    expect(identify(pid)).not.toBeNull()
    process.kill(pid)
  })

  it('is ended with everything else under its state directory', async () => {
    const request = requestFor()
    const result = shell('sleep 60').deploy(request, contextOf().context)
    const claim = await vi.waitFor(() => files(request.event_id).claim() ?? expect.fail(), WAIT)
    await endRuns(host.deps.stateDir)
    expect(groupMembers(claim)).toEqual([])
    expect((await result).outcome).not.toBe('live')
  })

  it.each([
    ['is not there', ['./no-such-file'], undefined, 'ENOENT'],
    ['has no directory to run in', ['true'], '/no/such/dir', 'ENOENT'],
    ['cannot be given a NUL', ['echo', 'a\u0000b'], undefined, 'null bytes'],
  ])('that %s fails and says so', async (_, argv, cwd, text) => {
    const deployer = shell('', { argv, ...(cwd === undefined ? {} : { cwd }) })
    expect(await deployer.deploy(requestFor(), contextOf().context)).toMatchObject({
      outcome: 'failed',
      reason: expect.stringContaining(text),
    })
  })

  it('says what is missing before it is needed', async () => {
    expect(await shell('', { argv: ['./no-such-file'] }).able?.()).toMatchObject({ able: false })
  })

  it('says that its state directory cannot be written, as trouble that may pass', async () => {
    writeFileSync(inBase('file'), '')
    const deployer = createDeployer(
      { type: 'command', argv: ['true'], timeout_seconds: 5, idempotent: false, grace_seconds: 1 },
      { ...host.deps, stateDir: inBase('file') },
    )
    await expect(deployer.deploy(requestFor(), contextOf().context)).rejects.toThrow('ENOTDIR')
  })
})
