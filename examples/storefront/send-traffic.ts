import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startTraffic } from './traffic.ts'

// Usage: tsx send-traffic.ts --url http://127.0.0.1:8080 [--per-second 50] [--seconds 60]
const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    'per-second': { type: 'string', default: '50' },
    seconds: { type: 'string', default: '60' },
  },
})
if (values.url === undefined) throw new TypeError('Say where the shop is: --url http://127.0.0.1:8080')

const traffic = startTraffic({ url: values.url, perSecond: Number(values['per-second']) })
await sleep(Number(values.seconds) * 1000)
process.stdout.write(`${JSON.stringify(await traffic.stop())}\n`)
