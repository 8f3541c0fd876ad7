import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  createDeployer,
  type DeployContext,
  type DeployerConfig,
  type DeployProgress,
  type DeployRequest,
  type DeployRun,
  type HostDeps,
} from '../src/index.ts'

export interface Plan {
  ending: 'succeeds' | 'fails' | 'hangs'
  /** How long it takes, in milliseconds. */
  ms: number
}

/** One adapter with its real vendor (or the protocol-true stand-in) behind it. */
export interface Subject {
  config: DeployerConfig
  deps: HostDeps
  /** What runs that start from now on do. */
  plan(plan: Plan): void
  /** How often a run of this event really began. */
  runs(eventId: string): number
  /** Whether anything of this event's run still works at becoming live. */
  isRunning(eventId: string): boolean
  /** What the run was really given. */
  given(eventId: string): Pick<DeployRequest, 'version' | 'git_branch' | 'git_commit'>
  close(): Promise<void>
}

let fence = 0

export function requestFor(overrides: Partial<DeployRequest> = {}): DeployRequest {
  return {
    event_id: randomUUID(),
    deployment_id: randomUUID(),
    service: 'storefront',
    environment: 'production',
    version: 'v2.5.2',
    git_commit: 'a7f3b29',
    git_branch: 'main',
    fence: String(++fence),
    rollback_from: randomUUID(),
    ...overrides,
  }
}

export function contextOf(overrides: Partial<DeployContext> = {}) {
  const dispatched: (DeployRun | null)[] = []
  const progress: DeployProgress[] = []
  const context: DeployContext = {
    signal: new AbortController().signal,
    attempt: 1,
    onDispatched: (run) => void dispatched.push(run),
    onProgress: (seen) => void progress.push(seen),
    ...overrides,
  }
  return { context, dispatched, progress }
}

const CALLER = fileURLToPath(new URL('./fixtures/caller.ts', import.meta.url))
const WAIT = { timeout: 10_000, interval: 10 }

