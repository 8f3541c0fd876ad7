import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import RollbackService, { createRomanClient, RomanApiError, RomanConnectionError } from './index.ts'

const event_id = '0191d1a2-0000-7000-8000-0000000000e1'
const target_deployment = {
  deployment_id: '0191d1a2-0000-7000-8000-000000000001',
  version: 'v2.5.2',
  git_commit: 'a7f3b29',
  deployed_at: '2025-12-15T13:45:00Z',
  health_check_passed: true,
}
const body = {
  success: true,
  event_id,
  status: 'success',
  phase: 'ended',
  target_deployment,
  snapshot_id: null,
  validation: null,
}

const row = { environment: 'production', severity: 'error', message: 'x' } as const

interface Received {
  method: string
  url: string
  headers: IncomingMessage['headers']
  body: unknown
}
type Reply =
  | { status: number; json: unknown; retryAfter?: string }
  | 'hang up'
  | 'silence'
  | { status: number; text: string }

const open: { close(): void }[] = []
afterEach(() => {
  for (const server of open.splice(0)) server.close()
})

/** A server that speaks HTTP for real and answers what the test scripts, one reply per request. */
async function scripted(...replies: Reply[]) {
  const received: Received[] = []
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    let text = ''
    for await (const chunk of request) text += chunk
    received.push({
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      body: text === '' ? undefined : JSON.parse(text),
    })
    const reply = replies.length > 1 ? replies.shift() : replies[0]
    if (reply === 'silence') return
    if (reply === undefined || reply === 'hang up') return void request.socket.destroy()
    const isText = 'text' in reply
    response.writeHead(reply.status, {
      'content-type': isText ? 'text/html' : 'application/json',
      ...(!isText && reply.retryAfter !== undefined && { 'retry-after': reply.retryAfter }),
    })
    response.end(isText ? reply.text : JSON.stringify(reply.json))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push({
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, received }
}

const running = { status: 202, json: { ...body, status: 'in_progress', phase: 'deploying' } }
const shown = (status: string, more = {}) => ({
  status: 200,
  json: {
    event_id,
    status,
    phase: status === 'in_progress' ? 'verifying' : 'ended',
    target_deployment,
    snapshot_id: null,
    validation: { compliant: true, violations: [], warnings: [] },
    detail: null,
    ...more,
  },
})

describe('executeRollback', () => {
  it('sends what its three arguments say and gives back the outcome', async () => {
    const { url, received } = await scripted({ status: 200, json: body })
    const result = await new RollbackService(`${url}/`, 'the-key').executeRollback('v2.5.3', 'Critical bug', event_id)
    expect(result).toMatchObject({ success: true, event_id, target_deployment })
    expect(received).toMatchObject([
      {
        method: 'POST',
        url: '/auto-rollback',
        body: { deployment_id: 'v2.5.3', trigger_reason: 'Critical bug', initiated_by: event_id },
        headers: { authorization: 'Bearer the-key', prefer: 'wait=25' },
      },
    ])
  })

  it('follows a rollback that still runs to its end, telling every change once', async () => {
    const { url, received } = await scripted(
      running,
      shown('in_progress'),
      'hang up',
      shown('in_progress'),
      shown('success'),
    )
    const phases: string[] = []
    const result = await new RollbackService(url, 'k').executeRollback('v2.5.3', 'Critical bug', undefined, {
      onProgress: ({ phase }) => phases.push(phase),
    })
    expect(result).toMatchObject({ success: true, event_id, status: 'success', target_deployment })
    expect(phases).toEqual(['verifying', 'ended'])
    expect(received.slice(1).every((call) => call.url === `/v1/rollbacks/${event_id}`)).toBe(true)
  })

  it('asks again after a broken connection, as the same request', async () => {
    const { url, received } = await scripted(
      'hang up',
      { status: 503, json: { success: false, error: 'away', code: 'database_unavailable' } },
      { status: 200, json: body },
    )
    expect(await new RollbackService(url, 'k').executeRollback('v2.5.3', 'Critical bug')).toMatchObject({
      success: true,
    })
    const keys = received.map(({ headers }) => headers['idempotency-key'])
    expect(keys).toHaveLength(3)
    expect(new Set(keys).size).toBe(1)
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/)
  })

  it.each([
    [
      'refused',
      403,
      {
        success: false,
        error: 'Constitutional validation failed',
        code: 'constitutional_rejection',
        event_id,
        validation: { compliant: false, violations: ['stable_system'], warnings: [] },
      },
    ],
    [
      'without a target',
      404,
      { success: false, error: 'No valid rollback target found', code: 'no_valid_target', event_id, validation: null },
    ],
    [
      'failed',
      502,
      { ...body, success: false, status: 'failed', error: 'rollback did not help', code: 'rollback_failed' },
    ],
    ['of a deployment nobody knows', 404, { success: false, error: 'No deployment v9.', code: 'deployment_not_found' }],
    ['with the wrong key', 401, { success: false, error: 'The key is not valid here.', code: 'unauthorized' }],
  ])('says so, and does not throw, when the rollback is %s', async (_case, status, json) => {
    const { url } = await scripted({ status, json })
    const result = await new RollbackService(url, 'k').executeRollback('v9', 'why not')
    expect(result).toMatchObject({
      success: false,
      error: json.error,
      code: json.code,
      event_id: 'event_id' in json ? event_id : null,
    })
  })

  it('ends as failed when the followed rollback does', async () => {
    const { url } = await scripted(running, shown('failed', { detail: 'rollback did not help' }))
    const result = await new RollbackService(url, 'k').executeRollback('v2.5.3', 'Critical bug')
    expect(result).toMatchObject({ success: false, event_id, status: 'failed', error: 'rollback did not help' })
  })

  it('stops following when time is up, and names the rollback that goes on', async () => {
    const { url } = await scripted(running, shown('in_progress'))
    const result = await new RollbackService(url, 'k').executeRollback('v2.5.3', 'Critical bug', undefined, {
      timeoutMs: 50,
    })
    expect(result).toMatchObject({ success: false, event_id, status: 'in_progress', code: 'still_running' })
  })

  it('stops when it is told to', async () => {
    const { url } = await scripted(running, shown('in_progress'))
    const stop = new AbortController()
    const result = new RollbackService(url, 'k').executeRollback('v2.5.3', 'Critical bug', undefined, {
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('enough')),
    })
    await expect(result).rejects.toThrow('enough')
  })
})

