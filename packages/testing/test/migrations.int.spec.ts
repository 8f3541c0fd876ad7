import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { migrate } from '@roman/db'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { emptyDatabase, spawnProcess, testDatabase, waitFor } from '../src/index.ts'
import { insertDeployment, query } from './sql.ts'

const folder = new URL('../../../prisma/migrations/', import.meta.url)
const everyMigration = (await readdir(folder)).filter((name) => /^\d{14}_/.test(name)).sort()

/** Whatever was applied before that stood, the rest came after it, in order, and nothing is left. */
const expectTheRest = async (applied: string[], url: string): Promise<void> => {
  expect(applied.length).toBeGreaterThan(0)
  expect(applied).toEqual(everyMigration.slice(-applied.length))
  expect(await migrate(url)).toEqual([])
}

describe('the migrator', () => {
  it('applies every migration once, however many processes start together', async () => {
    const { url } = await emptyDatabase()
    const applied = await Promise.all([migrate(url), migrate(url), migrate(url)])
    expect(applied.flat()).toEqual(everyMigration)
    expect(await migrate(url)).toEqual([])
  })

  it('records them as Prisma does: in schema ops, with the checksum of the file', async () => {
    const { url } = await testDatabase()
    const rows = await query(
      url,
      'SELECT migration_name, checksum, finished_at IS NOT NULL AS finished, applied_steps_count FROM ops._prisma_migrations ORDER BY started_at LIMIT 1',
    )
    const file = new URL('20261123000000_init/migration.sql', folder)
    const checksum = createHash('sha256')
      .update(await readFile(file))
      .digest('hex')
    expect(rows).toEqual([{ migration_name: '20261123000000_init', checksum, finished: true, applied_steps_count: 1 }])
    expect(await query(url, "SELECT to_regclass('public._prisma_migrations') AS name")).toEqual([{ name: null }])
  })

  /** As on Supabase: auth is somebody else's, who lets the owner refer to users and create nothing. */
  const hostedDatabase = async (): Promise<{ url: string; asOwner: string }> => {
    const { url, name } = await emptyDatabase()
    const owner = `owner_${name}`
    await query(
      url,
      `CREATE ROLE ${owner} LOGIN PASSWORD 'x' NOSUPERUSER NOCREATEROLE; GRANT CREATE ON DATABASE ${name} TO ${owner};
       CREATE SCHEMA auth; CREATE TABLE auth.users (id uuid PRIMARY KEY, email text);
       GRANT USAGE ON SCHEMA auth TO ${owner}; GRANT SELECT, REFERENCES ON auth.users TO ${owner}`,
    )
    const asOwner = new URL(url)
    asOwner.username = owner
    asOwner.password = 'x'
    return { url, asOwner: asOwner.href }
  }

  it('runs as an owner that is no superuser, on the auth and the roles of a hosted database, and runs twice', async () => {
    const { url, asOwner } = await hostedDatabase()
    expect(await migrate(asOwner)).toEqual(everyMigration)
    expect(await migrate(asOwner)).toEqual([])
    expect(
      await query(
        url,
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'auth' ORDER BY ordinal_position",
      ),
    ).toEqual([{ column_name: 'id' }, { column_name: 'email' }])
    const id = crypto.randomUUID()
    await query(url, `INSERT INTO auth.users (id) VALUES ('${id}')`)
    expect(await query(url, `SELECT ops.is_user('${id}') AS known`, 'service_role')).toEqual([{ known: true }])
  })

  it('has a way round for plain "prisma migrate deploy", which fails on such an auth', async () => {
    const { asOwner } = await hostedDatabase()
    const first = await readFile(new URL(`${everyMigration[0]}/migration.sql`, folder), 'utf8')
    await expect(query(asOwner, first)).rejects.toThrow('permission denied for schema auth')
    // What docs/database.md says to do.
    const docs = await readFile(new URL('../../../docs/database.md', import.meta.url), 'utf8')
    const [, expression = ''] = /sed '([^']+)'/.exec(docs)!
    const cut = execFileSync('sed', [expression, fileURLToPath(new URL(`${everyMigration[0]}/migration.sql`, folder))])
    await query(asOwner, cut.toString())
    for (const name of everyMigration.slice(1))
      await query(asOwner, await readFile(new URL(`${name}/migration.sql`, folder), 'utf8'))
    expect(await query(asOwner, `SELECT ops.is_user(gen_random_uuid()) AS known`)).toEqual([{ known: false }])
  })

  it('can be run again after an attempt that failed, and leaves nothing of that one', async () => {
    const { url } = await emptyDatabase()
    await migrate(url, { until: '20261123000000_init' })
    await query(url, 'CREATE TABLE ops.freezes ()')
    await expect(migrate(url)).rejects.toThrow('relation "freezes" already exists')
    await query(url, 'DROP TABLE ops.freezes')
    expect(await migrate(url)).toEqual(everyMigration.slice(1))
  })

  it('does not wait for a table that is in use, and says so', async () => {
    const { url } = await emptyDatabase()
    await migrate(url, { until: '20261123120000_brake' })
    const holder = new pg.Client({ connectionString: url })
    await holder.connect()
    await holder.query('BEGIN; LOCK TABLE ops.deployments')
    await expect(migrate(url, { lockTimeoutMs: 200 })).rejects.toThrow(/in use.*run it again/)
    await holder.end()
    await expectTheRest(await migrate(url), url)
  })

  it('is taken over from by another when it is killed in the middle, and what it had begun is undone', async () => {
    const { url } = await emptyDatabase()
    await migrate(url, { until: '20261123120000_brake' })
    const holder = new pg.Client({ connectionString: url })
    await holder.connect()
    await holder.query('BEGIN; LOCK TABLE ops.deployments')
    const waiting = (count: number) =>
      waitFor(
        async () =>
          (
            await query(
              url,
              `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
            )
          ).length === count,
        { timeoutMs: 10_000, describe: `${count} migrators to wait for the table` },
      )
    const first = spawnProcess(new URL('fixtures/migrate.ts', import.meta.url), { env: { DATABASE_URL: url } })
    await waiting(1)
    await first.kill()
    const applied = migrate(url)
    // What the first one sent is still there, before the second one's.
    await waiting(2)
    await holder.end()
    await expectTheRest(await applied, url)
  })

  it('warns of a migration whose file was edited after it was applied', async () => {
    const { url } = await testDatabase()
    const notices: string[] = []
    const look = () => migrate(url, { onNotice: (notice) => notices.push(notice) })
    await look()
    expect(notices).toEqual([])
    await query(
      url,
      `UPDATE ops._prisma_migrations SET checksum = md5('x') WHERE migration_name = '20261123120000_brake'`,
    )
    expect(await look()).toEqual([])
    expect(notices).toEqual([expect.stringMatching(/^Migration 20261123120000_brake was applied as something else/)])
  })

  it.each([
    ['has migrated', 'now()'],
    ['is still migrating, or failed to', 'NULL'],
  ])('refuses a database that a newer version %s, leaves it as it is and names the way out', async (_, finishedAt) => {
    const { url } = await testDatabase()
    await query(
      url,
      `INSERT INTO ops._prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
       VALUES ('x', 'x', '29990101000000_later', ${finishedAt}, 1);
       DELETE FROM ops._prisma_migrations WHERE migration_name = (SELECT max(migration_name) FROM ops._prisma_migrations WHERE id <> 'x')`,
    )
    await expect(migrate(url)).rejects.toThrow(/29990101000000_later, newer than this version. Upgrade .*, or restore/)
    const rows = await query(url, `SELECT rolled_back_at FROM ops._prisma_migrations WHERE id = 'x'`)
    expect(rows).toEqual([{ rolled_back_at: null }])
  })
})

describe('history', async () => {
  const { url } = await testDatabase()
  const id = crypto.randomUUID()
  const insertRollback = (status: string) =>
    `INSERT INTO ops.rollback_events (event_id, trigger_type, trigger_reason, status, service, environment) VALUES (gen_random_uuid(), 'manual', 'r', '${status}', 's', 'e');`
  await query(
    url,
    `INSERT INTO ops.roman_events (event_type, severity, source, description) VALUES ('a', 'info', 'test', 'b');
     SET session_replication_role = replica; INSERT INTO ops.audit_seals SELECT 1, '{1}', h, 1, 1, 1, h, h, now() FROM sha256('') AS h; RESET session_replication_role;
     ${insertRollback('failed')} ${insertRollback('pending')}
     ${insertDeployment(id)} INSERT INTO ops.guard_verdicts (deployment_id, phase, verdict, reason) VALUES ('${id}', 'window', 'breach', 'r')`,
  )

  it.each([
    ["UPDATE ops.roman_events SET description = 'x'", 'roman_events'],
    ['DELETE FROM ops.roman_events', 'roman_events'],
    ['TRUNCATE ops.roman_events', 'roman_events'],
    ["UPDATE ops.rollback_events SET detail = 'x' WHERE status = 'failed'", 'rollback_events'],
    ["DELETE FROM ops.rollback_events WHERE status = 'pending'", 'rollback_events'],
    ['TRUNCATE ops.rollback_events CASCADE', 'rollback_events'],
    ["UPDATE ops.guard_verdicts SET verdict = 'healthy'", 'guard_verdicts'],
    ['DELETE FROM ops.guard_verdicts', 'guard_verdicts'],
    ['TRUNCATE ops.guard_verdicts', 'guard_verdicts'],
    ['DELETE FROM ops.deployments', 'deployments'],
    ['TRUNCATE ops.deployments CASCADE', '(deployments|guard_verdicts)'],
    ['UPDATE ops.audit_seals SET total_events = 0', 'audit_seals'],
    ['DELETE FROM ops.audit_seals', 'audit_seals'],
    ['TRUNCATE ops.audit_seals', 'audit_seals'],
  ])('refuses %s, whoever asks', async (sql, table) => {
    await expect(query(url, sql)).rejects.toThrow(new RegExp(`${table} is refused`))
  })

  it('allows one open rollback per service and environment', async () => {
    await expect(query(url, insertRollback('pending'))).rejects.toThrow(/rollback_events_one_active/)
  })
})
