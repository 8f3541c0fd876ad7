import { readdirSync, readFileSync } from 'node:fs'
import { findLocks } from './migrations/locks.ts'

/** Refuses migrations that would lock a large table, but for those that were released: they are as they are. */
const releases = JSON.parse(readFileSync('prisma/releases.json', 'utf8')) as Record<string, string>
const migrations = readdirSync('prisma/migrations', { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => ({ name, sql: readFileSync(`prisma/migrations/${name}/migration.sql`, 'utf8') }))
const unknown = Object.entries(releases).filter(([, last]) => !migrations.some(({ name }) => name === last))
for (const [version, last] of unknown)
  console.error(`prisma/releases.json: ${version} ends with ${last}, which is not there`)

const findings = await findLocks(migrations, Object.values(releases).sort().at(-1) ?? '')
for (const { migration, line, problem, allowed } of findings) {
  const place = `prisma/migrations/${migration}/migration.sql:${line}`
  if (allowed === null) console.error(`${place}: ${problem}`)
  else console.log(`${place}: allowed, ${allowed} (${problem})`)
}
const refused = findings.filter(({ allowed }) => allowed === null).length
if (refused > 0)
  console.error('Where it does no harm, say why in a comment before the statement: -- large-table-lock: <reason>')
if (refused + unknown.length > 0) process.exitCode = 1
