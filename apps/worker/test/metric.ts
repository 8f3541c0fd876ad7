import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll } from 'vitest'

/** One number, told as Prometheus tells the value of a query; gone after the file's last test. */
export const metric = async (field: 'error_rate_per_minute' | 'p95_response_ms', value: number) => {
  const told = { value, source: {} }
  const server = createServer((_request, response) => {
    const data = { resultType: 'scalar', result: [1_765_809_300, String(told.value)] }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ status: 'success', data }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  afterAll(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  told.source = { type: 'prometheus', url, interval_seconds: 0.2, queries: { [field]: 'a query' } }
  return told
}
