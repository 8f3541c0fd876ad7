import { describe, expect, it } from 'vitest'
import { canonical, compareSnapshots, type SchemaObject, type SnapshotContent } from '../src/index.ts'

const column = (of: string, name: string, properties: SchemaObject['properties']): SchemaObject => ({
  kind: 'column',
  of,
  name,
  properties,
})
const table = (name: string): SchemaObject => ({ kind: 'table', of: null, name, properties: {} })

const schemaOf = (objects: SchemaObject[], unavailable: string[] = []): SnapshotContent['schema'] => {
  const described = canonical(objects, unavailable)
  return { ...described, hash: unavailable.length === 0 ? described.hash : null }
}

const state: SnapshotContent = {
  service: 'shop',
  environment: 'production',
  database: { source: 'ops', name: 'shop', version: '17.2' },
  schema: schemaOf([table('public.orders'), column('public.orders', 'total', { type: 'integer' })]),
  counts: { tables: { 'public.orders': { rows: 1204, exact: true } }, omitted: 0 },
  migrations: { service: { total: 1, applied: ['1_init'], unfinished: [] }, recorded: null },
  variables: { NODE_ENV: 'staging', TOKEN: '[redacted]', TZ: null },
  taken_by: 'worker',
  policy: { mode: 'auto', watch: { window_seconds: 300 } },
  metrics: { error_rate_per_minute: 0, database_connections: 12, timestamp: '2026-01-05T14:35:00.000Z', healthy: true },
}
const told = (after: Partial<SnapshotContent>, before: Partial<SnapshotContent> = {}): string[] =>
  compareSnapshots({ ...state, ...before }, { ...state, ...after }).changes.map(({ text }) => text)
const unknown = (after: Partial<SnapshotContent>, before: Partial<SnapshotContent> = {}): string[] =>
  compareSnapshots({ ...state, ...before }, { ...state, ...after }).not_compared

const counts = (tables: NonNullable<SnapshotContent['counts']>['tables']): Partial<SnapshotContent> => ({
  counts: { tables, omitted: 0 },
})
const service = (applied: string[], unfinished: string[] = [], total = applied.length): Partial<SnapshotContent> => ({
  migrations: { service: { total, applied, unfinished }, recorded: null },
})

describe('the difference', () => {
  it('of a snapshot and itself is nothing', () => {
    expect(compareSnapshots(state, state)).toEqual({ changes: [], not_compared: [] })
  })

  it.each<[string, Partial<SnapshotContent>, string[]]>([
    [
      'a variable',
      { variables: { ...state.variables, NODE_ENV: 'production' } },
      ['config NODE_ENV: staging → production'],
    ],
    ['one that was set', { variables: { ...state.variables, TZ: 'UTC' } }, ['config TZ: not set → UTC']],
    ['a deployment that is no longer on record', { service: '', environment: '' }, []],
    [
      'one that another process has otherwise',
      { variables: { ...state.variables, NODE_ENV: 'production' }, taken_by: 'api' },
      ['config NODE_ENV: staging → production (as the worker has it, and the api)'],
    ],
    [
      'the policy',
      { policy: { mode: 'ask', watch: { window_seconds: 60 } } },
      ['policy mode: auto → ask', 'policy watch.window_seconds: 300 → 60'],
    ],
    ['health', { metrics: { ...state.metrics, error_rate_per_minute: 8.5 } }, ['errors per minute: 0 → 8.5']],
    ['the server', { database: { source: 'ops', name: 'shop', version: '18.1' } }, ['PostgreSQL: 17.2 → 18.1']],
    [
      'another database',
      { database: { source: 'SHOP_URL', name: 'shop2', version: '17.2' } },
      ['database: shop (ops) → shop2 (SHOP_URL)'],
    ],
    ['newer migrations', service(['1_init', '2_a', '3_b']), ['2 migrations newer: 2_a, 3_b']],
    ['one that was taken back', service([]), ['1 migration no longer applied: 1_init']],
    ['one that is stuck', service(['1_init'], ['2_a']), ['1 migration begun and not finished: 2_a']],
    [
      'rows',
      counts({ 'public.orders': { rows: 1198, exact: true } }),
      ['table public.orders: 1,204 → 1,198 rows (exact)'],
    ],
    [
      'a count and an estimate',
      counts({ 'public.orders': { rows: 250_000, exact: false } }),
      ['table public.orders: 1,204 (exact) → about 250,000 rows (estimated)'],
    ],
  ])('names %s', (_what, after, words) => {
    expect(told(after)).toEqual(words)
  })

  it('holds both definitions, for who wants to see them', () => {
    const after = {
      schema: schemaOf([
        table('public.orders'),
        column('public.orders', 'total', { type: 'bigint', 'not null': true }),
      ]),
    }
    expect(compareSnapshots(state, { ...state, ...after }).changes).toEqual([
      {
        area: 'schema',
        kind: 'column',
        name: 'public.orders.total',
        change: 'changed',
        text: 'column public.orders.total: integer → bigint; must not be null now',
        before: 'integer',
        after: 'bigint not null',
      },
    ])
  })

  it('says a table that came or went once, with its columns and its rows', () => {
    const coupons = [table('public.coupons'), column('public.coupons', 'id', { type: 'integer' })]
    const more = {
      schema: schemaOf([...state.schema.objects!, ...coupons]),
      ...counts({ 'public.orders': { rows: 1204, exact: true }, 'public.coupons': { rows: 2, exact: true } }),
    }
    expect(told(more)).toEqual(['table public.coupons: new, with 1 column and 2 rows (exact)'])
    expect(told({}, more)).toEqual(['table public.coupons: gone, with 1 column and 2 rows (exact)'])
  })

  it('takes the drift of an estimate for none, and its jump for one', () => {
    const before = counts({ big: { rows: 1_000_000, exact: false } })
    expect(told(counts({ big: { rows: 1_009_000, exact: false } }), before)).toEqual([])
    expect(told(counts({ big: { rows: 1_100_000, exact: false } }), before)).toEqual([
      'table big: about 1,000,000 → about 1,100,000 rows (estimated)',
    ])
  })

  it('takes growth of the product’s own tables for no news, and a loss for some', () => {
    const before = counts({ 'ops.roman_events': { rows: 10, exact: true } })
    expect(told(counts({ 'ops.roman_events': { rows: 90, exact: true } }), before)).toEqual([])
    expect(told(counts({ 'ops.roman_events': { rows: 9, exact: true } }), before)).toEqual([
      'table ops.roman_events: 10 → 9 rows (exact)',
    ])
  })

  it('does not call a migration gone that only fell out of the list of the newest', () => {
    expect(told(service(['2_a', '3_b'], [], 3), service(['1_init', '2_a'], [], 2))).toEqual(['1 migration newer: 3_b'])
  })
})

