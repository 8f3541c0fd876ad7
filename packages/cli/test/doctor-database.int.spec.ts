import { openDatabase } from '@roman/db'
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
