import { RomanError, type SnapshotDiff, type SnapshotSummary, type SnapshotView } from '@roman/contracts'
import { describe, expect, test } from 'vitest'
import { EVENT, live, NOW } from './records.ts'
import { roman, serve } from './screen.ts'

const screenFile = (name: string) => `screens/${name}.txt`
const past = (seconds: number) => new Date(NOW.getTime() - seconds * 1000).toISOString()

const before: SnapshotSummary = {
  snapshot_id: '5a4b50c1-0000-7000-8000-000000000001',
  snapshot_type: 'pre_deployment',
  deployment_id: live.deployment_id,
  event_id: null,
  service: 'storefront',
  environment: 'production',
  version: 'v2.5.3',
  created_at: past(130),
  database_schema_hash: '1da02e6c'.padEnd(64, '0'),
  tables: 23,
  migration_head: '20260101_init',
  took_ms: 41,
}
const after: SnapshotSummary = {
  ...before,
  snapshot_id: '5a4b50c1-1111-7000-8000-000000000002',
  snapshot_type: 'pre_rollback',
  event_id: EVENT,
  created_at: past(90),
  database_schema_hash: null,
  tables: 24,
  migration_head: '20260303_rls',
}
const whole: SnapshotView = {
  ...after,
  database: { source: 'SHOP_DATABASE_URL', name: 'shop', version: '17.2' },
  schema: { object_count: 380, kept: true, unavailable: ['public.orders', 'public.totals'] },
  table_counts: {
    'ops.roman_events': { rows: 88_000, exact: true },
    'public.orders': { rows: 1204, exact: false, reason: 'locked' },
    'public.visits': { rows: 1_200_000, exact: false },
    'public.customers': { rows: 312, exact: true },
    'public.fresh': { rows: null, exact: false, reason: 'out of time' },
  },
  tables_omitted: 0,
  migrations: {
    service: { total: 4, applied: ['20260101_init', '20260303_rls'], unfinished: ['20260304_stuck'] },
    recorded: { total: 0, applied: [], unfinished: [] },
  },
  key_metrics: {},
  environment_config: { variables: { NODE_ENV: 'production', TZ: null, API_TOKEN: '[redacted]' } },
}
const change = (
  area: SnapshotDiff['changes'][number]['area'],
  how: 'new' | 'gone' | 'changed',
  text: string,
  definitions: [string | null, string | null] = [null, null],
): SnapshotDiff['changes'][number] => ({
  area,
  kind: 'x',
  name: 'x',
  change: how,
  text,
  before: definitions[0],
  after: definitions[1],
})
const diff: SnapshotDiff = {
  before,
  after,
  headline: '7 differences: 4 of the schema, 1 of row counts, 1 of migrations, 1 of health.',
  changes: [
    change('schema', 'changed', 'column public.orders.total: integer → bigint'),
    change('schema', 'gone', 'index orders_total_idx on public.orders: gone', [
      'CREATE INDEX orders_total_idx ON public.orders (total)',
      null,
    ]),
    change('schema', 'new', 'table public.coupons: new, with 3 columns and 2 rows (exact)'),
    change('schema', 'changed', 'view public.open_orders: another definition', [
      ' SELECT id,\n    total\n   FROM public.orders;',
      ' SELECT id,\n    total,\n    customer\n   FROM public.orders\n  WHERE (total > 0);',
    ]),
    change('rows', 'changed', 'table public.customers: 310 → 312 rows (exact)'),
    change('migrations', 'new', '2 migrations newer: 20260301_coupons, 20260303_rls'),
    change('health', 'changed', 'errors per minute: 0 → 8.5', ['0', '8.5']),
  ],
  not_compared: ['public.orders: held exclusively by somebody at that moment'],
}

describe('snapshots', () => {
  test('lists them, newest first', async () => {
    const url = await serve({ listSnapshots: async () => ({ snapshots: [after, before] }) })
    const { all } = await roman(['snapshots', 'list', '--deployment', 'v2.5.3'], { ROMAN_URL: url })
    await expect(all).toMatchFileSnapshot(screenFile('snapshots-list'))
  })

  test('says where they come from when there is none', async () => {
    const url = await serve({ listSnapshots: async () => ({ snapshots: [] }) })
    const { all } = await roman(['snapshots', 'list'], { ROMAN_URL: url })
    await expect(all).toMatchFileSnapshot(screenFile('snapshots-list-empty'))
  })

  test('shows what one holds, and what it could not read', async () => {
    const url = await serve({ showSnapshot: async () => whole })
    const { all } = await roman(['snapshots', 'show', '5a4b50c1-1'], { ROMAN_URL: url })
    await expect(all).toMatchFileSnapshot(screenFile('snapshots-show'))
  })

  test('tells what changed, in words', async () => {
    const asked: string[] = []
    const url = await serve({
      diffSnapshots: async (...refs) => {
        asked.push(...refs)
        return diff
      },
    })
    const { all } = await roman(['snapshots', 'diff', '5a4b50c1-0', '5a4b50c1-1'], { ROMAN_URL: url })
    await expect(all).toMatchFileSnapshot(screenFile('snapshots-diff'))
    expect(asked).toEqual(['5a4b50c1-0', '5a4b50c1-1'])
  })

  test('says so where the deployment is no longer on record, or nothing of the schema was read', async () => {
    const gone = { service: null, environment: null, version: null }
    const moving = { object_count: 0, kept: false, unavailable: ['the schema: it was changed while it was read'] }
    const url = await serve({
      showSnapshot: async () => ({ ...whole, ...gone, schema: moving }),
      diffSnapshots: async () => ({ ...diff, before: { ...before, ...gone } }),
    })
    const { all: shown } = await roman(['snapshots', 'show', '5a4b50c1-1'], { ROMAN_URL: url })
    expect(shown).toMatch(/^ +of +a deployment that is no longer on record$/m)
    expect(shown).toMatch(/^ +schema +not read$/m)
    expect(shown).toMatch(/^ +not read +the schema: it was changed while it was read$/m)
    const { all: compared } = await roman(['snapshots', 'diff', '5a4b50c1-0', '5a4b50c1-1'], { ROMAN_URL: url })
    expect(compared).toContain(
      'pre deployment of a deployment that is no longer on record (5a4b50c1) → pre rollback of storefront v2.5.3',
    )
  })

  test('says what to do where there is no such snapshot', async () => {
    const url = await serve({
      showSnapshot: async (ref) => {
        throw new RomanError(
          'snapshot_not_found',
          `Snapshot ${ref} does not exist. "roman snapshots list" shows what does.`,
        )
      },
    })
    const { all, code } = await roman(['snapshots', 'show', 'beef'], { ROMAN_URL: url })
    expect(code).toBe(1)
    await expect(all).toMatchFileSnapshot(screenFile('error-unknown-snapshot'))
  })
})
