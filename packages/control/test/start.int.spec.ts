import { openDatabase } from '@roman/db'
import { emptyDatabase, testDatabase } from '@roman/testing'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { openTestControl } from './open-control.ts'

describe('a process', () => {
  it('does not start on a database that a newer version has migrated, and names the way out', async () => {
    const { url } = await testDatabase()
    await admin(url).query(
      `INSERT INTO ops._prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
       VALUES ('x', 'x', '29990101000000_later', now(), 1)`,
    )
    await expect(openTestControl(url)).rejects.toThrow(
      'This database has migration 29990101000000_later, newer than this version. Upgrade to the version that brought it, or restore a backup from before.',
    )
  })

  it('waits for a database that is not migrated yet, and says how it gets there', async () => {
    await expect(openTestControl((await emptyDatabase()).url)).rejects.toThrow(
      /lacks 20261123000000_init.*run "roman migrate"/,
    )
  })

  it('that cannot do without Temporal leaves no connection behind when it is not there', async () => {
    const { url } = await testDatabase()
    await expect(openTestControl(url, undefined, '127.0.0.1:1')).rejects.toThrow(
      'Start it, or correct TEMPORAL_ADDRESS.',
    )
    const open = `SELECT application_name FROM pg_stat_activity
                  WHERE datname = current_database() AND application_name LIKE 'roman-test%'`
    // A backend ends a moment after its client.
    await vi.waitFor(async () => expect((await admin(url).query(open)).rows).toEqual([]), { timeout: 5_000 })
  })

  it('does not start as a role that could not write, also where that may read and write by grant', async () => {
    const { url, name } = await testDatabase()
    const login = `somebody_${name}`
    await admin(url).query(`
      CREATE ROLE ${login} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA ops TO ${login};
      GRANT ALL ON ALL TABLES IN SCHEMA ops TO ${login}`)
    const asSomebody = new URL(url)
    asSomebody.username = login
    asSomebody.password = 'x'
    await expect(openTestControl(asSomebody.href)).rejects.toThrow(`GRANT service_role TO "${login}"`)
  })
})

const admin = (url: string) => {
  const database = openDatabase(url, { connectionsMax: 1 })
  afterAll(() => database.close())
  return database.pool
}
