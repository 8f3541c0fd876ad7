import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { ApiProcess } from './api-process.ts'

export interface Batch {
  rows: Record<string, string>[]
  /** As it is sent, made beforehand: what is measured is not the client. */
  body: string
}

const SERVICES = 5

/** Rows as a service's logger would send them, each with a key. */
export const batchOf = (name: string, rows: number): Batch => {
  const at = new Date().toISOString()
  const made = Array.from({ length: rows }, (_, index) => ({
    service: `service-${index % SERVICES}`,
    environment: 'production',
    severity: 'error',
    message: `TypeError: cannot read properties of undefined (reading "coupon") in request ${index}`,
    version: '1.1.0',
    occurred_at: at,
    idempotency_key: `${name}-${index}`,
  }))
  return { rows: made, body: JSON.stringify({ errors: made }) }
}

export const SERVICE_NAMES = Array.from({ length: SERVICES }, (_, index) => `service-${index}`)

interface Tally {
  /** Rows answered 202. */
  answered: number
  /** Answers 429 and 503, each for a whole batch. */
  refused: number
  /** Requests that ended without an answer. */
  broken: number
}

const PATIENCE_MS = 60_000
const BROKEN_PAUSE_MS = 100

/** Sends batches until each is answered 202, again after Retry-After or a broken connection, and keeps count. */
export const createSender = (api: ApiProcess) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 100 })
  const tally: Tally = { answered: 0, refused: 0, broken: 0 }
  const answered: Batch[] = []

  const send = ({ body }: Batch): Promise<{ status: number; retryAfter: string | undefined }> =>
    new Promise((resolve, reject) => {
      const sent = request(
        `${api.url}/v1/errors`,
        {
          agent,
          method: 'POST',
          headers: { authorization: `Bearer ${api.key}`, 'content-length': Buffer.byteLength(body) },
          timeout: PATIENCE_MS,
        },
        (response) => {
          response.resume()
          response.once('error', reject)
          response.once('end', () =>
            resolve({ status: response.statusCode!, retryAfter: response.headers['retry-after'] }),
          )
        },
      )
      sent.once('error', reject)
      sent.end(body)
    })

  return {
    tally,
    /** Keys of the rows that were answered 202 so far. */
    answered: (): string[] => answered.flatMap(({ rows }) => rows.map((row) => row.idempotency_key!)),
    async untilAnswered(batch: Batch): Promise<void> {
      for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; ) {
        const answer = await send(batch).catch(() => null)
        if (answer === null) {
          tally.broken += 1
          await pause(BROKEN_PAUSE_MS)
        } else if (answer.status === 202) {
          tally.answered += batch.rows.length
          answered.push(batch)
          return
        } else if (answer.retryAfter !== undefined) {
          tally.refused += 1
          await pause(Number(answer.retryAfter) * 1000)
        } else throw new Error(`A batch was answered ${answer.status}, without Retry-After.`)
      }
      throw new Error(`A batch was not taken within ${PATIENCE_MS / 1000} s.`)
    },
    close: () => agent.destroy(),
  }
}
