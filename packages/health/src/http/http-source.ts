import { createHash } from 'node:crypto'
import type { HealthSourceConfig } from '@roman/contracts/schemas'
import type { HealthSource, SourceReading } from '../port.ts'
import { DeadlineError, withinBound } from '../within-bound.ts'
import { type Answer, get } from './get.ts'
import { createResponseTimes } from './response-times.ts'
import { sicknessOf } from './sickness.ts'

export type HttpSourceConfig = Extract<HealthSourceConfig, { type: 'http' }>

const REDIRECTS_MAX = 3
const BODY_MAX_BYTES = 64 * 1024
const REDIRECTS = [301, 302, 303, 307, 308]

/** Asks the service itself. Whatever it answers below 500 shows it alive. */
export function createHttpSource(config: HttpSourceConfig): HealthSource {
  const intervalMs = config.interval_seconds * 1000
  const timeoutMs = config.timeout_seconds * 1000
  const times = createResponseTimes()
  const closing = new AbortController()
  const measured = (): SourceReading['values'] => {
    const p95 = times.p95()
    return p95 === null ? {} : { p95_response_ms: p95 }
  }

  const alive = (): SourceReading => ({ values: measured(), unavailable: [], failures: [] })
  const unseen = (): SourceReading => ({ ...alive(), unavailable: ['http'] })
  const sick = (url: URL, what: string, slot: number): SourceReading => {
    const address = shown(url)
    const key = createHash('sha256').update(address).digest('hex').slice(0, 16)
    return {
      ...alive(),
      failures: [{ message: `Health probe: ${address} ${what}`, idempotency_key: `http:${key}:${slot}` }],
    }
  }

  const read = async (signal: AbortSignal): Promise<SourceReading> => {
    const slot = Math.floor(Date.now() / intervalMs)
    const startedAt = performance.now()
    const url = new URL(config.url)
    const probe = { connected: false, timeoutMs }
    try {
      const { status } = await withinBound(timeoutMs, [signal, closing.signal], (bound) => ask(url, bound, probe))
      times.add(performance.now() - startedAt)
      return status >= 500 ? sick(url, `answered ${status}`, slot) : alive()
    } catch (error) {
      if (signal.aborted || closing.signal.aborted) return unseen()
      const sickness = sicknessOf(error, probe)
      if (sickness === null) return unseen()
      // Who waited in vain waited at least this long; left out, a service that hangs would look fast.
      if (error instanceof DeadlineError) times.add(timeoutMs)
      return sick(url, sickness, slot)
    }
  }

  return {
    name: 'http',
    interval_ms: intervalMs,
    timeout_ms: timeoutMs,
    supplies: ['http'],
    read: (signal) => read(signal).catch(unseen),
    close: async () => closing.abort(),
  }
}

/** Follows redirects within the host: elsewhere it is no longer the service that is asked, and the redirect its answer. */
async function ask(from: URL, signal: AbortSignal, probe: { connected: boolean }): Promise<Answer> {
  let url = from
  for (let redirects = 0; ; redirects += 1) {
    probe.connected = false
    const answer = await get(url, {
      signal,
      bodyMaxBytes: BODY_MAX_BYTES,
      onConnected: () => {
        probe.connected = true
      },
    })
    const next = REDIRECTS.includes(answer.status) ? resolved(answer.location, url) : null
    if (next === null || next.hostname !== from.hostname || redirects === REDIRECTS_MAX) return answer
    url = next
  }
}

function resolved(location: string | null, base: URL): URL | null {
  if (location === null || !URL.canParse(location, base.href)) return null
  const url = new URL(location, base.href)
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : null
}

/** A URL that people may see: user, password and query may hold secrets. */
const shown = (url: URL): string => url.origin + url.pathname
