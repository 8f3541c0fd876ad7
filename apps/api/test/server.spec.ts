import { connect } from 'node:net'
import { ERRORS, type ErrorCode, RomanError } from '@roman/contracts'
import type { Call } from '@roman/control'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { buildServer, listenOn } from '../src/server.ts'
import { event_id, fakeControl, rollbackBody } from './fake-control.ts'
import { deferred, KEY, serve } from './serve.ts'

const rollback = { deployment_id: 'abc-12345', trigger_reason: 'Critical bug in payment flow' }

describe('the key', () => {
  it('is asked for everywhere but at /healthz and what a browser reads', async () => {
    const { call } = await serve({})
    const keyless = { headers: { authorization: '' } }
    for (const path of ['/healthz', '/openapi.json', '/docs/'])
      expect((await call(path, keyless)).status, path).toBe(200)
    for (const path of [
      '/readyz',
      '/v1/summary',
      '/v1/deployments',
      '/auto-rollback/history',
      `/v1/rollbacks/${event_id}`,
    ]) {
      const refused = await call(path, keyless)
      expect(refused.status, path).toBe(401)
      expect(refused.json).toMatchObject({
        success: false,
        code: 'unauthorized',
        error: expect.stringContaining('Bearer'),
      })
      expect(refused.headers.get('www-authenticate')).toBe('Bearer')
    }
  })

  it('is refused when wrong, before the body is looked at', async () => {
    const { post } = await serve({})
    for (const authorization of [`Bearer ${KEY}x`, `Bearer ${KEY.slice(1)}`, `Basic ${KEY}`, 'Bearer', KEY]) {
      const refused = await post('/auto-rollback', '{not json', { authorization })
      expect(refused.status, authorization).toBe(401)
      expect(refused.text).not.toContain(KEY)
    }
  })

  it('may not be empty', async () => {
    await expect(buildServer({ control: fakeControl({}), serviceKey: '' })).rejects.toThrow('service key')
  })
})

describe('the audit trail', () => {
  const anchor = `roman-audit:v1:2:${'a'.repeat(64)}:3`
  const head = { anchor, seal_number: 2, chain_hash: 'a'.repeat(64), events: 3, sealed_at: '2026-01-05T14:35:00.000Z' }
  const found = { kind: 'changed' as const, event_id: 2, seal_number: 1, message: 'Event 2 was changed.' }
  const invalid = {
    valid: false,
    complete: true,
    findings: [found],
    findings_total: 1,
    seals: 2,
    events: 3,
    unsealed: 0,
  }

  it('that is not as it was sealed is an answer with its findings, not an error', async () => {
    let asked: unknown
    const { call } = await serve({
      control: {
        verifyAudit: async (query) => {
          asked = query
          return { ...invalid, head, anchored: true }
        },
        auditAnchor: async () => head,
      },
    })
    const answer = await call(`/v1/audit/verification?anchor=${anchor}`)
    expect(answer).toMatchObject({ status: 200, json: { ...invalid, head, anchored: true } })
    expect(asked).toEqual({ anchor })
    expect(await call('/v1/audit/anchor')).toMatchObject({ status: 200, json: head })
  })

  it('is held against nothing that is not an anchor', async () => {
    const { call } = await serve({})
    const refused = await call('/v1/audit/verification?anchor=abc')
    expect(refused).toMatchObject({ status: 400, json: { code: 'invalid_request' } })
    expect(refused.json.error).toContain('roman audit anchor')
  })
})

