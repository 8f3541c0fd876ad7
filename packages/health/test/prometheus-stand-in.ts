import { createServer } from 'node:http'
import { type Listening, listening } from './listening.ts'

type Sample = [timestamp: number, value: string]
/** What an instant query evaluates to, as Prometheus writes it. */
export type Evaluated =
  | { resultType: 'scalar' | 'string'; result: Sample }
  | { resultType: 'vector'; result: { metric: Record<string, string>; value?: Sample; histogram?: unknown }[] }
  | { resultType: 'matrix'; result: { metric: Record<string, string>; values: Sample[] }[] }

export interface PrometheusStandIn extends Listening {
  /** What was asked, in order. */
  queries: URLSearchParams[]
}

const at = 1_765_809_300.123
export const scalar = (value: string): Evaluated => ({ resultType: 'scalar', result: [at, value] })
export const vector = (...values: string[]): Evaluated => ({
  resultType: 'vector',
  result: values.map((value, n) => ({ metric: { instance: String(n) }, value: [at, value] })),
})

/**
 * The instant query endpoint of Prometheus' HTTP API, below `prefix`. A query that it does not know is answered as one
 * that does not parse; `trouble` answers instead of it where it is set.
 */
export async function prometheusStandIn(options: {
  evaluate: Record<string, Evaluated>
  token?: string
  prefix?: string
  trouble?: 'hangs' | 'answers 503' | 'answers HTML' | 'answers too much' | 'redirects'
}): Promise<PrometheusStandIn> {
  const { evaluate, token, prefix = '', trouble } = options
  const queries: URLSearchParams[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://prometheus')
    const json = (status: number, body: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (trouble === 'hangs') return
    if (trouble === 'answers 503') return json(503, { status: 'error', errorType: 'unavailable', error: 'starting' })
    if (trouble === 'answers HTML') return response.end('<html>Sign in</html>')
    if (trouble === 'redirects') return response.writeHead(302, { location: '/login' }).end()
    if (url.pathname !== `${prefix}/api/v1/query`) return response.writeHead(404).end('404 page not found')
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      return response.writeHead(401).end('Unauthorized')
    }
    queries.push(url.searchParams)
    const data = evaluate[url.searchParams.get('query') ?? '']
    if (data === undefined) return json(400, { status: 'error', errorType: 'bad_data', error: 'parse error' })
    if (trouble === 'answers too much') return json(200, { infos: 'x'.repeat(1_000_000), status: 'success', data })
    return json(200, { status: 'success', data })
  })
  return { ...(await listening(server)), queries }
}
