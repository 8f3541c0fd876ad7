import { apiErrorOf, notTheApi, RomanConnectionError } from './errors.ts'

/** What openapi-fetch gives back. */
interface Exchange<Data> {
  data?: Data
  error?: unknown
  response: Response
}

export interface CallOptions {
  signal?: AbortSignal | undefined
  /** Bound of the whole call, its repetitions included. */
  timeoutMs?: number | undefined
}

interface SendOptions extends CallOptions {
  /** The call may be sent again when no answer came, or one that says to: it reads, or carries an idempotency key. */
  repeatable: boolean
}

export interface Transport {
  /** The answer, whatever its status. Throws `RomanConnectionError` where none came. */
  exchange<Data>(send: (signal: AbortSignal) => Promise<Exchange<Data>>, options: SendOptions): Promise<Exchange<Data>>
  /** The answer's data. Throws `RomanApiError` on any other than 2xx. */
  receive<Data>(send: (signal: AbortSignal) => Promise<Exchange<Data>>, options: SendOptions): Promise<Data>
}

const TIMEOUT_MS = 30_000
const PAUSE_MS = 250

export function createTransport(url: string, repetitionsMax: number): Transport {
  const exchange: Transport['exchange'] = async (send, { signal, timeoutMs = TIMEOUT_MS, repeatable }) => {
    const timeout = AbortSignal.timeout(timeoutMs)
    const until = performance.now() + timeoutMs
    const bound = signal ? AbortSignal.any([signal, timeout]) : timeout
    let away: Exchange<never> | undefined
    let repetitions = 0
    while (true) {
      const last = !repeatable || repetitions >= repetitionsMax
      let pauseMs = PAUSE_MS * 2 ** repetitions
      try {
        const answer = await send(bound)
        const { status, headers } = answer.response
        // A person may be waiting to hear that the server is away (503): that is told within seconds.
        const saidMs = status === 429 ? retryAfterMs(headers) : undefined
        const asked = repeatable && repetitionsMax > 0 && saidMs !== undefined
        if ((status !== 503 && status !== 429) || (last && !asked)) return answer
        away = answer as Exchange<never>
        pauseMs = Math.max(PAUSE_MS, saidMs ?? pauseMs)
        // Waited for in vain, it would only be told later.
        if (performance.now() + pauseMs >= until) return answer
        // A server that says when it has room is asked for as long as the call may take.
        if (saidMs === undefined) repetitions++
      } catch (cause) {
        signal?.throwIfAborted()
        // A server that said why it cannot is told of rather than the time that ran out.
        if (timeout.aborted && away) return away
        if (timeout.aborted)
          throw new RomanConnectionError(url, `No answer came within ${timeoutMs / 1000} seconds.`, { cause })
        if (cause instanceof SyntaxError) throw notTheApi(url, 200)
        if (last) throw new RomanConnectionError(url, `The API cannot be reached (${reasonOf(cause)}).`, { cause })
        repetitions++
      }
      await pause(pauseMs, bound)
    }
  }
  return {
    exchange,
    receive: async (send, options) => {
      const { data, error, response } = await exchange(send, options)
      if (!response.ok) throw apiErrorOf(url, response.status, error)
      if (data === undefined) throw notTheApi(url, response.status)
      return data
    },
  }
}

/** Resolves after `ms`, or as soon as the signal aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done)
  })
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3); undefined where the server does not say, or not clearly. */
function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get('retry-after')?.trim() ?? ''
  if (/^\d+$/.test(value)) return Number(value) * 1000
  const at = value.endsWith('GMT') ? Date.parse(value) : Number.NaN
  return Number.isNaN(at) ? undefined : at - Date.now()
}

/** fetch hides the reason (`ECONNREFUSED`) in its error's cause. */
function reasonOf(error: unknown): string {
  const cause = (error as { cause?: { code?: string; message?: string } }).cause
  return cause?.code ?? cause?.message ?? (error instanceof Error ? error.message : String(error))
}
