import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { migrate } from '@roman/db'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { emptyDatabase, testDatabase } from '../src/index.ts'

const query = async (url: string, sql: string): Promise<Record<string, unknown>[]> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

describe('the migrator', () => {
  it('applies every migration once, however many processes start together', async () => {
    const { url } = await emptyDatabase()
    const applied = await Promise.all([migrate(url), migrate(url), migrate(url)])
    expect(applied.flat()).toEqual(['20261123000000_init', '20261123120000_brake', '20261125030000_migration_history'])
    expect(await migrate(url)).toEqual([])
  })

  it('records them as Prisma does: in schema ops, with the checksum of the file', async () => {
    const { url } = await testDatabase()
    const rows = await query(
      url,
      'SELECT migration_name, checksum, finished_at IS NOT NULL AS finished, applied_steps_count FROM ops._prisma_migrations ORDER BY started_at LIMIT 1',
    )
    const file = new URL('../../../prisma/migrations/20261123000000_init/migration.sql', import.meta.url)
    const checksum = createHash('sha256')
      .update(await readFile(file))
      .digest('hex')
    expect(rows).toEqual([{ migration_name: '20261123000000_init', checksum, finished: true, applied_steps_count: 1 }])
    expect(await query(url, "SELECT to_regclass('public._prisma_migrations') AS name")).toEqual([{ name: null }])
  })

  it('uses an auth.users that is there already', async () => {
    const { url } = await emptyDatabase()
    await query(url, 'CREATE SCHEMA auth; CREATE TABLE auth.users (id uuid PRIMARY KEY, email text)')
    expect(await migrate(url)).toHaveLength(3)
    expect(
      await query(url, "SELECT count(*)::int AS n FROM information_schema.columns WHERE table_schema = 'auth'"),
    ).toEqual([{ n: 2 }])
  })
})

describe('an upgrade from 0.1.0', () => {
  it('keeps recorded migrations, and says whose they are', async () => {
    const { url } = await emptyDatabase()
    const run = async (name: string) =>
      query(url, await readFile(new URL(`../../../prisma/migrations/${name}/migration.sql`, import.meta.url), 'utf8'))
    for (const name of ['20261123000000_init', '20261123120000_brake']) await run(name)
    await query(
      url,
      `INSERT INTO ops.deployments (deployment_id, service, environment, version, git_commit, git_branch, status, fence, policy)
       VALUES ('5e000000-0000-4000-8000-000000000001', 'shop', 'staging', 'v1', 'a7f3b29', 'main', 'success', 1, '{}');
       INSERT INTO ops.migration_history (deployment_id, migration_name, migration_hash)
       VALUES ('5e000000-0000-4000-8000-000000000001', '1_cart', 'x'), (NULL, '2_nobody', 'x')`,
    )
    await run('20261125030000_migration_history')
    expect(
      await query(url, 'SELECT migration_name, service, environment FROM ops.migration_history ORDER BY 1'),
    ).toEqual([
      { migration_name: '1_cart', service: 'shop', environment: 'staging' },
      { migration_name: '2_nobody', service: null, environment: null },
    ])
    const nobody = `INSERT INTO ops.migration_history (migration_name, migration_hash) VALUES ('2_nobody', 'y')`
    await expect(query(url, nobody)).rejects.toThrow(/migration_name_key/)
  })
})

describe('history', () => {
  it.each([
    ["UPDATE ops.roman_events SET description = 'x'", 'roman_events'],
    ['DELETE FROM ops.roman_events', 'roman_events'],
    ['TRUNCATE ops.roman_events', 'roman_events'],
    ["UPDATE ops.rollback_events SET status = 'success'", 'rollback_events'],
  ])('refuses %s', async (sql, table) => {
    const { url } = await testDatabase()
    await query(
      url,
      `INSERT INTO ops.roman_events (event_type, severity, source, description) VALUES ('a', 'info', 'test', 'b');
       INSERT INTO ops.rollback_events (event_id, trigger_type, trigger_reason, status, service, environment)
       VALUES (gen_random_uuid(), 'manual', 'r', 'failed', 's', 'e')`,
    )
    await expect(query(url, sql)).rejects.toThrow(new RegExp(`${table} is refused`))
  })

  it('allows one open rollback per service and environment', async () => {
    const { url } = await testDatabase()
    const insert = `INSERT INTO ops.rollback_events (event_id, trigger_type, trigger_reason, status, service, environment) VALUES (gen_random_uuid(), 'manual', 'r', 'pending', 's', 'e')`
    await query(url, insert)
    await expect(query(url, insert)).rejects.toThrow(/rollback_events_one_active/)
  })
})
