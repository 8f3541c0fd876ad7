import { readdirSync, readFileSync } from 'node:fs'
import { findLocks } from './migrations/locks.ts'
import { findEdits, newestReleased, type Releases } from './migrations/released.ts'

/** Refuses changes of migrations that were released, and new ones that would lock a large table. */
const releases = JSON.parse(readFileSync('prisma/releases.json', 'utf8')) as Releases
const migrations = readdirSync('prisma/migrations', { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => ({ name, sql: readFileSync(`prisma/migrations/${name}/migration.sql`, 'utf8') }))

const edits = findEdits(migrations, releases)
for (const edit of edits) console.error(`prisma/releases.json: ${edit}`)

const findings = await findLocks(migrations, newestReleased(releases))
for (const { migration, line, problem, allowed } of findings) {
  const place = `prisma/migrations/${migration}/migration.sql:${line}`
  if (allowed === null) console.error(`${place}: ${problem}`)
  else console.log(`${place}: allowed, ${allowed} (${problem})`)
}
const refused = findings.filter(({ allowed }) => allowed === null).length
if (refused > 0)
  console.error('Where it does no harm, say why in a comment before the statement: -- large-table-lock: <reason>')
if (refused + edits.length > 0) process.exitCode = 1