/** What every deployer promises. */
export function deployerCompliance(name: string, setup: () => Promise<Subject>): void {
  describe(`${name} as a deployer`, { timeout: 30_000 }, () => {
    let subject: Subject
    const deployer = (config: Partial<DeployerConfig> = {}) =>
      createDeployer({ ...subject.config, ...config } as DeployerConfig, subject.deps)

    beforeEach(async () => {
      subject = await setup()
      subject.plan({ ending: 'succeeds', ms: 50 })
    })
    afterEach(() => subject.close())

    it('says live when the version is live, and names the run', async () => {
      const request = requestFor()
      const result = await deployer().deploy(request, contextOf().context)
      expect(result).toMatchObject({ outcome: 'live', run: { id: expect.any(String) } })
      expect(subject.runs(request.event_id)).toBe(1)
    })

    it('says failed with a reason', async () => {
      subject.plan({ ending: 'fails', ms: 20 })
      const result = await deployer().deploy(requestFor(), contextOf().context)
      expect(result).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(/.{20}/) })
    })

    it('reports dispatch and progress while it goes', async () => {
      subject.plan({ ending: 'succeeds', ms: 400 })
      const { context, dispatched, progress } = contextOf()
      await deployer().deploy(requestFor(), context)
      expect(dispatched.at(-1)).toMatchObject({ id: expect.any(String) })
      expect(progress.length).toBeGreaterThan(0)
      expect(progress.every(({ percent }) => percent === null || (percent >= 0 && percent <= 100))).toBe(true)
    })

    it('answers the same event again from the run there was', async () => {
      const request = requestFor()
      const first = await deployer().deploy(request, contextOf().context)
      const again = await deployer().deploy(request, contextOf({ attempt: 2 }).context)
      expect(again).toMatchObject({ outcome: 'live', run: first.run })
      expect(subject.runs(request.event_id)).toBe(1)
    })

    it('lets a second call of another instance attach to a run that goes on', async () => {
      subject.plan({ ending: 'succeeds', ms: 600 })
      const request = requestFor()
      const { context, dispatched } = contextOf()
      const first = deployer().deploy(request, context)
      await vi.waitFor(() => expect(dispatched.at(-1)).toBeTruthy(), WAIT)
      const second = await deployer().deploy(request, contextOf({ attempt: 2 }).context)
      expect(second).toMatchObject({ outcome: 'live', run: (await first).run })
      expect(subject.runs(request.event_id)).toBe(1)
    })

    it('lets the run go on when its caller is killed, and the next caller attach to it', async () => {
      subject.plan({ ending: 'succeeds', ms: 1500 })
      const request = requestFor()
      const call = JSON.stringify({ config: subject.config, deps: subject.deps, request })
      const caller = spawn(process.execPath, ['--import', 'tsx', CALLER, call], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await once(caller.stdout!, 'data')
      await vi.waitFor(() => expect(subject.runs(request.event_id)).toBe(1), WAIT)
      caller.kill('SIGKILL')
      await once(caller, 'exit')
      expect(subject.isRunning(request.event_id)).toBe(true)
      const result = await deployer().deploy(request, contextOf({ attempt: 2 }).context)
      expect(result.outcome).toBe('live')
      expect(subject.runs(request.event_id)).toBe(1)
    })

    it('gives two events two runs', async () => {
      const [one, two] = [requestFor(), requestFor()]
      await deployer().deploy(one, contextOf().context)
      await deployer().deploy(two, contextOf().context)
      expect([subject.runs(one.event_id), subject.runs(two.event_id)]).toEqual([1, 1])
    })

    it('ends the run that is aborted', async () => {
      subject.plan({ ending: 'hangs', ms: 0 })
      const request = requestFor()
      const abort = new AbortController()
      const { context } = contextOf({ signal: abort.signal })
      const result = deployer().deploy(request, context)
      await vi.waitFor(() => expect(subject.isRunning(request.event_id)).toBe(true), WAIT)
      abort.abort()
      expect(await result).toMatchObject({ outcome: 'aborted', reason: expect.any(String) })
      expect(subject.isRunning(request.event_id)).toBe(false)
    })

    it('says aborted again to a caller that comes after the abort', async () => {
      subject.plan({ ending: 'hangs', ms: 0 })
      const request = requestFor()
      const abort = new AbortController()
      const result = deployer().deploy(request, contextOf({ signal: abort.signal }).context)
      await vi.waitFor(() => expect(subject.isRunning(request.event_id)).toBe(true), WAIT)
      abort.abort()
      await result
      const again = await deployer().deploy(request, contextOf({ attempt: 2, signal: abort.signal }).context)
      expect(again.outcome).toBe('aborted')
      expect(subject.runs(request.event_id)).toBe(1)
    })

    it('starts nothing that was aborted before', async () => {
      const request = requestFor()
      const result = await deployer().deploy(request, contextOf({ signal: AbortSignal.abort() }).context)
      expect(result).toMatchObject({ outcome: 'aborted', run: null })
      expect(subject.runs(request.event_id)).toBe(0)
    })

    it('says live where the abort came after the end', async () => {
      const request = requestFor()
      await deployer().deploy(request, contextOf().context)
      const again = await deployer().deploy(request, contextOf({ attempt: 2, signal: AbortSignal.abort() }).context)
      expect(again.outcome).toBe('live')
    })

    it('ends a run that takes too long, and says so', async () => {
      subject.plan({ ending: 'hangs', ms: 0 })
      const request = requestFor()
      const result = await deployer({ timeout_seconds: 1 }).deploy(request, contextOf().context)
      expect(result).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('within 1 s') })
      expect(subject.isRunning(request.event_id)).toBe(false)
    })

    it.each([
      ['spaces and quotes', `v1 "two" 'three' \\four`],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it must arrive as it is.
      ['substitutions', '$(touch /tmp/roman-pwned) `id` $HOME ${PATH} %PATH% ; rm -rf x && y | z'],
      ['lines', 'v1\nv2\r\nv3'],
      ['options', '--version=9 -rf'],
      ['placeholders', '{git_commit} {event_id} {port} $& $1'],
      ['other scripts', 'v1-β-🜂'],
    ])('hands over %s as they are', async (_, hostile) => {
      const request = requestFor({ version: hostile, git_branch: `-${hostile}`, git_commit: `${hostile}-` })
      const result = await deployer().deploy(request, contextOf().context)
      expect(result.outcome).toBe('live')
      expect(subject.given(request.event_id)).toEqual({
        version: hostile,
        git_branch: `-${hostile}`,
        git_commit: `${hostile}-`,
      })
    })

    it('says whether it is able', async () => {
      expect(await deployer().able?.()).toMatchObject({ able: true })
    })
  })
}
