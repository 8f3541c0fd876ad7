import { parseArgs } from 'node:util'
import { startProxy } from './proxy.ts'

/*
 * The reverse proxy as a process:
 *
 *   ROMAN_PROXY_TOKEN=… tsx proxy-main.ts --port 8080 --admin-port 8081 --state-file ./proxy.json [--host 127.0.0.1]
 *
 * Says `{"url", "admin_url"}` on stdout once it listens. SIGTERM ends it; the versions behind it go on.
 */
const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '0' },
    'admin-port': { type: 'string', default: '0' },
    'state-file': { type: 'string' },
  },
})
const adminToken = process.env.ROMAN_PROXY_TOKEN ?? ''
if (values['state-file'] === undefined) throw new TypeError('Name a file for the state: --state-file ./proxy.json')

const proxy = await startProxy({
  host: values.host,
  port: Number(values.port),
  adminPort: Number(values['admin-port']),
  adminToken,
  stateFile: values['state-file'],
})
process.stdout.write(`${JSON.stringify({ url: proxy.url, admin_url: proxy.adminUrl })}\n`)
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void proxy.close().then(() => process.exit(0)))
}
