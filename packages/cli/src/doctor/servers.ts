import type { PartitionCoverage } from '@roman/db'
import { openTemporal, type RuntimeEnv, withoutPassword } from '@roman/runtime'
import { createRomanClient, RomanApiError } from '@roman/sdk'
import { loadAudit, loadDatabase } from '../database.ts'
import { type Finding, messageOf, not, ok } from './finding.ts'
import { checkUsers } from './users.ts'

const WITHIN_MS = 5000

/** What is said to run already: asked whether it does. */
export async function checkDatabase(env: RuntimeEnv): Promise<Finding[]> {
  const name = 'Database'
  const where = withoutPassword(env.database_url)
  const { openDatabase, pendingMigrations, readPartitionCoverage, refuseNewerSchema } = await loadDatabase()
  const db = openDatabase(env.database_url, { applicationName: 'roman-doctor', connectionsMax: 1 })
  try {
    const pending = await pendingMigrations(db.pool)
    const newer = await refuseNewerSchema(db.pool).then(() => null, messageOf)
    if (newer !== null) return [not('broken', name, `${where}: ${newer}`, 'Upgrade this installation.')]
    if (pending.length === 0) {
      const coverage = await readPartitionCoverage(db.pool)
      return [
        ok(name, `${where}, migrations are up to date`),
        ...coverage.map(partitionsFinding),
        await checkAudit(db),
        ...(await checkUsers(db)),
      ]
    }
    const lacks = `${where} lacks ${pending.length} migrations: ${pending.join(', ')}`
    return [not('broken', name, lacks, 'Run "roman migrate".')]
  } catch (error) {
    const wayOut = 'Start it, correct DATABASE_URL, or unset it to have one started.'
    return [not('broken', name, `${where}: ${messageOf(error)}`, wayOut)]
  } finally {
    await db.close()
  }
}

const DAY_MS = 86_400_000
/** The worker keeps a week; less than this means that none has run for days. */
const DAYS_AHEAD_MIN = 3

/** Without a partition of their own rows are kept, and found, but no longer dropped by the day. */
function partitionsFinding({ parent, covered_until, default_rows }: PartitionCoverage): Finding {
  const name = `Partitions of ${parent}`
  const days = Math.max(0, Math.floor((covered_until.getTime() - Date.now()) / DAY_MS))
  const wayOut =
    'Start a worker, which keeps them a week ahead, and see in its log what holds it up; or call ops.maintain_partitions (docs/production.md).'
  if (days < DAYS_AHEAD_MIN) return not('warning', name, `made for ${days} days ahead`, wayOut)
  if (default_rows > 0) {
    const rows = default_rows < 1000 ? `${default_rows}` : '1000 or more'
    return not('warning', name, `${rows} of its rows found none and lie in ops.${parent}_default`, wayOut)
  }
  return ok(name, `made for ${days} days ahead`)
}

async function checkAudit(db: Parameters<Awaited<ReturnType<typeof loadAudit>>['readUnsealed']>[0]): Promise<Finding> {
  const { HiddenRowsError, readAnchor, readUnsealed } = await loadAudit()
  const unsealed = await readUnsealed(db).catch((error: Error) => {
    if (error instanceof HiddenRowsError) return error
    throw error
  })
  if (unsealed instanceof Error) return not('broken', 'Audit trail', unsealed.message, 'docs/audit.md, “Roles”.')
  const { count, since, broken } = unsealed
  if (broken !== null)
    return not(
      'broken',
      'Audit trail',
      `not sealed any more: ${broken}`,
      'Somebody else wrote that seal: "roman audit verify", then docs/audit.md.',
    )
  const { seal_number, events } = await readAnchor(db)
  if (count === 0) return ok('Audit trail', `${events} events sealed, up to seal ${seal_number}`)
  return not(
    'warning',
    'Audit trail',
    `${count} events are not sealed, ${since === null ? 'with timestamps in the future' : `the oldest since ${since.toISOString()}`}`,
    'Start a worker; where one runs, its log says why it cannot seal.',
  )
}

export async function checkTemporalServer(env: RuntimeEnv): Promise<Finding> {
  const { address, namespace } = env.temporal
  const { connection } = openTemporal(env.temporal)
  try {
    await connection.withDeadline(Date.now() + WITHIN_MS, () =>
      connection.workflowService.describeNamespace({ namespace }),
    )
    return ok('Temporal', `${address} answers for namespace "${namespace}"`)
  } catch (error) {
    return not(
      'broken',
      'Temporal',
      `${address}: ${messageOf(error)}`,
      'Start it, correct TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE or TEMPORAL_API_KEY, or unset them to have one started.',
    )
  } finally {
    await connection.close()
  }
}

export async function checkApi({ roman_url: url, service_key: key, variables }: RuntimeEnv): Promise<Finding> {
  const named = variables.ROMAN_URL !== undefined
  try {
    const response = await fetch(new URL('/healthz', url), { signal: AbortSignal.timeout(WITHIN_MS) })
    await response.arrayBuffer()
    if (!response.ok) throw new Error(`it answered ${response.status}`)
  } catch (error) {
    const found = `nothing answers at ${url} (${messageOf((error as Error).cause ?? error)})`
    if (named) return not('broken', 'API', found, 'Start it, or correct ROMAN_URL.')
    return not('missing', 'API', found, 'Start everything with "roman dev", or set ROMAN_URL to where it runs.')
  }
  if (key === undefined)
    return not('broken', 'API', `${url} answers, but ROMAN_KEY is not set`, 'Set ROMAN_KEY to its key.')
  try {
    await createRomanClient({ url, key, repetitionsMax: 0 }).readiness({ timeoutMs: WITHIN_MS })
    return ok('API', `${url} answers, is ready, and accepts the key`)
  } catch (error) {
    const refused = error instanceof RomanApiError && error.status === 401
    if (refused) return not('broken', 'API', `${url} does not accept the key`, 'Correct ROMAN_KEY.')
    return not('broken', 'API', `${url}: ${messageOf(error)}`, 'Start what it waits for.')
  }
}