describe('bodies', () => {
  it.each([
    'application/x-www-form-urlencoded',
    'text/plain',
    'application/json; charset=utf-8',
    'nonsense',
    undefined,
  ])('are read as JSON when they say they are %s', async (type) => {
    let seen: unknown
    const { url } = await serve({
      control: {
        checkDeployment: async (input) => {
          seen = input
          throw new RomanError('deployment_not_found', 'No such deployment.')
        },
      },
    })
    // Bytes instead of a string, so that fetch adds no Content-Type of its own.
    const response = await fetch(`${url}/functions/v1/auto-rollback/check`, {
      method: 'POST',
      body: new TextEncoder().encode('{"deployment_id":"abc-12345"}'),
      headers: { authorization: `Bearer ${KEY}`, ...(type && { 'content-type': type }) },
    })
    expect(response.status).toBe(404)
    expect(seen).toEqual({ deployment_id: 'abc-12345' })
  })

  it('that are not JSON are refused with the place', async () => {
    const { post } = await serve({})
    const broken = await post('/auto-rollback', '{\n  "deployment_id": oops\n}')
    expect(broken.status).toBe(400)
    expect(broken.json).toMatchObject({ code: 'invalid_request', error: expect.stringContaining('oops') })
    expect((await post('/auto-rollback', '{"a":')).json.error).toContain('Unexpected end')
    expect((await post('/auto-rollback', '{"__proto__":{}}')).json.error).toContain('forbidden prototype')
    expect((await post('/auto-rollback', '')).json.error).toBe('The request has no body. Send a JSON object.')
    expect((await post('/v1/errors', '['.repeat(100_000) + ']'.repeat(100_000))).json.error).toContain('nested deeper')
  })

  it('that break the contract are refused with the path of every field', async () => {
    const { post, call } = await serve({})
    const refused = await post('/auto-rollback', { deployment_id: 7, initiated_by: 'me', trigger_reason: ' ' })
    expect(refused.status).toBe(400)
    expect(refused.json.error).toMatch(/^deployment_id: .+; trigger_reason: .+; initiated_by: /)
    expect(refused.json.details.issues).toMatchObject([
      { in: 'body', path: 'deployment_id' },
      { in: 'body', path: 'trigger_reason' },
      { in: 'body', path: 'initiated_by' },
    ])
    expect((await call('/auto-rollback/history?limit=many')).json.details.issues).toMatchObject([
      { in: 'query', path: 'limit' },
    ])
    const tooLong = await call(`/v1/rollbacks/${'e'.repeat(201)}`)
    expect(tooLong.json.details.issues).toMatchObject([{ in: 'path', path: 'event_id' }])
    expect((await post('/v1/deployments', { environment: 'p', verison: 'v1' })).json.error).toContain('verison')
  })

  it('with a parameter that nobody knows are refused, whatever the route', async () => {
    const { call, post } = await serve({})
    const { paths } = (await call('/openapi.json')).json as { paths: Record<string, Record<string, object>> }
    const readable = Object.keys(paths).filter((path) => paths[path]?.get !== undefined)
    expect(readable.length).toBeGreaterThan(12)
    const refused = [400, expect.stringContaining('the query: Unrecognized key: "limt"')]
    // Open, and asked by load balancers in ways of their own.
    for (const path of readable.filter((path) => path !== '/healthz')) {
      const { status, json } = await call(`${path.replaceAll(/\{\w+\}/g, 'v1')}?limt=3`)
      expect([status, json.error], path).toEqual(refused)
    }
    const { status, json } = await post('/v1/freezes?limt=3', { reason: 'Black Friday' })
    expect([status, json.error]).toEqual(refused)
    expect((await call('/functions/v1/auto-rollback/history?limit=10&limt=3')).status).toBe(400)
  })

  it('that are too large are refused with the limit and the way out', async () => {
    const { post } = await serve({ bodyLimitBytes: 2000 })
    const refused = await post('/v1/errors', { errors: ['x'.repeat(3000)] })
    expect(refused.status).toBe(413)
    expect(refused.json).toMatchObject({ code: 'payload_too_large', details: { limit_bytes: 2000 } })
    expect(refused.json.error).toMatch(/2000 bytes.*Split the batch/)
  })
})

