import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { parseAnchor, readAnchor, startSealer, verifyDatabase } from '@roman/audit'
import { migrate, openDatabase, schemaDrift } from '@roman/db'
import { createLogger } from '@roman/runtime'
import {
  asApplication,
  findPostgresClient,
  ownPostgres,
  temporaryDirectory,
  testDatabase,
  waitFor,
} from '@roman/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { contentsOf } from './contents.ts'
import { CALL, openTestControl } from './open-control.ts'

const run = promisify(execFile)

describe('a server that has none of our roles', async () => {
  const directory = temporaryDirectory('roman-backup')
  afterAll(() => directory.remove())
  const elsewhere = await ownPostgres({ settings: { fsync: 'off' } })
  const database = await testDatabase()
  const source = openDatabase(database.url, { connectionsMax: 2 })
  afterAll(() => source.close())
  const { rows } = await source.pool.query(`SELECT current_setting('server_version_num')::int / 10000 AS major`)
  const { dump, restore } = await findPostgresClient(rows[0].major)

  const record = (version: string) => ({
    environment: 'production',
    version,
    git_commit: 'a7f3b29',
    git_branch: 'main',
    status: 'in_progress' as const,
  })
  const { control } = await openTestControl(await asApplication(database))
  const user = crypto.randomUUID()
  await source.pool.query('INSERT INTO auth.users (id) VALUES ($1)', [user])
  for (const version of ['v1', 'v2', 'v3'])
    await control.recordDeployment({ ...record(version), deployed_by: user, metadata: { text: '„é\\u0000“\n' } }, CALL)
  await control.ingestErrors(
    Array.from({ length: 100 }, (_, n) => ({
      environment: 'production',
      severity: 'error',
      message: `Error ${n}`,
      idempotency_key: `${n}`,
    })),
  )
  await control.addActor({ kind: 'ci', identity: 'github:octocat', user_id: user }, CALL)
  await control.freeze({ reason: 'Backup', initiated_by: user }, CALL)

  it('is migrated by an owner that may not make them, who is told; they get their grants when they are there', async () => {
    const admin = openDatabase(elsewhere.url, { connectionsMax: 1 })
    await admin.pool.query(`CREATE ROLE owner LOGIN PASSWORD 'x'`)
    await admin.pool.query('CREATE DATABASE owned OWNER owner')
    const url = new URL(elsewhere.url)
    url.pathname = '/owned'
    url.username = 'owner'
    url.password = 'x'
    const notices: string[] = []
    await migrate(url.href, { onNotice: (notice) => notices.push(notice) })
    for (const role of ['anon', 'authenticated', 'service_role'])
      expect(notices.join()).toContain(
        `Role ${role} is missing, and owner may not create it. As a superuser: CREATE ROLE ${role} NOLOGIN.`,
      )
    expect(notices).toHaveLength(3)
    const owned = openDatabase(url.href, { connectionsMax: 1 })
    await admin.pool.query('CREATE ROLE service_role NOLOGIN')
    await owned.pool.query('SELECT ops.apply_grants()')
    const { rows } = await owned.pool.query(
      `SELECT has_table_privilege('service_role', 'ops.live', 'UPDATE') AS writes, has_table_privilege('service_role', 'ops.roman_events', 'UPDATE') AS rewrites`,
    )
    expect(rows).toEqual([{ writes: true, rewrites: false }])
    await owned.close()
    await admin.close()
  })

  it('takes a backup back with every row, right and rule, and is worked with', async () => {
    const sealer = startSealer({ url: database.url, log: createLogger('test', 'silent') })
    const { rows: trail } = await source.pool.query('SELECT count(*)::int AS events FROM ops.roman_events')
    await waitFor(async () => (await readAnchor(source)).events === trail[0].events, {
      timeoutMs: 10_000,
      describe: 'the whole trail to be sealed',
    })
    await sealer.stop()
    const { anchor } = await readAnchor(source)

    // As docs/database.md says it.
    const file = `${directory.path}/roman.dump`
    await run(dump, ['--format=custom', `--file=${file}`, database.url])
    const admin = openDatabase(elsewhere.url, { connectionsMax: 1 })
    await admin.pool.query('CREATE ROLE anon NOLOGIN; CREATE ROLE authenticated NOLOGIN')
    await admin.pool.query('CREATE DATABASE restored')
    await admin.pool.query(`CREATE ROLE application LOGIN PASSWORD 'x' IN ROLE service_role`)
    await admin.close()
    const url = new URL(elsewhere.url)
    url.pathname = '/restored'
    await run(restore, ['--exit-on-error', '--no-owner', '--no-privileges', `--dbname=${url.href}`, file])
    const restored = openDatabase(url.href, { connectionsMax: 2 })
    afterAll(() => restored.close())
    await restored.pool.query('SELECT ops.apply_grants()')

    expect(await contentsOf(restored.pool)).toEqual(await contentsOf(source.pool))
    expect(await migrate(url.href)).toEqual([])
    expect(await verifyDatabase(restored, { anchor: parseAnchor(anchor) })).toMatchObject({
      valid: true,
      complete: true,
      findings: [],
    })
    const rules = `
      SELECT c.relname AS name, c.relrowsecurity AS rls, has_table_privilege('service_role', c.oid, 'INSERT') AS writes,
        has_table_privilege('authenticated', c.oid, 'SELECT') AS reads, c.relacl IS NULL AS open,
        (SELECT array_agg(pg_get_triggerdef(t.oid) ORDER BY tgname) FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) AS triggers,
        (SELECT array_agg(conname || pg_get_constraintdef(k.oid) || convalidated ORDER BY conname) FROM pg_constraint k WHERE k.conrelid = c.oid) AS constraints,
        (SELECT array_agg(indexdef ORDER BY indexdef) FROM pg_indexes i WHERE i.schemaname = 'ops' AND i.tablename = c.relname) AS indexes
      FROM pg_class c WHERE c.relnamespace = 'ops'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1`
    expect((await restored.pool.query(rules)).rows).toEqual((await source.pool.query(rules)).rows)

    url.username = 'application'
    url.password = 'x'
    const { control: again } = await openTestControl(url.href)
    const { body } = await again.recordDeployment(record('v4'), CALL)
    expect(body).toMatchObject({ fence: 4, warnings: [expect.stringContaining('is frozen')] })
    expect(await again.showDeployment('v3')).toMatchObject({ live: false, deployed_by: user })
    expect((await again.listFreezes()).freezes).toHaveLength(1)
    expect(
      await again.ingestErrors([
        { environment: 'production', severity: 'error', message: 'again', idempotency_key: '7' },
      ]),
    ).toMatchObject({ duplicates: 1 })
    expect(await schemaDrift(elsewhere.url.replace(/postgres$/, 'restored'))).toBeNull()
  })
})
