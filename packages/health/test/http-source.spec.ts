import { createServer } from 'node:net'
import { waitFor } from '@roman/local-stack'
import { afterEach, describe, expect, it } from 'vitest'
import { createHealthSource, type HealthSource } from '../src/index.ts'
import { never, shownBy, sourceCompliance } from './compliance.ts'
import { answering, type Listening, listening } from './listening.ts'
import { MISBEHAVIOURS, type Misbehaviour } from './misbehaving-service.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const it of open.splice(0).reverse()) await it.close()
})

function httpSource(url: string, options: { timeout_seconds?: number; interval_seconds?: number } = {}): HealthSource {
  const source = createHealthSource(
    { type: 'http', url, interval_seconds: 1, timeout_seconds: 0.3, ...options },
    { secret: () => undefined },
  )!
  open.push(source)
  return source
}

async function opened(server: Promise<Listening>): Promise<Listening> {
  const it = await server
  open.push(it)
  return it
}

type Situation =
  | Misbehaviour
  | 'refuses the connection'
  | 'hangs before TLS'
  | 'its name cannot be resolved'
  | 'its URL is not one of HTTP'
  | 'its URL is broken'

sourceCompliance<Situation>(
  'http',
  async () => ({
    secrets: ['hunter2', 'tok3n'],
    close: async () => {},
    async source(situation) {
      const secretive = (url: string) => `${url.replace('://', '://probe:hunter2@')}/healthz?key=tok3n`
      if (situation === 'its name cannot be resolved') return httpSource(secretive('http://service.invalid'))
      if (situation === 'its URL is not one of HTTP') return httpSource(secretive('ftp://127.0.0.1'))
      if (situation === 'its URL is broken') return httpSource(secretive('http://127.0.0.1:99999'))
      if (situation === 'hangs before TLS') {
        const { port } = await opened(listening(createServer()))
        return httpSource(secretive(`https://127.0.0.1:${port}`))
      }
      if (situation === 'refuses the connection') {
        const { url, close } = await answering(() => {})
        await close()
        return httpSource(secretive(url))
      }
      const { url } = await opened(answering(MISBEHAVIOURS[situation]))
      return httpSource(secretive(url))
    },
  }),
  {
    'answers 200': 'measured',
    'answers 404': 'measured',
    'answers 429': 'measured',
    'answers late, but in time': 'measured',
    'answers without an end': 'measured',
    'redirects within itself': 'measured',
    'redirects for ever': 'measured',
    'redirects to a host that is down': 'measured',
    'redirects to nonsense': 'measured',
    'answers 500': 'sick',
    'answers 503 through its load balancer': 'sick',
    'redirects to its own 500': 'sick',
    'refuses the connection': 'sick',
    'resets the connection': 'sick',
    'resets the connection in the middle of its answer': 'sick',
    'closes the connection': 'sick',
    'closes the connection in the middle of its answer': 'sick',
    'closes the connection in the middle of a chunk': 'sick',
    hangs: 'sick',
    'hangs in the middle of its answer': 'sick',
    'hangs before TLS': 'sick',
    'speaks another protocol': 'blind',
    'its name cannot be resolved': 'blind',
    'its URL is not one of HTTP': 'blind',
    'its URL is broken': 'blind',
  },
)

describe('an http source', () => {
  it('names the address and what was wrong, without what may be secret', async () => {
    const { url } = await opened(answering(MISBEHAVIOURS['answers 500']))
    const { failures } = await httpSource(`${url.replace('://', '://u:p@')}/healthz?key=k`).read(never)
    expect(failures[0]?.message).toBe(`Health probe: ${url}/healthz answered 500`)
  })

  it('gives the failures that two processes see at one time the same key, and those of another time another', async () => {
    const { url } = await opened(answering(MISBEHAVIOURS['answers 500']))
    const key = async (source: HealthSource) => (await source.read(never)).failures[0]?.idempotency_key
    const sources = [1, 2].map(() => httpSource(url, { interval_seconds: 300 }))
    const [one, other] = await Promise.all(sources.map(key))
    expect(one).toBe(other)
    const often = httpSource(url, { interval_seconds: 0.001 })
    const first = await key(often)
    await waitFor(async () => (await key(often)) !== first, { timeoutMs: 2_000, describe: 'another key' })
  })

  it('sends the credentials of its URL as they are meant', async () => {
    let authorization: string | undefined
    const { url } = await opened(
      answering((request, response) => {
        authorization = request.headers.authorization
        response.end()
      }),
    )
    await httpSource(url.replace('://', '://pro%20be:p%40ss@')).read(never)
    expect(Buffer.from(authorization!.split(' ')[1]!, 'base64').toString()).toBe('pro be:p@ss')
  })

  it('supplies the p95 of its own probes, in which a probe that waited in vain counts', async () => {
    let asked = 0
    const { url } = await opened(answering((_, response) => void (++asked % 2 && response.end())))
    const source = httpSource(url, { timeout_seconds: 0.2 })
    const { values } = await source.read(never)
    expect(values.p95_response_ms).toBeLessThan(150)
    expect((await source.read(never)).values.p95_response_ms).toBeGreaterThanOrEqual(200)
  })

  it('reads no more than it needs of a long answer', async () => {
    let sent = 0
    const { url } = await opened(
      answering((_, response) => {
        const more = () => {
          while (!response.destroyed && response.write('x'.repeat(16_384))) sent += 16_384
        }
        response.on('drain', more)
        more()
      }),
    )
    await httpSource(url).read(never)
    expect(sent).toBeLessThan(16 * 1024 * 1024)
  })

  it('does not take its own stall for a service that does not answer', async () => {
    const { url } = await opened(answering(MISBEHAVIOURS['answers late, but in time']))
    const source = httpSource(url)
    const reading = source.read(never)
    // Long enough for the answer to be late by the clock: this process runs nothing meanwhile, the service included.
    const until = performance.now() + 400
    while (performance.now() < until);
    expect(shownBy(await reading)).toBe('measured')
  })

  it('asks on a new connection each time, so that it meets the version that is live', async () => {
    const ports = new Set<number | undefined>()
    const { url } = await opened(
      answering(({ socket }, response) => {
        ports.add(socket.remotePort)
        response.end()
      }),
    )
    const source = httpSource(url)
    for (let reads = 0; reads < 3; reads += 1) await source.read(never)
    expect(ports.size).toBe(3)
  })
})
