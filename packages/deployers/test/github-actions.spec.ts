import { type Github, ROLLBACK_WORKFLOW, startGithub, type WorkflowFile } from '@roman/testing/github'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createGithubActionsDeployer } from '../src/github/github-actions-deployer.ts'
import { GITHUB_TIMING, type GithubTiming } from '../src/github/timing.ts'
import type { GithubActionsConfig } from '../src/index.ts'
import { contextOf, deployerCompliance, type Plan, requestFor, type Subject } from './compliance.ts'
import { temporaryHost } from './temporary.ts'

const WAIT = { timeout: 10_000, interval: 10 }
const WITH_BRANCH: WorkflowFile = {
  ...ROLLBACK_WORKFLOW,
  inputs: { ...ROLLBACK_WORKFLOW.inputs, git_branch: {} },
}

const configOf = (github: Github): GithubActionsConfig => ({
  type: 'github-actions',
  owner: github.owner,
  repo: github.repo,
  workflow: 'rollback.yml',
  ref: 'main',
  token_env: 'GITHUB_TOKEN',
  api_url: github.url,
  timeout_seconds: 60,
  poll_seconds: 0.02,
})

function scriptOf({ ending, ms }: Plan) {
  if (ending === 'hangs') return { steps: [{ name: 'Deploy', ms: 600_000 }] }
  const last = { name: 'Deploy', ms, ...(ending === 'fails' ? { conclusion: 'failure' as const } : {}) }
  return { steps: [{ name: 'Checkout', ms: 5 }, last] }
}

deployerCompliance('github-actions', async (): Promise<Subject> => {
  const github = await startGithub({ workflows: { 'rollback.yml': WITH_BRANCH } })
  const { deps, remove } = temporaryHost({ GITHUB_TOKEN: github.token })
  const of = (eventId: string) => github.runs().filter(({ inputs }) => inputs.event_id === eventId)
  // The default settle is for GitHub's slow list; an attempt after an abort or a success finds its run at once.
  return {
    config: { ...configOf(github), inputs: { git_branch: '{git_branch}' } },
    deps,
    plan: (plan) => github.script('rollback.yml', scriptOf(plan)),
    runs: (eventId) => of(eventId).length,
    isRunning: (eventId) => of(eventId).some(({ status }) => status === 'in_progress'),
    given: (eventId) => {
      const { version, git_branch, git_commit } = of(eventId)[0]!.inputs
      return { version: version!, git_branch: git_branch!, git_commit: git_commit! }
    },
    async close() {
      await github.close()
      await remove()
    },
  }
})

