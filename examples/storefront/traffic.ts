import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, Client, type Dispatcher } from 'undici'

export interface TrafficCounts {
  total: number
  ok: number
  /** 5xx that the app itself answered. */
  failed: number
  /** Requests that no version answered: refused, reset, timed out, or answered by the proxy in its place. */
  lost: number
  /** The first few of the lost, for the curious. */
  lost_reasons: string[]
}

export interface Traffic {
  counts(): TrafficCounts
  /** Stops sending, waits for the answers that are due, and says the final counts. */
  stop(): Promise<TrafficCounts>
}

export interface TrafficOptions {
  url: string
  perSecond?: number
  timeoutMs?: number
}

const MUG = { sku: 'mug', price_cents: 1200, quantity: 2 }
const VISITS = [
  ...Array.from({ length: 6 }, () => ({ method: 'GET', path: '/products' as const })),
  ...Array.from({ length: 3 }, () => checkout({ items: [MUG], coupon: { code: 'WELCOME10' } })),
  // One visitor in ten has no coupon.
  checkout({ items: [MUG] }),
]

/**
 * Visitors at a steady rate, whether or not earlier ones were answered: half over kept connections, half over a new one
 * each. Every request that is begun is counted once, under what became of it.
 */
export function startTraffic({ url, perSecond = 50, timeoutMs = 10_000 }: TrafficOptions): Traffic {
  const kept = new Agent({ connections: 32 })
  const open = new Set<Promise<void>>()
  const counts: TrafficCounts = { total: 0, ok: 0, failed: 0, lost: 0, lost_reasons: [] }
  const began = performance.now()
  let begun = 0

  // The rate is kept by the clock, not by the timer: a late tick sends what is due.
  const timer = setInterval(
    () => {
      const due = Math.floor(((performance.now() - began) / 1000) * perSecond)
      for (; begun < due; begun++) {
        const visit = one(begun).finally(() => open.delete(visit))
        open.add(visit)
      }
    },
    Math.max(1, 500 / perSecond),
  )

  async function one(index: number): Promise<void> {
    const fresh = index % 2 === 0 ? null : new Client(url)
    const lost = await visitOnce(fresh ?? kept, url, VISITS[Math.floor(index / 2) % VISITS.length]!, timeoutMs).then(
      ({ status, fromApp }) => {
        if (status < 500) counts.ok++
        else if (fromApp) counts.failed++
        else return `HTTP ${status} that no version sent`
        return null
      },
      (error: Error & { code?: string }) => error.code ?? error.message,
    )
    counts.total++
    if (lost !== null) {
      counts.lost++
      if (counts.lost_reasons.length < 10) counts.lost_reasons.push(lost)
    }
    await fresh?.destroy()
  }

  return {
    counts: () => ({ ...counts, lost_reasons: [...counts.lost_reasons] }),
    async stop() {
      clearInterval(timer)
      await Promise.race([Promise.all(open), sleep(timeoutMs * 2, undefined, { ref: false })])
      await kept.destroy()
      return counts
    },
  }
}

async function visitOnce(dispatcher: Dispatcher, url: string, visit: (typeof VISITS)[number], timeoutMs: number) {
  const { statusCode, headers, body } = await dispatcher.request({
    origin: new URL(url).origin,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    ...visit,
    method: visit.method as Dispatcher.HttpMethod,
  })
  await body.dump()
  return { status: statusCode, fromApp: headers['x-storefront-version'] !== undefined }
}

function checkout(cart: object) {
  return {
    method: 'POST',
    path: '/checkout',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(cart),
  }
}
