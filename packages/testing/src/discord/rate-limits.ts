import { createHash } from 'node:crypto'

export interface RateLimit {
  limit: number
  per_seconds: number
}

/** Discord's own numbers are not published and change; five in five seconds is what its message routes show. */
export const USUAL_LIMIT: RateLimit = { limit: 5, per_seconds: 5 }

/** One bucket for each method, route and channel or webhook, over fixed windows, told in Discord's headers. */
export class RateLimits {
  readonly #rate: RateLimit
  readonly #buckets = new Map<string, { used: number; resetsAt: number }>()

  constructor(rate: RateLimit) {
    this.#rate = rate
  }

  /** `retryAfterSeconds` is null where the request may go on. */
  take(
    method: string,
    route: string,
    major: string,
  ): { headers: Record<string, string>; retryAfterSeconds: number | null } {
    const { limit, per_seconds } = this.#rate
    const key = `${method} ${route} ${major}`
    const now = Date.now()
    let bucket = this.#buckets.get(key)
    if (bucket === undefined || bucket.resetsAt <= now) {
      bucket = { used: 0, resetsAt: now + per_seconds * 1000 }
      this.#buckets.set(key, bucket)
    }
    bucket.used += 1
    const resetAfter = Math.max(0, bucket.resetsAt - now) / 1000
    return {
      headers: {
        'x-ratelimit-limit': String(limit),
        'x-ratelimit-remaining': String(Math.max(0, limit - bucket.used)),
        'x-ratelimit-reset': (bucket.resetsAt / 1000).toFixed(3),
        'x-ratelimit-reset-after': resetAfter.toFixed(3),
        'x-ratelimit-bucket': createHash('md5').update(`${method} ${route}`).digest('hex'),
      },
      retryAfterSeconds: bucket.used > limit ? resetAfter : null,
    }
  }
}
