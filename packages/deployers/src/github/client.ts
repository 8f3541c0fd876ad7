import { setTimeout as sleep } from 'node:timers/promises'
import { request } from '@octokit/request'
import pRetry from 'p-retry'
import type { GithubActionsConfig } from '../config.ts'
import { DeployerUnavailableError } from '../port.ts'
import type { GithubTiming } from './timing.ts'

export interface GithubResponse<T> {
  status: number
  data: T
  headers: Record<string, string | number | undefined>
}

/** GitHub's answer of 4xx that is about the request itself. The message is GitHub's; it never holds the token. */
export class GithubRefusal extends Error {
  override readonly name = 'GithubRefusal'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** What @octokit/request throws. `response` is absent where none came. */
interface Failure extends Error {
  status: number
  response?: { headers: Record<string, string | undefined> }
}

/** GitHub's REST API for one repository: waits out what passes, inside bounds, and keeps unchanged answers (ETag). */
export class GithubClient {
  private readonly send: typeof request
  private readonly timing: GithubTiming
  private readonly kept = new Map<string, { etag: string; answer: GithubResponse<unknown> }>()

  constructor(config: GithubActionsConfig, token: string, timing: GithubTiming) {
    this.timing = timing
    this.send = request.defaults({
      baseUrl: config.api_url.replace(/\/+$/, ''),
      owner: config.owner,
      repo: config.repo,
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/vnd.github+json',
        'x-github-api-version': '2022-11-28',
        'user-agent': 'roman-rollback',
      },
    })
  }

  /** @throws GithubRefusal, DeployerUnavailableError */
  async get<T>(route: string, parameters: Record<string, unknown> = {}): Promise<GithubResponse<T>> {
    const key = `${route} ${JSON.stringify(parameters)}`
    const kept = this.kept.get(key)
    const headers = kept === undefined ? {} : { 'if-none-match': kept.etag }
    const answer = await this.call<T>('GET', route, { ...parameters, headers }, mayPass)
    if (answer.status === 304 && kept !== undefined) return kept.answer as GithubResponse<T>
    if (typeof answer.headers.etag === 'string') this.kept.set(key, { etag: answer.headers.etag, answer })
    return answer
  }

  /**
   * Sends what must not be done twice: sent again only where GitHub said that it did not even look at it.
   *
   * @throws GithubRefusal, DeployerUnavailableError (which leaves open whether it was done)
   */
  post<T>(route: string, parameters: Record<string, unknown> = {}): Promise<GithubResponse<T>> {
    return this.call<T>('POST', route, parameters, isRateLimited)
  }

  private async call<T>(
    method: string,
    route: string,
    parameters: Record<string, unknown>,
    shouldRetry: (failure: Failure) => boolean,
  ): Promise<GithubResponse<T>> {
    const once = async () => {
      const signal = AbortSignal.timeout(this.timing.request)
      try {
        return await this.send(`${method} ${route}`, { ...parameters, request: { signal } })
      } catch (error) {
        const failure = error as Failure & { response?: GithubResponse<T> }
        if (failure.status === 304 && failure.response) return { ...failure.response, status: 304 }
        throw failure
      }
    }
    try {
      return (await pRetry(once, {
        retries: this.timing.retriesMax,
        minTimeout: this.timing.retry,
        maxTimeout: 30_000,
        randomize: true,
        shouldRetry: ({ error }) =>
          shouldRetry(error as Failure) && askedToWaitMs(error as Failure) <= this.timing.waitMax,
        onFailedAttempt: ({ error, retriesLeft }) => {
          const failure = error as Failure
          if (retriesLeft > 0 && shouldRetry(failure) && askedToWaitMs(failure) <= this.timing.waitMax) {
            return sleep(askedToWaitMs(failure))
          }
        },
      })) as GithubResponse<T>
    } catch (error) {
      const failure = error as Failure
      if (!mayPass(failure)) throw new GithubRefusal(failure.status, failure.message)
      const waitMs = askedToWaitMs(failure)
      const why = failure.response === undefined ? 'did not answer' : `answered ${failure.status}`
      const until = waitMs > 0 ? ` It asks to wait ${Math.ceil(waitMs / 1000)} s.` : ''
      throw new DeployerUnavailableError(`GitHub ${why} at ${method} ${route}: ${failure.message}.${until}`, {
        cause: error,
      })
    }
  }
}

function isRateLimited({ status, response, message }: Failure): boolean {
  if (status === 429) return true
  const headers = response?.headers
  if (status !== 403 || headers === undefined) return false
  return headers['x-ratelimit-remaining'] === '0' || headers['retry-after'] !== undefined || /rate limit/i.test(message)
}

const mayPass = (failure: Failure): boolean =>
  failure.response === undefined || failure.status >= 500 || isRateLimited(failure)

/** As GitHub's guide has it: `retry-after` first, then `x-ratelimit-reset`, which is in seconds of UTC. */
function askedToWaitMs({ response }: Failure): number {
  const headers = response?.headers ?? {}
  const after = Number(headers['retry-after'])
  if (Number.isFinite(after)) return Math.max(0, after * 1000)
  if (headers['x-ratelimit-remaining'] !== '0') return 0
  const reset = Number(headers['x-ratelimit-reset']) * 1000
  const now = headers.date === undefined ? Date.now() : Date.parse(headers.date)
  return Number.isFinite(reset) ? Math.max(0, reset - now) : 0
}