describe('what nobody can tell', () => {
  it('is said of a table that was held, and nothing of it is called a change', () => {
    const held = { schema: schemaOf([], ['public.orders']) }
    expect(told(held)).toEqual([])
    expect(unknown(held)).toEqual(['public.orders: held exclusively by somebody at that moment'])
  })

  it('is said of rows that could not be counted', () => {
    const locked = counts({ 'public.orders': { rows: null, exact: false, reason: 'locked' } })
    expect(unknown(locked)).toEqual(['rows of public.orders: locked'])
    expect(told(locked)).toEqual([])
  })

  it('is said of a schema whose description was not kept', () => {
    const other = canonical([table('public.orders')])
    expect(unknown({ schema: { hash: other.hash, objects: null, unavailable: [] } })).toEqual([
      'the schema differs, and what in it cannot be told: it is too large to be kept',
    ])
    expect(unknown({ schema: { hash: null, objects: null, unavailable: [] } })).toEqual([
      'the schema: one of the two has no description',
    ])
  })

  it('is said of migrations and counts that one of the two lacks', () => {
    expect(unknown({ migrations: { service: { unavailable: 'denied' }, recorded: null }, counts: null })).toEqual([
      'rows: one of the two has no counts',
      'migrations: could not be read',
    ])
    expect(unknown({ migrations: null })).toEqual(['migrations: one of the two knows none'])
  })
})

describe('a description', () => {
  const fn = (definition: string): SchemaObject => ({
    kind: 'function',
    of: null,
    name: 'f()',
    properties: { definition },
  })

  it('is the same whatever the order in which objects and their properties are read', () => {
    const [a, b] = [table('a'), column('a', 'x', { type: 'text', default: '1' })]
    const turned = column('a', 'x', { default: '1', type: 'text' })
    expect(canonical([a, b])).toEqual(canonical([turned, a]))
  })

  it('keeps no secret, and tells all the same that one was changed', () => {
    const [one, other] = ['hunter2', 'hunter3'].map((secret) =>
      canonical([fn(`dblink('postgres://shop:${secret}@db/shop')`)]),
    )
    expect(JSON.stringify(one)).not.toContain('hunter2')
    expect(other!.hash).not.toBe(one!.hash)
    expect(unknown({ schema: other! }, { schema: one! })).toEqual([
      'the schema differs in a text that is too long, or too secret, to be kept',
    ])
  })

  it('keeps the digest of a long text, and nothing of far too many', () => {
    expect(JSON.stringify(canonical([fn('x'.repeat(20_000))]))).toMatch(/"\(20000 characters, sha256 [0-9a-f]{64}\)"/)
    const many = canonical(Array.from({ length: 300 }, (_, i) => ({ ...fn('x'.repeat(16_000)), name: `f${i}()` })))
    expect(many).toMatchObject({ objects: null, object_count: 300, hash: expect.stringMatching(/^[0-9a-f]{64}$/) })
  })
})
