import type { HealthSourceConfig } from '@roman/contracts/schemas'
import { get } from './http/get.ts'
import { blind, type HealthSource, type SourceDeps, type SourceReading } from './port.ts'
import { withinBound } from './within-bound.ts'

export type PrometheusSourceConfig = Extract<HealthSourceConfig, { type: 'prometheus' }>
type Field = keyof PrometheusSourceConfig['queries']

const BODY_MAX_BYTES = 256 * 1024

/** Asks a Prometheus, or what speaks its HTTP API, for one number per query. It never shows a service sick by itself. */
export function createPrometheusSource(config: PrometheusSourceConfig, deps: SourceDeps): HealthSource {
  const timeoutMs = config.timeout_seconds * 1000
  const queries = Object.entries(config.queries) as [Field, string][]
  const fields = queries.map(([field]) => field)
  const closing = new AbortController()

  const ask = async (query: string, signal: AbortSignal): Promise<number | null> => {
    const { status, body } = await get(queryUrl(config, query), {
      signal,
      bodyMaxBytes: BODY_MAX_BYTES,
      headers: { accept: 'application/json', ...bearer(config, deps) },
    })
    return status === 200 ? singleValue(JSON.parse(body.toString('utf8'))) : null
  }

  const read = async (signal: AbortSignal): Promise<SourceReading> => {
    const reading = blind([])
    await Promise.all(
      queries.map(async ([field, query]) => {
        const value = await withinBound(timeoutMs, [signal, closing.signal], (bound) => ask(query, bound)).catch(
          () => null,
        )
        if (value === null) reading.unavailable.push(field)
        else reading.values[field] = value
      }),
    )
    return reading
  }

  return {
    name: 'prometheus',
    interval_ms: config.interval_seconds * 1000,
    timeout_ms: timeoutMs,
    supplies: fields,
    read,
    close: async () => closing.abort(),
  }
}

/** The API lies below whatever path the server is served at. */
function queryUrl(config: PrometheusSourceConfig, query: string): URL {
  const url = new URL(config.url)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/api/v1/query`
  url.searchParams.set('query', query)
  url.searchParams.set('timeout', `${Math.ceil(config.timeout_seconds)}s`)
  return url
}

/** @throws Error where the token is not set: asked without it, a proxy may answer with somebody else's numbers. */
function bearer(config: PrometheusSourceConfig, deps: SourceDeps): Record<string, string> {
  if (config.token_env === undefined) return {}
  const token = deps.secret(config.token_env)
  if (token === undefined) throw new Error(`${config.token_env} is not set.`)
  return { authorization: `Bearer ${token}` }
}

/**
 * The number in an answer of the instant query API: a scalar, or a vector of one sample. Null for anything that is not
 * one finite number from 0 on: an empty vector is no data, and of several nobody can say which one is meant.
 */
function singleValue(answer: unknown): number | null {
  const { status, data } = (answer ?? {}) as { status?: unknown; data?: { resultType?: unknown; result?: unknown } }
  if (status !== 'success' || !Array.isArray(data?.result)) return null
  const point =
    data.resultType === 'scalar' ? data.result : data.resultType === 'vector' ? onlyPoint(data.result) : null
  const text: unknown = Array.isArray(point) && point.length === 2 ? point[1] : null
  const value = typeof text === 'string' && text.trim() !== '' ? Number(text) : Number.NaN
  return Number.isFinite(value) && value >= 0 ? value : null
}

/** A native histogram has `histogram` where a number has `value`. */
const onlyPoint = (vector: unknown[]): unknown =>
  vector.length === 1 ? (vector[0] as { value?: unknown } | null)?.value : null
