import type { Socket } from 'node:net'
import { buildConnector, Client } from 'undici'

export interface Answer {
  status: number
  /** Of the `Location` header; null where there is none. */
  location: string | null
  /** At most `bodyMaxBytes`, and a chunk; the rest is not read. */
  body: Buffer
}

/** Thrown when an answer that had begun did not come to its end. */
export class BrokenOffError extends Error {
  override readonly name = 'BrokenOffError'
}

export interface GetOptions {
  signal: AbortSignal
  bodyMaxBytes: number
  headers?: Record<string, string>
  /** The TCP connection stands, though TLS may not yet. */
  onConnected?: () => void
}

/**
 * One GET on a connection of its own; follows no redirect. A kept connection would go on talking to the old version
 * after a switch, and one that the server closes just as it is used again would look like a reset.
 * User and password in the URL are sent as Basic authentication. Without an own bound: abort `signal`.
 *
 * @throws BrokenOffError, whatever socket, TLS or HTTP parser say before an answer began, and `signal`'s reason.
 */
export async function get(url: URL, { signal, bodyMaxBytes, headers, onConnected }: GetOptions): Promise<Answer> {
  const connector = buildConnector({ timeout: 0 })
  let socket: Socket | undefined
  const client = new Client(url.origin, {
    pipelining: 0,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (options, callback) => {
      // It returns its socket, which its type leaves out.
      socket = connector(options, callback) as unknown as Socket
      if (onConnected) socket.once('connect', onConnected)
    },
  })
  // A request that waits for its connection does not hear its signal; the socket under it has to go.
  const onAbort = () => socket?.destroy(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    signal.throwIfAborted()
    const {
      statusCode,
      headers: answered,
      body,
    } = await client.request({
      method: 'GET',
      path: url.pathname + url.search,
      headers: { 'user-agent': 'roman-health', ...basicAuth(url), ...headers },
      signal,
    })
    const { location } = answered
    return {
      status: statusCode,
      location: typeof location === 'string' ? location : null,
      body: await beginningOf(body, bodyMaxBytes).catch((cause) => {
        signal.throwIfAborted()
        throw new BrokenOffError('The answer broke off.', { cause })
      }),
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    socket?.destroy()
    void client.destroy()
  }
}

async function beginningOf(body: AsyncIterable<Buffer>, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= bytesMax) break
  }
  return Buffer.concat(chunks)
}

function basicAuth({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {}
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
}