describe('POST /auto-rollback', () => {
  it.each([
    ['verified', 200, { success: true, event_id, status: 'success' }],
    ['running', 202, { success: true, event_id, status: 'success' }],
    ['failed', 502, { success: false, event_id, code: 'rollback_failed' }],
    ['no_target', 404, { success: false, event_id, code: 'no_valid_target', error: 'No valid rollback target found' }],
    [
      'rejected',
      403,
      { success: false, event_id, error: 'Constitutional validation failed', validation: rollbackBody.validation },
    ],
  ] as const)('answers %s with %i', async (kind, status, body) => {
    const { post } = await serve({ control: { executeRollback: async () => ({ kind, body: rollbackBody }) } })
    for (const path of ['/auto-rollback', '/functions/v1/auto-rollback']) {
      const answered = await post(path, rollback)
      expect(answered.status).toBe(status)
      expect(answered.json).toMatchObject(body)
    }
  })

  it('tells of a deployment that does not exist in the one error shape', async () => {
    const executeRollback = async () => {
      throw new RomanError('deployment_not_found', 'No deployment abc-12345. List them with "roman status".', {
        tried: 'abc',
      })
    }
    const { post } = await serve({ control: { executeRollback } })
    const missing = await post('/auto-rollback', rollback)
    expect(missing.status).toBe(404)
    expect(missing.json).toEqual({
      success: false,
      code: 'deployment_not_found',
      error: 'No deployment abc-12345. List them with "roman status".',
      details: { tried: 'abc' },
    })
  })

  it.each([
    [undefined, 25_000, null],
    ['wait=3', 3000, 'wait=3'],
    ['respond-async', 0, 'respond-async'],
    ['handling=strict, wait=0', 0, 'wait=0'],
    ['wait=600', 55_000, 'wait=55'],
    ['wait=soon', 25_000, null],
  ])('waits as "Prefer: %s" says', async (prefer, wait_ms, applied) => {
    let waited: number | undefined
    const { post } = await serve({
      control: {
        executeRollback: async (_input, _call, wait) => {
          waited = wait.wait_ms
          return { kind: 'verified', body: rollbackBody }
        },
      },
    })
    const { headers } = await post('/auto-rollback', rollback, prefer === undefined ? {} : { prefer })
    expect(waited).toBe(wait_ms)
    expect(headers.get('preference-applied')).toBe(applied)
  })

  it('lets a waiting caller go with 202 as soon as the server closes', async () => {
    const waiting = deferred()
    const { app, post } = await serve({
      control: {
        executeRollback: async (_input, _call, { signal }) => {
          waiting.resolve()
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
          return { kind: 'running', body: { ...rollbackBody, status: 'in_progress' } }
        },
      },
    })
    const answered = post('/auto-rollback', rollback)
    await waiting.promise
    const closed = app.close()
    expect(await answered).toMatchObject({ status: 202, json: { status: 'in_progress' } })
    expect((await answered).headers.get('location')).toBe(`/v1/rollbacks/${event_id}`)
    await closed
  })

  it('stops waiting when the caller hangs up', async () => {
    const waiting = deferred()
    const aborted = deferred()
    const { post } = await serve({
      control: {
        executeRollback: async (_input, _call, { signal }) => {
          waiting.resolve()
          signal.addEventListener('abort', () => aborted.resolve(), { once: true })
          await aborted.promise
          return { kind: 'running', body: rollbackBody }
        },
      },
    }).then(({ url }) => ({
      post: (signal: AbortSignal) =>
        fetch(`${url}/auto-rollback`, {
          method: 'POST',
          body: JSON.stringify(rollback),
          headers: { authorization: `Bearer ${KEY}` },
          signal,
        }),
    }))
    const hangUp = new AbortController()
    const call = post(hangUp.signal)
    await waiting.promise
    hangUp.abort()
    await expect(call).rejects.toThrow()
    await aborted.promise
  })
})

describe('who acts', () => {
  it.each([
    [{}, { kind: 'service_key', user_id: null }],
    [{ initiated_by: event_id }, { kind: 'service_key', user_id: event_id }],
    [
      { discord: { id: '123456', name: 'Rhea' } },
      { kind: 'discord', user_id: null, discord_id: '123456', name: 'Rhea' },
    ],
  ])('is taken from the key and, on its word, from %o', async (onBehalfOf, actor) => {
    const calls: Call[] = []
    const { post } = await serve({
      control: {
        approve: async (_ref, _input, call) => {
          calls.push(call)
          return { success: true, decision_id: event_id, status: 'approved', event_id: null }
        },
      },
    })
    await post('/v1/deployments/v2.5.3/approve', { reason: 'yes', ...onBehalfOf }, { 'idempotency-key': 'k-1' })
    expect(calls).toEqual([{ actor, idempotency_key: 'k-1' }])
  })
})

