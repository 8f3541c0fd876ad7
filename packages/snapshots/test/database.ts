import { emptyDatabase } from '@roman/testing'
import pg from 'pg'
import { afterAll } from 'vitest'
import { captureDatabase, type DatabaseState } from '../src/index.ts'

/** A connection of its own to a database, closed after the file's last test. */
export const connect = async (url: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: url })
  // Databases are dropped under the connections of tests that failed.
  client.on('error', () => {})
  await client.connect()
  afterAll(() => client.end())
  return client
}

/** An empty database, a connection to fill it, and one to look through. */
export const workbench = async (): Promise<{
  url: string
  client: pg.Client
  capture: (bounds?: Partial<Parameters<typeof captureDatabase>[1]>) => Promise<DatabaseState>
}> => {
  const { url } = await emptyDatabase()
  const [client, other] = [await connect(url), await connect(url)]
  return { url, client, capture: (bounds) => captureDatabase(other, { timeoutMs: 5_000, ...bounds }) }
}
