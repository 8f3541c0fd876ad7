import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createProxyServer } from 'httpxy'
import { createAdmin } from './proxy-admin.ts'
import { ProxyStateFile } from './proxy-state.ts'
import { Upstreams } from './upstreams.ts'

export interface ProxyOptions {
  /** Where visitors come in. Port 0 takes a free one. */
  host: string
  port: number
  /** The admin endpoint listens on loopback only. Port 0 takes a free one. */
  adminPort: number
  adminToken: string
  stateFile: string
}

export interface ReverseProxy {
  url: string
  adminUrl: string
  /** Stops listening and ends when the requests under way are answered. The versions behind it go on. */
  close(): Promise<void>
}

/**
 * A small reverse proxy in front of one service: it gives each request to the live version, at once, and never queues.
 * A switch takes effect between two requests; those under way finish where they began.
 */
export async function startProxy(options: ProxyOptions): Promise<ReverseProxy> {
  if (options.adminToken.length < 16) {
    throw new TypeError(
      'The proxy needs an admin token of at least 16 characters. Make one with "openssl rand -hex 24".',
    )
  }
  const upstreams = new Upstreams(new ProxyStateFile(options.stateFile))
  // A connection for each request: a kept one may be closed by its version at the moment it is used, which would lose
  // the request, and on loopback a new one costs next to nothing.
  const proxy = createProxyServer({ agent: false, xfwd: true, proxyTimeout: 0 })

  const front = createServer((request, response) => {
    const target = upstreams.take(response)
    if (target === null) return refuse(response, 503, 'No version is live yet. Deploy one.')
    proxy.web(request, response, { target }).catch(() => refuse(response, 502, 'The live version did not answer.'))
  })
  // Visitors' idle connections are closed by them or after this, which a load balancer in front outlasts with its default.
  front.keepAliveTimeout = 75_000
  const admin = createServer(createAdmin(upstreams, options.adminToken))

  const [address, adminAddress] = await Promise.all([
    listen(front, options.port, options.host),
    listen(admin, options.adminPort, '127.0.0.1'),
  ])
  return {
    url: `http://${options.host}:${address.port}`,
    adminUrl: `http://127.0.0.1:${adminAddress.port}`,
    async close() {
      upstreams.close()
      await Promise.all([close(front), close(admin)])
    },
  }
}

function refuse(response: ServerResponse<IncomingMessage>, status: number, error: string): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ success: false, error }))
}

function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve(server.address() as AddressInfo))
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
  })
}
