import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createRomanApi } from '../src/roman-api.ts'
import { ADA, BAD } from './roman-double.ts'

let server: Server
let answer: { status: number; body: unknown }
let asked: { method: string; path: string; headers: IncomingMessage['headers']; body: string }
beforeEach(async () => {
  server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    asked = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body }
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(() => new Promise((resolve) => server.close(resolve)))

const api = () => createRomanApi({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, key: 'the-key' })
const discord = { id: ADA, name: 'Ada' }
const start = () => api().startRollback({ deployment_id: BAD, trigger_reason: 'bug', discord }, 'discord:1:rollback')

it('asks without waiting for the end, by the key that makes it one request', async () => {
  answer = { status: 202, body: { success: true, event_id: 'e1', status: 'pending' } }
  expect(await start()).toEqual({ event_id: 'e1' })
  expect(asked).toMatchObject({
    method: 'POST',
    path: '/auto-rollback',
    headers: { authorization: 'Bearer the-key', 'idempotency-key': 'discord:1:rollback', prefer: 'wait=0' },
  })
  expect(JSON.parse(asked.body)).toEqual({ deployment_id: BAD, trigger_reason: 'bug', discord })
})

it.each([403, 404, 502])('takes a %i that names its event for the event', async (status) => {
  answer = { status, body: { success: false, error: 'no', code: 'constitutional_rejection', event_id: 'e1' } }
  expect(await start()).toEqual({ event_id: 'e1' })
})

it('hands on why the API refused', async () => {
  answer = { status: 409, body: { success: false, error: 'Not live. Name the live one.', code: 'deployment_not_live' } }
  await expect(start()).rejects.toMatchObject({
    name: 'RomanError',
    code: 'deployment_not_live',
    message: 'Not live. Name the live one.',
  })
})

it('tells an API that is silent from one that refuses', async () => {
  const silent = createRomanApi({ url: 'http://127.0.0.1:1', key: 'the-key' })
  await expect(silent.showRollback('e1')).rejects.toMatchObject({ name: 'RomanUnreachable' })
})
