import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo, Server } from 'node:net'

export interface Listening {
  url: string
  port: number
  /** From now on nobody listens at this port. */
  close(): Promise<void>
}

/** Listens on a free port of loopback. `close` also ends connections that still hang. */
export async function listening(server: Server): Promise<Listening> {
  const sockets = new Set<{ destroy(): void }>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

export const answering = (listener: RequestListener): Promise<Listening> => listening(createServer(listener))
