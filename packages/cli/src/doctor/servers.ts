import { openTemporal, type RuntimeEnv, withoutPassword } from '@roman/runtime'
import { createRomanClient, RomanApiError } from '@roman/sdk'
import { loadAudit, loadDatabase } from '../database.ts'
import { type Finding, messageOf, not, ok } from './finding.ts'

const WITHIN_MS = 5000

/** What is said to run already: asked whether it does. */
export async function checkDatabase(env: RuntimeEnv): Promise<Finding[]> {
  const name = 'Database'
  const where = withoutPassword(env.database_url)
  const { openDatabase, pendingMigrations } = await loadDatabase()
  const db = openDatabase(env.database_url, { applicationName: 'roman-doctor', connectionsMax: 1 })
  try {
    const pending = await pendingMigrations(db.pool)
    if (pending.length === 0) return [ok(name, `${where}, migrations are up to date`), await checkAudit(db)]
    const lacks = `${where} lacks ${pending.length} migrations: ${pending.join(', ')}`
    return [not('broken', name, lacks, 'Run "roman migrate".')]
  } catch (error) {
    const wayOut = 'Start it, correct DATABASE_URL, or unset it to have one started.'
    return [not('broken', name, `${where}: ${messageOf(error)}`, wayOut)]
  } finally {
    await db.close()
  }
}

async function checkAudit(db: Parameters<Awaited<ReturnType<typeof loadAudit>>['readUnsealed']>[0]): Promise<Finding> {
  const { readAnchor, readUnsealed } = await loadAudit()
  const { count, since } = await readUnsealed(db)
  const { seal_number, events } = await readAnchor(db)
  if (count === 0) return ok('Audit trail', `${events} events sealed, up to seal ${seal_number}`)
  return not(
    'warning',
    'Audit trail',
    `${count} events are not sealed, the oldest since ${since?.toISOString()}`,
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
