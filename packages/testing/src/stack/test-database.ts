import { inject } from 'vitest'
import { afterThisFile } from './cleanups.ts'
import { createDatabase, dropDatabase, inDatabase, runSql } from './databases.ts'

export interface TestDatabase {
  /** The superuser's. */
  url: string
  name: string
  /** Called by itself after the file's last test. Ends whatever connections are left. */
  drop(): Promise<void>
}

/** A database of one's own with all migrations applied, cloned in a few tens of milliseconds. */
export function testDatabase(): Promise<TestDatabase> {
  return openDatabase(inject('servers').template)
}

/** A database of one's own with nothing in it, as the migrator finds it on the first day. */
export function emptyDatabase(): Promise<TestDatabase> {
  return openDatabase('template1')
}

/** The same database for a login of its own that is what the application needs to be, and no more: a service_role. */
export async function asApplication({ url, name }: TestDatabase): Promise<string> {
  const { databaseUrl } = inject('servers')
  const login = `application_${name}`
  await runSql(databaseUrl, `CREATE ROLE ${login} LOGIN PASSWORD 'application' IN ROLE service_role`)
  afterThisFile(() => runSql(url, `DROP OWNED BY ${login} CASCADE; DROP ROLE ${login}`))
  const own = new URL(url)
  own.username = login
  own.password = 'application'
  return own.href
}

async function openDatabase(template: string): Promise<TestDatabase> {
  const { databaseUrl } = inject('servers')
  const name = await createDatabase(databaseUrl, template)
  const drop = () => dropDatabase(databaseUrl, name)
  afterThisFile(drop)
  return { url: inDatabase(databaseUrl, name), name, drop }
}