describe('failures', () => {
  it('nobody foresaw answer with the request id and nothing else', async () => {
    const { call } = await serve({
      control: {
        summary: async () => {
          throw new Error('connect postgres://roman:hunter2@db failed')
        },
      },
    })
    const failed = await call('/v1/summary', { headers: { 'x-request-id': 'req-42' } })
    expect(failed.status).toBe(500)
    expect(failed.json).toMatchObject({ success: false, code: 'internal_error', details: { request_id: 'req-42' } })
    expect(failed.text).not.toContain('hunter2')
    expect(failed.headers.get('x-request-id')).toBe('req-42')
  })

  it('that pass say when to try again', async () => {
    const { call } = await serve({
      control: {
        summary: async () => {
          throw new RomanError('database_unavailable', 'PostgreSQL does not answer. Try again in a few seconds.')
        },
        readiness: async () => ({
          ready: false,
          checks: {
            database: { ok: true, detail: 'answers' },
            migrations: { ok: true, detail: 'up to date' },
            temporal: { ok: false, detail: 'does not answer at 127.0.0.1:7233' },
          },
        }),
      },
    })
    expect(await call('/v1/summary')).toMatchObject({ status: 503, json: { code: 'database_unavailable' } })
    const unready = await call('/readyz')
    expect(unready).toMatchObject({ status: 503, json: { code: 'temporal_unavailable', details: { ready: false } } })
    expect(unready.headers.get('retry-after')).toBe('5')
  })

  it.each([
    [429, 'too_many_requests'],
    [503, 'database_unavailable'],
  ] as const)('of a full intake say with %i when there is room again', async (status, code) => {
    const { post } = await serve({
      control: {
        ingestErrors: async () => {
          throw new RomanError(code, 'None of this batch was stored.', { retry_after_seconds: 1 })
        },
      },
    })
    const refused = await post('/v1/errors', { errors: [{}] })
    expect(refused).toMatchObject({ status, json: { success: false, code, details: { retry_after_seconds: 1 } } })
    expect(refused.headers.get('retry-after')).toBe('1')
  })

  it('of a body that no row can be told apart in are of the whole batch', async () => {
    const { post } = await serve({})
    const nested = `${'['.repeat(101)}${']'.repeat(101)}`
    for (const metadata of ['{"__proto__":{}}', '{"constructor":{"prototype":{}}}', nested]) {
      const refused = await post('/v1/errors', `{"errors":[{},{"metadata":${metadata}}]}`)
      expect(refused, metadata).toMatchObject({ status: 400, json: { code: 'invalid_request' } })
    }
  })

  it('of the route itself name it', async () => {
    const { call } = await serve({})
    expect(await call('/v2/things?x=1')).toMatchObject({
      status: 404,
      json: { code: 'route_not_found', error: 'There is no GET /v2/things. The routes are listed at /docs.' },
    })
    expect(await call('/v1/deployments/%zz')).toMatchObject({
      status: 400,
      json: { code: 'invalid_request', success: false },
    })
  })

  it('of HTTP itself have the one shape too', async () => {
    const { url } = await serve({})
    const { port } = new URL(url)
    const answered = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), '127.0.0.1', () => socket.write('GET / HTTQ/1.1\r\n\r\n'))
      let text = ''
      socket.on('data', (chunk) => {
        text += chunk
      })
      socket.on('close', () => resolve(text))
    })
    expect(answered).toMatch(/^HTTP\/1\.1 400 /)
    expect(JSON.parse(answered.split('\r\n\r\n')[1] ?? '')).toMatchObject({ success: false, code: 'invalid_request' })
  })

  it('are logged without the key', async () => {
    const lines: string[] = []
    const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })
    const { call } = await serve({
      logger,
      control: {
        summary: async () => {
          throw new Error('boom')
        },
      },
    })
    await call('/v1/summary')
    expect(lines.join('')).toContain('boom')
    expect(lines.join('')).not.toContain(KEY)
  })
})

describe('the document', () => {
  it('names every refusal of what people decide, under its status', async () => {
    const { call } = await serve({})
    const { paths } = (await call('/openapi.json')).json
    const refusals: Record<string, ErrorCode[]> = {
      'deployments/{id}/approve': ['superseded', 'nothing_waiting', 'already_decided', 'constitutional_rejection'],
      'deployments/{id}/reject': ['superseded', 'nothing_waiting', 'already_decided'],
      'deployments/{id}/verify': ['not_verifiable', 'already_decided'],
      'rollbacks/{event_id}/abort': ['already_decided', 'abort_too_late', 'nothing_waiting', 'ambiguous_rollback'],
      'rollbacks/{event_id}/override': ['not_overridable', 'already_decided', 'superseded', 'override_not_covering'],
    }
    for (const [path, codes] of Object.entries(refusals)) {
      const { responses } = paths[`/v1/${path}`].post
      for (const code of codes)
        expect(responses[ERRORS[code].status]?.description, `${path} ${code}`).toContain(`\`${code}\``)
    }
  })
})

describe('a port that is taken', () => {
  it('is told of with the way out', async () => {
    const { url } = await serve({})
    const second = await buildServer({ control: fakeControl({}), serviceKey: KEY })
    const port = Number(new URL(url).port)
    await expect(listenOn(second, { host: '127.0.0.1', port })).rejects.toThrow(`Port ${port} of 127.0.0.1 is taken`)
    await second.close()
  })
})

describe('lists', () => {
  it('read their query as the contract says', async () => {
    const seen: unknown[] = []
    const { call } = await serve({
      control: {
        history: async (query) => {
          seen.push(query)
          return { rollbacks: [] }
        },
        listDeployments: async (query) => {
          seen.push(query)
          return { deployments: [] }
        },
      },
    })
    expect((await call('/auto-rollback/history?limit=3')).json).toEqual({ rollbacks: [] })
    await call('/v1/deployments?live=true&service=storefront')
    expect(seen).toEqual([{ limit: 3 }, { live: true, service: 'storefront', limit: 20 }])
  })
})
