import { inject } from 'vitest'
import { afterThisFile } from './cleanups.ts'
import { createDatabase, dropDatabase, inDatabase } from './databases.ts'

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

async function openDatabase(template: string): Promise<TestDatabase> {
  const { databaseUrl } = inject('servers')
  const name = await createDatabase(databaseUrl, template)
  const drop = () => dropDatabase(databaseUrl, name)
  afterThisFile(drop)
  return { url: inDatabase(databaseUrl, name), name, drop }
}
