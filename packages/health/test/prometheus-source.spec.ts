import { afterEach, describe, expect, it } from 'vitest'
import { createHealthSource, type HealthSource } from '../src/index.ts'
import { never, sourceCompliance } from './compliance.ts'
import { type Evaluated, prometheusStandIn, scalar, vector } from './prometheus-stand-in.ts'

const TOKEN = 's3cr3t-bearer'
const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const it of open.splice(0).reverse()) await it.close()
})

async function standIn(options: Parameters<typeof prometheusStandIn>[0]) {
  const it = await prometheusStandIn(options)
  open.push(it)
  return it
}

function prometheusSource(
  url: string,
  queries: Record<string, string>,
  token: string | undefined = undefined,
): HealthSource {
  const source = createHealthSource(
    {
      type: 'prometheus',
      url,
      interval_seconds: 1,
      timeout_seconds: 0.3,
      queries,
      token_env: 'PROMETHEUS_TOKEN',
    },
    { secret: (name) => (name === 'PROMETHEUS_TOKEN' ? token : undefined) },
  )!
  open.push(source)
  return source
}

type Situation =
  | 'answers with a number'
  | 'answers 503'
  | 'answers HTML'
  | 'answers too much'
  | 'redirects'
  | 'does not know the query'
  | 'refuses the token'
  | 'refuses the connection'
  | 'the token is not set'
  | 'the token cannot be sent'
  | 'its name cannot be resolved'

sourceCompliance<Situation>(
  'prometheus',
  async () => ({
    secrets: [TOKEN, 'hunter2'],
    close: async () => {},
    async source(situation) {
      const known = { evaluate: { errors: vector('0.5') }, token: TOKEN }
      const query = { error_rate_per_minute: situation === 'does not know the query' ? 'errors{' : 'errors' }
      switch (situation) {
        case 'hangs':
        case 'answers 503':
        case 'answers HTML':
        case 'answers too much':
        case 'redirects':
          return prometheusSource((await standIn({ ...known, trouble: situation })).url, query, TOKEN)
        case 'its name cannot be resolved':
          return prometheusSource('http://u:hunter2@prometheus.invalid', query, TOKEN)
        case 'refuses the connection': {
          const { url, close } = await prometheusStandIn(known)
          await close()
          return prometheusSource(url, query, TOKEN)
        }
        case 'refuses the token':
          return prometheusSource((await standIn({ ...known, token: 'another' })).url, query, TOKEN)
        case 'the token is not set':
          return prometheusSource((await standIn({ evaluate: known.evaluate })).url, query)
        case 'the token cannot be sent':
          return prometheusSource((await standIn(known)).url, query, `${TOKEN}\n`)
        default:
          return prometheusSource((await standIn(known)).url, query, TOKEN)
      }
    },
  }),
  {
    'answers with a number': 'measured',
    hangs: 'blind',
    'answers 503': 'blind',
    'answers HTML': 'blind',
    'answers too much': 'blind',
    redirects: 'blind',
    'does not know the query': 'blind',
    'refuses the token': 'blind',
    'refuses the connection': 'blind',
    'the token is not set': 'blind',
    'the token cannot be sent': 'blind',
    'its name cannot be resolved': 'blind',
  },
)

describe('a prometheus source', () => {
  it.each<[string, Evaluated, number | null]>([
    ['a scalar', scalar('8.5'), 8.5],
    ['a vector of one sample', vector('8.5'), 8.5],
    ['zero', vector('0'), 0],
    ['a number with an exponent', vector('1e-3'), 0.001],
    ['an empty vector', vector(), null],
    ['several samples', vector('1', '2'), null],
    ['NaN', vector('NaN'), null],
    ['infinity', scalar('+Inf'), null],
    ['a negative number', scalar('-1'), null],
    ['no text', scalar(''), null],
    ['a string', { resultType: 'string', result: [0, '8.5'] }, null],
    ['a range', { resultType: 'matrix', result: [{ metric: {}, values: [[0, '8.5']] }] }, null],
    ['a native histogram', { resultType: 'vector', result: [{ metric: {}, histogram: [0, {}] }] }, null],
  ])('reads %s', async (_, evaluated, value) => {
    const { url } = await standIn({ evaluate: { q: evaluated } })
    const reading = await prometheusSource(url, { memory_percent: 'q' }, TOKEN).read(never)
    expect(reading).toEqual(
      value === null
        ? { values: {}, unavailable: ['memory_percent'], failures: [] }
        : { values: { memory_percent: value }, unavailable: [], failures: [] },
    )
  })

  it('keeps what it could read when another query fails', async () => {
    const { url } = await standIn({ evaluate: { rate: vector('3') } })
    const reading = await prometheusSource(url, { error_rate_per_minute: 'rate', p95_response_ms: '?' }, TOKEN).read(
      never,
    )
    expect(reading).toEqual({ values: { error_rate_per_minute: 3 }, unavailable: ['p95_response_ms'], failures: [] })
  })

  it('asks below the path it is given, with what the URL says, and bounds the evaluation', async () => {
    const { url, queries } = await standIn({ evaluate: { 'rate(x[1m]) + 1': vector('1') }, prefix: '/prom' })
    const reading = await prometheusSource(
      `${url}/prom/?tenant=a`,
      { requests_per_minute: 'rate(x[1m]) + 1' },
      TOKEN,
    ).read(never)
    expect(reading.values).toEqual({ requests_per_minute: 1 })
    expect(Object.fromEntries(queries[0]!)).toEqual({ tenant: 'a', query: 'rate(x[1m]) + 1', timeout: '1s' })
  })
})
