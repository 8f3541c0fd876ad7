import { migrate, openDatabase } from '@roman/db'
import { loadEnv } from '@roman/runtime'
import { asApplication, emptyDatabase, testDatabase } from '@roman/testing'
import { expect, test } from 'vitest'
import { checkDatabase } from '../src/doctor/servers.ts'
import { roman } from './screen.ts'

test('the doctor says whether the database is behind this version, ahead of it, or neither; to migrate one that is ahead is refused with the way out', async () => {
  const look = async (url: string) => (await checkDatabase(loadEnv({ DATABASE_URL: url })))[0]
  expect(await look((await emptyDatabase()).url)).toMatchObject({
    status: 'broken',
    found: expect.stringContaining('20261123000000_init'),
    way_out: 'Run "roman migrate".',
  })
  const database = await testDatabase()
  const url = await asApplication(database)
  expect(await look(url)).toMatchObject({ status: 'ok', found: expect.stringContaining('up to date') })
  const admin = openDatabase(database.url, { connectionsMax: 1 })
  await admin.pool.query(
    `INSERT INTO ops._prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
     VALUES ('x', 'x', '29990101000000_later', now(), 1)`,
  )
  await admin.close()
  expect(await look(url)).toMatchObject({
    status: 'broken',
    found: expect.stringContaining('29990101000000_later, newer than this version'),
    way_out: 'Upgrade this installation.',
  })
  const migrated = await roman(['migrate'], { DATABASE_URL: database.url })
  expect(migrated).toMatchObject({
    code: 1,
    all: expect.stringContaining('Upgrade to the version that brought it, or'),
  })
  expect(migrated.all).not.toContain('DATABASE_URL')
})

test('a migration that fails is named with what the database says of it; DATABASE_URL is in doubt only where it may be wrong', async () => {
  const migrating = async (url: string) => (await roman(['migrate'], { DATABASE_URL: url })).all
  const { url, name } = await emptyDatabase()
  const admin = openDatabase(url, { connectionsMax: 1 })
  const login = `stranger_${name}`
  await admin.pool.query(`CREATE ROLE ${login} LOGIN PASSWORD 'x'`)
  const stranger = new URL(url)
  stranger.username = login
  stranger.password = 'x'
  expect(await migrating(stranger.href)).toMatch(/permission denied.*Correct DATABASE_URL/)
  await admin.pool.query(`DROP ROLE ${login}`)
  expect(await migrating('postgresql://postgres@127.0.0.1:1/none')).toMatch(/ECONNREFUSED.*Correct DATABASE_URL/)

  await admin.pool.query(`CREATE SCHEMA auth; CREATE TABLE auth.users (id text PRIMARY KEY)`)
  await admin.close()
  const said = await migrating(url)
  expect(said).toContain('Migration 20261123000000_init failed and was undone: foreign key constraint')
  expect(said).toContain('Key columns "deployed_by" of the referencing table and "id" of the referenced table')
  expect(said).not.toContain('DATABASE_URL')
})

test('the doctor warns where row-level security hides users from who looks them up, until a policy shows them', async () => {
  const { url, name } = await emptyDatabase()
  const owner = `owner_${name}`
  const admin = openDatabase(url, { connectionsMax: 1 })
  await admin.pool.query(`
    CREATE ROLE ${owner} LOGIN PASSWORD 'x'; GRANT CREATE ON DATABASE ${name} TO ${owner};
    CREATE SCHEMA auth; CREATE TABLE auth.users (id uuid PRIMARY KEY); ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY;
    GRANT USAGE ON SCHEMA auth TO ${owner}; GRANT SELECT, REFERENCES ON auth.users TO ${owner};
    INSERT INTO auth.users (id) VALUES ('00000000-0000-4000-8000-0000000000aa')`)
  const asOwner = new URL(url)
  asOwner.username = owner
  asOwner.password = 'x'
  await migrate(asOwner.href)
  const look = async () => ({
    said: (await checkDatabase(loadEnv({ DATABASE_URL: url }))).find(({ name }) => name === 'Users'),
    known: (await admin.pool.query(`SELECT ops.is_user('00000000-0000-4000-8000-0000000000aa') AS known`)).rows[0]
      .known,
  })
  const { said, known } = await look()
  expect(known).toBe(false)
  expect(said).toMatchObject({ status: 'warning', found: expect.stringContaining(`hide auth.users from ${owner}`) })
  const [policy] = /CREATE POLICY [^;]*/.exec(said!.way_out!)!
  await admin.pool.query(policy)
  expect(await look()).toEqual({ said: undefined, known: true })
  await admin.close()
})
