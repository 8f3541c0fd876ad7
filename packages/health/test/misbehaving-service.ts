import type { RequestListener } from 'node:http'

/** What a service can do to somebody who asks. */
export const MISBEHAVIOURS = {
  'answers 200': (_, response) => response.end('ok'),
  'answers 404': (_, response) => response.writeHead(404).end(),
  'answers 429': (_, response) => response.writeHead(429).end(),
  'answers 500': (_, response) => response.writeHead(500).end('stack trace'),
  'answers 503 through its load balancer': (_, response) => response.writeHead(503).end(),
  'answers without an end': (_, response) => {
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(16_384)));
    }
    response.on('drain', more)
    more()
  },
  'answers late, but in time': (_, response) => void setTimeout(() => response.end('ok'), 60),
  hangs: () => {},
  'hangs in the middle of its answer': (_, response) => void response.writeHead(200).write('o'),
  'resets the connection': ({ socket }) => socket.resetAndDestroy(),
  'resets the connection in the middle of its answer': ({ socket }, response) => {
    response.writeHead(200, { 'content-length': 10 }).write('o', () => socket.resetAndDestroy())
  },
  'closes the connection': ({ socket }) => socket.end(),
  'closes the connection in the middle of its answer': ({ socket }, response) => {
    response.writeHead(200, { 'content-length': 10 }).write('o', () => socket.end())
  },
  'closes the connection in the middle of a chunk': ({ socket }, response) => {
    response.write('o', () => socket.end())
  },
  'speaks another protocol': ({ socket }) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'),
  'redirects within itself': ({ url }, response) => {
    if (url === '/moved') response.end('ok')
    else response.writeHead(302, { location: '/moved' }).end()
  },
  'redirects to its own 500': ({ url }, response) => {
    if (url === '/moved') response.writeHead(500).end()
    else response.writeHead(307, { location: '/moved' }).end()
  },
  'redirects for ever': ({ url }, response) => response.writeHead(301, { location: `${url}/again` }).end(),
  'redirects to a host that is down': (_, response) => response.writeHead(302, { location: 'http://[::1]:1/' }).end(),
  'redirects to nonsense': (_, response) => response.writeHead(302, { location: 'http://:::/' }).end(),
} satisfies Record<string, RequestListener>

export type Misbehaviour = keyof typeof MISBEHAVIOURS
