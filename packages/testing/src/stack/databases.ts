import { randomBytes } from 'node:crypto'
import { Client } from 'pg'

/** Runs one statement as the superuser, on a connection of its own. */
export async function runSql(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

export function inDatabase(url: string, name: string): string {
  const other = new URL(url)
  other.pathname = `/${name}`
  return other.href
}

/** Migrates a database once and closes it, so that it can be cloned at any time. @returns its name. */
export async function makeTemplate(adminUrl: string, migrate: (url: string) => Promise<unknown>): Promise<string> {
  const name = await createDatabase(adminUrl)
  await migrate(inDatabase(adminUrl, name))
  // A database with a connection open can't be cloned.
  await runSql(adminUrl, `ALTER DATABASE ${name} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false`)
  return name
}

export async function createDatabase(adminUrl: string, template = 'template1'): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`
  await runSql(adminUrl, `CREATE DATABASE ${name} TEMPLATE ${template}`)
  return name
}

export function dropDatabase(adminUrl: string, name: string): Promise<void> {
  return runSql(adminUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
}