describe('a workflow of GitHub Actions', { timeout: 30_000 }, () => {
  let github: Github
  const timing: GithubTiming = {
    ...GITHUB_TIMING,
    retry: 5,
    retriesMax: 3,
    settle: 200,
    appear: 1000,
    cancel: 200,
    request: 500,
  }
  const start = async (options: Parameters<typeof startGithub>[0] = {}) => {
    github = await startGithub(options)
    return github
  }
  const deployer = (
    config: Partial<GithubActionsConfig> = {},
    token = github.token,
    changed: Partial<GithubTiming> = {},
  ) =>
    createGithubActionsDeployer(
      { ...configOf(github), ...config },
      { env: { GITHUB_TOKEN: token } },
      { ...timing, ...changed },
    )
  const deploy = (attempt = 1, request = requestFor()) => deployer().deploy(request, contextOf({ attempt }).context)

  afterEach(() => github.close())

  it.each(['returned', 'ignored', 'refused'] as const)(
    'is followed where the server has return_run_details %s',
    async (runDetails) => {
      await start({ runDetails })
      const request = requestFor()
      const { context, dispatched } = contextOf()
      const result = await deployer().deploy(request, context)
      const [run] = github.runs()
      expect(result).toMatchObject({
        outcome: 'live',
        run: { id: String(run?.id), url: expect.stringContaining('/runs/') },
      })
      expect(dispatched.at(-1)).toEqual(result.run)
      expect(github.dispatches()).toHaveLength(1)
      const { version, git_commit, environment, event_id, fence } = request
      expect(run?.inputs).toEqual({ version, git_commit, environment, event_id, fence })
    },
  )

  it('is found by a list that lags behind', async () => {
    await start({ runDetails: 'ignored', visibleAfterMs: 300 })
    expect(await deploy()).toMatchObject({ outcome: 'live' })
  })

  it('that shows up only later in the list is not dispatched again by the next attempt', async () => {
    await start({ visibleAfterMs: 500 })
    const request = requestFor()
    github.fault({ match: /POST .*dispatches/, when: 'after' })
    await expect(deployer({}, github.token, { settle: 0 }).deploy(request, contextOf().context)).rejects.toThrow(
      expect.objectContaining({ name: 'DeployerUnavailableError' }),
    )
    expect(github.dispatches()).toHaveLength(1)
    const { context } = contextOf({ attempt: 2 })
    expect(await deployer({}, github.token, { settle: 3000 }).deploy(request, context)).toMatchObject({
      outcome: 'live',
    })
    expect(github.dispatches()).toHaveLength(1)
  })

  it('is not dispatched twice when the answer is lost', async () => {
    await start()
    github.fault({ match: /POST .*dispatches/, when: 'after' })
    expect(await deploy()).toMatchObject({ outcome: 'live' })
    expect(github.dispatches()).toHaveLength(1)
  })

  it('is not dispatched twice when the answer is a 502 that came after the act', async () => {
    await start()
    github.fault({ match: /POST .*dispatches/, when: 'after', status: 502 })
    expect(await deploy()).toMatchObject({ outcome: 'live' })
    expect(github.dispatches()).toHaveLength(1)
  })

  it('is not dispatched twice when the answer never comes', async () => {
    await start()
    github.fault({ match: /POST .*dispatches/, when: 'after', delayMs: 1500, status: 504 })
    expect(await deploy()).toMatchObject({ outcome: 'live' })
    expect(github.dispatches()).toHaveLength(1)
  })

  it('that could not be dispatched is trouble that may pass, and the next attempt dispatches it', async () => {
    await start()
    github.fault({ match: /POST .*dispatches/, status: 503 })
    const request = requestFor()
    await expect(deploy(1, request)).rejects.toThrow(expect.objectContaining({ name: 'DeployerUnavailableError' }))
    expect(await deploy(2, request)).toMatchObject({ outcome: 'live' })
    expect(github.dispatches()).toHaveLength(1)
  })

  it('is followed through 5xx, cut connections and rate limits', async () => {
    await start()
    github.script('rollback.yml', { steps: [{ name: 'Deploy', ms: 300 }] })
    github.fault({ match: /GET .*runs\/\d+$/, times: 2, status: 500 })
    github.fault({ match: /GET .*runs\/\d+$/, times: 1 })
    github.fault({
      match: /GET .*runs\/\d+$/,
      status: 429,
      headers: { 'retry-after': '0' },
      message: 'You have exceeded a secondary rate limit',
    })
    github.fault({
      match: /POST .*dispatches/,
      status: 403,
      headers: { 'retry-after': '0' },
      message: 'You have exceeded a secondary rate limit',
    })
    const result = await deployer({}, github.token, { retriesMax: 5 }).deploy(requestFor(), contextOf().context)
    expect(result).toMatchObject({ outcome: 'live' })
    expect(github.dispatches()).toHaveLength(1)
  })

  it('waits as long as GitHub asks, and hands back where that is too long', async () => {
    await start()
    github.fault({
      match: /GET .*rollback.yml\/runs/,
      status: 403,
      message: 'API rate limit exceeded',
      headers: { 'retry-after': '1' },
    })
    const began = performance.now()
    expect(await deploy()).toMatchObject({ outcome: 'live' })
    expect(performance.now() - began).toBeGreaterThanOrEqual(1000)
    github.fault({
      match: /GET .*rollback.yml\/runs/,
      status: 403,
      message: 'API rate limit exceeded',
      headers: { 'retry-after': '3600' },
    })
    await expect(deploy()).rejects.toThrow('asks to wait 3600 s')
  })

  it('waits for the reset of a used up rate limit', async () => {
    await start()
    const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(Math.ceil(Date.now() / 1000) + 1) }
    github.fault({ match: /GET .*rollback.yml\/runs/, status: 403, message: 'API rate limit exceeded', headers })
    const began = performance.now()
    expect(await deploy()).toMatchObject({ outcome: 'live' })
    expect(performance.now() - began).toBeGreaterThan(500)
  })

  it('costs unchanged polls nothing of the rate limit', async () => {
    await start()
    github.script('rollback.yml', { steps: [{ name: 'Deploy', ms: 1500 }] })
    await deploy()
    const polls = github.requests().filter((line) => /GET .*runs\/\d+ /.test(line))
    expect(polls.filter((line) => line.endsWith('304')).length).toBeGreaterThan(polls.length / 2)
  })

  it('names the job and step that failed, and where to look', async () => {
    await start()
    github.script('rollback.yml', { steps: [{ name: 'Checkout' }, { name: 'Switch traffic', conclusion: 'failure' }] })
    expect(await deploy()).toMatchObject({
      outcome: 'failed',
      reason: expect.stringMatching(/Job "rollback" failed at step "Switch traffic": http.*\/job\/\d+/),
    })
  })

  it.each(['skipped', 'neutral', 'action_required', 'stale', 'startup_failure', 'timed_out'] as const)(
    'that ends as %s has not deployed',
    async (conclusion) => {
      await start()
      github.script('rollback.yml', { conclusion })
      expect(await deploy()).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(/http/) })
    },
  )

  it('that somebody else cancels is failed, not aborted', async () => {
    await start()
    github.script('rollback.yml', { steps: [{ name: 'Deploy', ms: 60_000 }] })
    const result = deploy()
    await vi.waitFor(() => expect(github.runs()[0]?.status).toBe('in_progress'), WAIT)
    github.cancel(github.runs()[0]!.id)
    expect(await result).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('concurrency group') })
  })

  it('that waits in a concurrency group is cancelled by a newer one, and says so', async () => {
    const concurrency = () => ({ group: 'production', cancelInProgress: false })
    await start({ workflows: { 'rollback.yml': { ...ROLLBACK_WORKFLOW, concurrency } } })
    github.script('rollback.yml', { steps: [{ name: 'Deploy', ms: 600 }] })
    const first = deploy()
    await vi.waitFor(() => expect(github.runs()[0]?.status).toBe('in_progress'), WAIT)
    const second = deploy()
    await vi.waitFor(() => expect(github.runs()[1]?.status).toBe('pending'), WAIT)
    const third = deploy()
    expect((await Promise.all([first, second, third])).map(({ outcome }) => outcome)).toEqual([
      'live',
      'failed',
      'live',
    ])
  })

  it('that ignores a cancel is cancelled by force', async () => {
    await start()
    github.script('rollback.yml', { steps: [{ name: 'Deploy', ms: 60_000 }], ignoresCancel: true })
    const abort = new AbortController()
    const result = deployer().deploy(requestFor(), contextOf({ signal: abort.signal }).context)
    await vi.waitFor(() => expect(github.runs()[0]?.status).toBe('in_progress'), WAIT)
    abort.abort()
    expect(await result).toMatchObject({ outcome: 'aborted' })
    expect(github.requests().some((line) => line.includes('force-cancel 202'))).toBe(true)
  })

  it('can be a real command', async () => {
    await start()
    github.script('rollback.yml', { command: ({ version }) => ({ argv: ['test', version!, '=', 'v1'] }) })
    expect(await deploy(1, requestFor({ version: 'v1' }))).toMatchObject({ outcome: 'live' })
    expect(await deploy(1, requestFor({ version: 'v2' }))).toMatchObject({ outcome: 'failed' })
  })

  it('whose run-name lacks the event id is unknown, with the remedy', async () => {
    await start({ runDetails: 'ignored', workflows: { 'rollback.yml': { inputs: ROLLBACK_WORKFLOW.inputs } } })
    expect(await deploy()).toMatchObject({ outcome: 'unknown', reason: expect.stringContaining('run-name') })
  })

  it.each([
    ['a wrong token', { token: 'ghp_wrong' }, {}, 'GITHUB_TOKEN'],
    ['an unknown workflow', {}, { workflow: 'nope.yml' }, 'repository'],
    ['an unknown ref', {}, { ref: 'nope' }, 'No ref found'],
    ['an input that the workflow does not declare', {}, { inputs: { surprise: '1' } }, 'surprise'],
  ])(
    'fails on %s, says what to do, and keeps the token to itself',
    async (_, { token }: { token?: string }, config, text) => {
      await start()
      const result = await deployer(config, token ?? github.token).deploy(requestFor(), contextOf().context)
      expect(result).toMatchObject({ outcome: 'failed', reason: expect.stringContaining(text) })
      expect(JSON.stringify(result)).not.toContain('ghp_')
      expect(github.dispatches()).toHaveLength(0)
    },
  )

  it('is unknown, not failed, when the token is taken away while it runs', async () => {
    await start()
    github.script('rollback.yml', { steps: [{ name: 'Deploy', ms: 500 }] })
    github.fault({ match: /GET .*runs\/\d+$/, times: 9, status: 401, message: 'Bad credentials' })
    expect(await deploy()).toMatchObject({ outcome: 'unknown', run: { id: expect.any(String) } })
  })

  it('keeps the token out of the errors it throws', async () => {
    await start()
    github.fault({ match: /GET/, times: 9, status: 500 })
    const error = await deploy().catch((thrown: unknown) => thrown)
    const { inspect } = await import('node:util')
    expect(inspect(error, { depth: 10 })).not.toContain(github.token)
  })

  it('says when it is disabled or without a token', async () => {
    await start({ workflows: { 'rollback.yml': { ...ROLLBACK_WORKFLOW, state: 'disabled_manually' } } })
    expect(await deployer().able?.()).toMatchObject({ able: false, detail: expect.stringContaining('disabled') })
    const bare = createGithubActionsDeployer(configOf(github), { env: {} })
    expect(await bare.able?.()).toMatchObject({ able: false, detail: expect.stringContaining('not set') })
  })
})
