import type { TableCounts } from '../counts.ts'
import type { Migrations } from '../migrations.ts'
import { arrow, type Change, type Difference } from './change.ts'
import { migrationChanges } from './migration-changes.ts'
import { rowChanges } from './row-changes.ts'
import { type KnownSchema, schemaChanges } from './schema-changes.ts'
import { metricChanges, policyChanges, variableChanges } from './setting-changes.ts'

/** What a snapshot holds, as it was stored. */
export interface SnapshotContent {
  /** Empty, as the environment is, where the deployment is no longer on record. */
  service: string
  environment: string
  /** Null in those of the first version. */
  database: { source: string; name: string; version: string } | null
  schema: KnownSchema
  counts: TableCounts | null
  migrations: {
    /** By the service's own record. */
    service: Migrations
    /** As recorded with us. */
    recorded: Migrations
  } | null
  variables: Readonly<Record<string, string | null>>
  /** The process whose variables they are. */
  taken_by: string | null
  policy: unknown
  metrics: Readonly<Record<string, unknown>>
}

/** Everything that is different between two snapshots, the structure first. */
export const compareSnapshots = (before: SnapshotContent, after: SnapshotContent): Difference => {
  const parts: Difference[] = [
    whereFrom(before, after),
    schemaChanges(before.schema, after.schema),
    rowChanges(before.counts, after.counts),
    migrations(before, after),
    { changes: configuration(before, after), not_compared: [] },
    { changes: metricChanges(before.metrics, after.metrics), not_compared: [] },
  ]
  return {
    changes: withoutRepetition(parts.flatMap(({ changes }) => changes)),
    not_compared: parts.flatMap(({ not_compared }) => not_compared),
  }
}

/** Two databases are not one database that changed: whoever reads on must know. */
const whereFrom = (before: SnapshotContent, after: SnapshotContent): Difference => {
  const [was, is] = [before.database, after.database]
  const changes: Change[] = []
  const say = (name: string, from: string, to: string): void => {
    if (from === to || from === '' || to === '') return
    const text = `${name}: ${arrow(from, to)}`
    changes.push({ area: 'configuration', kind: name, name, change: 'changed', text, before: from, after: to })
  }
  say('service', before.service, after.service)
  say('environment', before.environment, after.environment)
  if (was !== null && is !== null) {
    say('database', `${was.name} (${was.source})`, `${is.name} (${is.source})`)
    say('PostgreSQL', was.version, is.version)
  }
  return { changes, not_compared: [] }
}

const migrations = (before: SnapshotContent, after: SnapshotContent): Difference => {
  if (before.migrations === null || after.migrations === null)
    return { changes: [], not_compared: ['migrations: one of the two knows none'] }
  const own = migrationChanges('migration', before.migrations.service, after.migrations.service)
  const recorded = migrationChanges('recorded migration', before.migrations.recorded, after.migrations.recorded)
  return {
    changes: [...own.changes, ...recorded.changes],
    not_compared: [...own.not_compared, ...recorded.not_compared],
  }
}

const configuration = (before: SnapshotContent, after: SnapshotContent): Change[] => {
  const variables = variableChanges(before.variables, after.variables)
  const elsewhere = before.taken_by !== null && after.taken_by !== null && before.taken_by !== after.taken_by
  const note = ` (as the ${before.taken_by} has it, and the ${after.taken_by})`
  return [
    ...(elsewhere ? variables.map((change) => ({ ...change, text: `${change.text}${note}` })) : variables),
    ...policyChanges(before.policy, after.policy),
  ]
}

/** A table that came or went is said once, with its rows where they are known. */
const withoutRepetition = (changes: readonly Change[]): Change[] => {
  const rows = new Map(
    changes
      .filter(({ area, change }) => area === 'rows' && change !== 'changed')
      .map((change) => [change.name, change]),
  )
  const said = new Set<string>()
  const merged = changes.map((change) => {
    const counted = change.area === 'schema' && change.kind === 'table' ? rows.get(change.name) : undefined
    if (counted === undefined) return change
    said.add(change.name)
    const words = counted.text.slice(counted.text.indexOf(', with ') + ', with '.length)
    return { ...change, text: `${change.text} and ${words}` }
  })
  return merged.filter(({ area, change, name }) => area !== 'rows' || change === 'changed' || !said.has(name))
}
