import { createServer } from 'node:http'

/**
 * Answers `GET /healthz` on loopback or wherever the orchestrator asks: 200 while the process works, 503 while it starts
 * or stops. For processes that serve nothing else.
 */
export const serveHealth = async (port: number, host: string): Promise<{ ready(): void; close(): Promise<void> }> => {
  let working = false
  const server = createServer((request, response) => {
    const known = request.url === '/healthz'
    response.writeHead(known ? (working ? 200 : 503) : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ ok: known && working }))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new Error(`Port ${port} on ${host} cannot be opened. Give ROMAN_HEALTH_PORT another one.`, { cause })),
    )
    server.listen(port, host, resolve)
  })
  return {
    ready: () => {
      working = true
    },
    close: () => {
      working = false
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
