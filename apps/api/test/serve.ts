import { afterEach } from 'vitest'
import { buildServer, type ServerParts } from '../src/server.ts'
import { fakeControl } from './fake-control.ts'

export const KEY = 'a-service-key-of-the-tests'
const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((app) => app.close()))
})

/** A listening server, closed after the test. */
export async function serve(
  parts: Partial<Omit<ServerParts, 'control'>> & { control?: Parameters<typeof fakeControl>[0] },
) {
  const { control, ...rest } = parts
  const app = await buildServer({ serviceKey: KEY, ...rest, control: fakeControl(control ?? {}) })
  open.push(app)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const call = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(url + path, {
      ...init,
      headers: { authorization: `Bearer ${KEY}`, ...(init.headers as Record<string, string>) },
    })
    const text = await response.text()
    const json = response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : undefined
    return { status: response.status, headers: response.headers, text, json }
  }
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    call(path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers })
  return { app, url, call, post }
}

/** A promise and the hand that resolves it. */
export function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
