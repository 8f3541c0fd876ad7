import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import type { Instance } from './proxy-state.ts'
import type { Upstreams } from './upstreams.ts'

/** `POST /switch`. */
interface SwitchRequest {
  instance: Instance
  drain_seconds: number
}

const BODY_MAX_BYTES = 100_000

/** `GET /state`, `POST /switch` (409 where a newer deployment is live), both with `Authorization: Bearer <token>`. */
export function createAdmin(upstreams: Upstreams, token: string): RequestListener {
  return (request, response) => {
    answer(upstreams, token, request, response).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : 'unknown fault'
      send(response, 500, { success: false, error: `The proxy could not do that: ${message}` })
    })
  }
}

async function answer(upstreams: Upstreams, token: string, request: IncomingMessage, response: ServerResponse) {
  if (!same(request.headers.authorization ?? '', `Bearer ${token}`)) {
    return send(response, 401, { success: false, error: "Send the proxy's admin token as a bearer token." })
  }
  if (request.method === 'GET' && request.url === '/state') return send(response, 200, upstreams.state)
  if (request.method === 'POST' && request.url === '/switch') {
    if (Number(request.headers['content-length'] ?? BODY_MAX_BYTES + 1) > BODY_MAX_BYTES) {
      return send(response, 413, { success: false, error: 'The switch request is too large.' })
    }
    const body = (await json(request)) as SwitchRequest
    if (!isSwitchRequest(body)) {
      return send(response, 400, { success: false, error: 'Send {instance: {event_id, version, …}, drain_seconds}.' })
    }
    const result = upstreams.switchTo(body.instance, body.drain_seconds * 1000)
    if (result.switched) return send(response, 200, result.state)
    return send(response, 409, { success: false, error: result.reason })
  }
  return send(response, 404, { success: false, error: 'There is GET /state and POST /switch.' })
}

function isSwitchRequest(body: SwitchRequest | null): boolean {
  const instance = body?.instance
  return (
    typeof body?.drain_seconds === 'number' &&
    Number.isInteger(instance?.port) &&
    Number.isInteger(instance?.pid) &&
    /^\d+$/.test(instance?.fence ?? '') &&
    [instance?.event_id, instance?.version, instance?.git_commit, instance?.started].every((v) => typeof v === 'string')
  )
}

function same(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(wanted))
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
