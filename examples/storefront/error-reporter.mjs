import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

const BATCH_MS = 100
const BATCH_MAX = 500
const QUEUE_MAX = 5000
const RETRY_MAX_MS = 5000
const REJECTED_NAMED_MAX = 3

/**
 * Sends errors to R.O.M.A.N. in batches, off the request's path. What cannot be sent waits, up to a bound; the idempotency
 * key makes a batch that was sent twice count once. Without a `url` there is nobody to tell, and nothing is kept.
 */
export function createErrorReporter({ url, key, service, environment, version, deploymentId }) {
  const queue = []
  let closing = false
  let dropped = 0
  const running = url ? run() : Promise.resolve()

  async function run() {
    let retryMs = BATCH_MS
    while (!closing || queue.length > 0) {
      await sleep(queue.length > 0 && retryMs > BATCH_MS ? retryMs : BATCH_MS)
      if (queue.length === 0) continue
      const batch = queue.slice(0, BATCH_MAX)
      if (await send(batch)) {
        queue.splice(0, batch.length)
        retryMs = BATCH_MS
      } else {
        retryMs = Math.min(RETRY_MAX_MS, retryMs * 2)
      }
    }
  }

  /** True where the batch is done with: taken, or refused for good. */
  async function send(errors) {
    try {
      const response = await fetch(new URL('/v1/errors', url), {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ errors }),
        signal: AbortSignal.timeout(10_000),
      })
      const answer = await response.text()
      if (response.ok) {
        const rejected = rejectedIn(answer)
        if (rejected.length > 0)
          console.error(`R.O.M.A.N. rejected ${rejected.length} of ${errors.length} errors: ${named(rejected)}`)
        return true
      }
      if (response.status === 408 || response.status === 429 || response.status >= 500) return false
      console.error(`R.O.M.A.N. refused ${errors.length} errors (${response.status}): ${answer.slice(0, 500)}`)
      return true
    } catch {
      return false
    }
  }

  return {
    report(message) {
      if (!url) return
      if (queue.length >= QUEUE_MAX) {
        dropped++
        return
      }
      queue.push({
        service,
        environment,
        severity: 'error',
        message: message.slice(0, 2000),
        version,
        ...(deploymentId ? { deployment_id: deploymentId } : {}),
        occurred_at: new Date().toISOString(),
        idempotency_key: randomUUID(),
      })
    },
    /** Sends what is left, for at most `withinMs`. */
    async close(withinMs) {
      closing = true
      await Promise.race([running, sleep(withinMs, undefined, { ref: false })])
      const lost = dropped + queue.length
      if (lost > 0) console.error(`${lost} errors could not be sent.`)
    },
  }
}

/** The rows that an answer names as not stored; none where it is not the API's. */
const rejectedIn = (answer) => {
  try {
    return JSON.parse(answer).rejected ?? []
  } catch {
    return []
  }
}

/** The first few, by field and reason; what the error itself says stays here. */
const named = (rejected) =>
  rejected
    .slice(0, REJECTED_NAMED_MAX)
    .map(({ error }) => error.slice(0, 200))
    .join('; ')