describe('errors', () => {
  it('of the API carry its status, code, message and details', async () => {
    const { url } = await scripted({
      status: 400,
      json: { success: false, error: 'two fit', code: 'ambiguous_deployment', details: { candidates: [1] } },
    })
    const failed = createRomanClient({ url, key: 'k' }).showDeployment('v1')
    await expect(failed).rejects.toBeInstanceOf(RomanApiError)
    await expect(failed).rejects.toMatchObject({
      status: 400,
      code: 'ambiguous_deployment',
      message: 'two fit',
      details: { candidates: [1] },
    })
  })

  it('of a server that is not there name the URL and how to set it', async () => {
    const { url } = await scripted()
    open.splice(0)[0]?.close()
    const failed = createRomanClient({ url, key: 'k', repetitionsMax: 0 }).summary()
    await expect(failed).rejects.toBeInstanceOf(RomanConnectionError)
    await expect(failed).rejects.toThrow(new RegExp(`ECONNREFUSED.*${url}.*ROMAN_URL`))
  })

  it.each([
    [200, '<html>hello</html>'],
    [502, '<html>Bad gateway</html>'],
  ])('of something else that answers (%i) say that it is not the API', async (status, text) => {
    const { url } = await scripted({ status, text })
    await expect(createRomanClient({ url, key: 'k' }).summary()).rejects.toMatchObject({
      status,
      code: 'unexpected_answer',
    })
  })

  it('of time are bounded', async () => {
    const { url } = await scripted('silence')
    await expect(createRomanClient({ url, key: 'k' }).summary({ timeoutMs: 50 })).rejects.toThrow('within 0.05 seconds')
  })

  it('of the caller are found before anything is sent', () => {
    expect(() => createRomanClient({ url: 'localhost:4400', key: 'k' })).toThrow('http://')
    expect(() => createRomanClient({ url: 'http://localhost:4400', key: '' })).toThrow('ROMAN_KEY')
  })

  it('that could store a row twice are not repeated', async () => {
    const { url, received } = await scripted('hang up')
    const client = createRomanClient({ url, key: 'k' })
    await expect(client.reportErrors([row])).rejects.toBeInstanceOf(RomanConnectionError)
    expect(received).toHaveLength(1)
  })
})

describe('a server that has no room', () => {
  const refusal = (status: number, retryAfter?: string) => ({
    status,
    json: { success: false, error: 'Not now.', code: status === 429 ? 'too_many_requests' : 'database_unavailable' },
    ...(retryAfter !== undefined && { retryAfter }),
  })
  const keyed = { ...row, idempotency_key: 'k-1' }

  it('gets the same rows again when it said, however often', async () => {
    const stored = { accepted: 1, duplicates: 0, rejected: [] }
    const past = new Date(0).toUTCString()
    const busy = ['1', '0', past].map((retryAfter) => refusal(429, retryAfter))
    // That it was away before takes nothing from that.
    const { url, received } = await scripted(refusal(503), ...busy, { status: 202, json: stored })
    const startedAt = performance.now()
    const client = createRomanClient({ url, key: 'k', repetitionsMax: 1 })
    expect(await client.reportErrors([keyed])).toEqual(stored)
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(990)
    expect(received.map(({ body }) => body)).toEqual(Array(5).fill({ errors: [keyed] }))
  })

  it.each([
    ['in seconds', '3600'],
    ['as a date', new Date(Date.now() + 3_600_000).toUTCString()],
  ])('and none before the call must end (%s) is not asked again', async (_case, retryAfter) => {
    const { url, received } = await scripted(refusal(429, retryAfter))
    await expect(createRomanClient({ url, key: 'k' }).reportErrors([keyed])).rejects.toMatchObject({ status: 429 })
    expect(received).toHaveLength(1)
  })

  it.each([
    ['whose rows have no keys', [row], 3, '0', 1],
    ['that may not be repeated', [keyed], 0, '0', 1],
    ['that is not told when', [keyed], 1, undefined, 2],
  ])('answers a call %s', async (_case, rows, repetitionsMax, retryAfter, times) => {
    const { url, received } = await scripted(refusal(429, retryAfter))
    await expect(createRomanClient({ url, key: 'k', repetitionsMax }).reportErrors(rows)).rejects.toMatchObject({
      code: 'too_many_requests',
    })
    expect(received).toHaveLength(times)
  })

  it('is asked no longer than the call may take', async () => {
    const { url } = await scripted(refusal(429, '0'))
    const failed = createRomanClient({ url, key: 'k' }).reportErrors([keyed], { timeoutMs: 1_500 })
    await expect(failed).rejects.toMatchObject({ status: 429 })
  })
})
