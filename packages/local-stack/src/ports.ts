import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import getPort from 'get-port'

/**
 * A free port on 127.0.0.1, below the range from which operating systems take the local ends of outgoing connections:
 * a server that is restarted must find its port free again.
 */
export function freePort(): Promise<number> {
  const candidates = Array.from({ length: 50 }, () => randomInt(20_000, 32_000))
  return getPort({ host: '127.0.0.1', port: candidates })
}

/**
 * The port asked for, or a free one.
 * @throws Error naming the port and the option to change when the port asked for is taken.
 */
export async function claimPort(asked: number | undefined, purpose: string, option: string): Promise<number> {
  if (asked === undefined) return freePort()
  if (await isFree(asked)) return asked
  throw new Error(
    `Port ${asked}, asked ${purpose}, is taken. Stop what listens there, or choose another with ${option} (without it, a free one is taken).`,
  )
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' || error.code === 'EACCES' ? resolve(false) : reject(error),
    )
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
