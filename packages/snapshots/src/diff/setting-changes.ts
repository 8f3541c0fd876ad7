import { arrow, type Change, number } from './change.ts'

type Values = Readonly<Record<string, unknown>>

/** Variables by name; null is "not set". Redacted ones are equal: whether a secret changed is not known. */
export const variableChanges = (before: Values, after: Values): Change[] =>
  valueChanges('configuration', 'config', before, after, (value) => (value === null ? 'not set' : String(value)))

/** The policy in force, key by key. */
export const policyChanges = (before: unknown, after: unknown): Change[] =>
  valueChanges('configuration', 'policy', flat(before), flat(after), (value) =>
    typeof value === 'string' ? value : JSON.stringify(value),
  )

/** The numbers that say how the service did, as people name them. */
const METRICS: Record<string, string> = {
  error_rate_per_minute: 'errors per minute',
  recent_errors: 'errors in the last 5 minutes',
  database_connections: 'database connections',
  active_queries: 'active queries',
  p95_response_ms: 'P95 response time in ms',
  memory_percent: 'memory in percent',
}

export const metricChanges = (before: Values, after: Values): Change[] => {
  const named = (values: Values) =>
    Object.fromEntries(
      Object.entries(METRICS).flatMap(([field, name]) =>
        typeof values[field] === 'number' ? [[name, values[field]]] : [],
      ),
    )
  return valueChanges('health', '', named(before), named(after), (value) => number(value as number))
}

/** Only what both know: a name that one was not told of has not changed. */
const valueChanges = (
  area: Change['area'],
  kind: string,
  before: Values,
  after: Values,
  shown: (value: unknown) => string,
): Change[] =>
  Object.keys(before)
    .filter((name) => name in after && JSON.stringify(before[name]) !== JSON.stringify(after[name]))
    .sort()
    .map((name) => {
      const [was, is] = [shown(before[name]), shown(after[name])]
      const text = `${kind === '' ? '' : `${kind} `}${name}: ${arrow(was, is)}`
      return { area, kind: kind || 'metric', name, change: 'changed', text, before: was, after: is }
    })

/** `{watch: {window_seconds: 300}}` as `{'watch.window_seconds': 300}`. */
const flat = (value: unknown, prefix = ''): Record<string, unknown> =>
  typeof value !== 'object' || value === null || Array.isArray(value)
    ? prefix === ''
      ? {}
      : { [prefix]: value }
    : Object.assign(
        {},
        ...Object.entries(value).map(([key, inner]) => flat(inner, prefix === '' ? key : `${prefix}.${key}`)),
      )
