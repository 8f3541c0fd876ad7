import type { Snapshot, SnapshotDiff, SnapshotSummary } from '@roman/sdk'
import type { Cli } from '../cli.ts'
import { facts, table } from './table.ts'
import { ago, duration, shortId } from './words.ts'

type Painted = Pick<Cli, 'colors'>

/** The snapshot outlives what it is of. */
const GONE = 'a deployment that is no longer on record'

const typeWord = (type: SnapshotSummary['snapshot_type']) => type.replace('_', ' ')
const hashWord = (hash: string | null) => (hash === null ? 'not whole' : hash.slice(0, 8))

export function snapshotTable(snapshots: readonly SnapshotSummary[], now: Date): string {
  const rows = snapshots.map((row) => [
    ago(row.created_at, now),
    typeWord(row.snapshot_type),
    row.service ?? '–',
    row.environment ?? '–',
    row.version ?? '–',
    hashWord(row.database_schema_hash),
    String(row.tables),
    row.migration_head ?? '–',
    shortId(row.snapshot_id),
  ])
  const head = ['WHEN', 'TAKEN', 'SERVICE', 'ENVIRONMENT', 'VERSION', 'SCHEMA', 'TABLES', 'MIGRATION', 'SNAPSHOT']
  return table(head, rows)
}

/** Tables of the product come after those of the service. */
const isOwn = (table: string) => table.startsWith('ops.')

/** Rows are listed of so many tables; JSON has all. */
const TABLES_MAX = 40

export function snapshotScreen(cli: Painted, snapshot: Snapshot): string {
  const { colors } = cli
  const { database, schema, migrations } = snapshot
  const known = facts([
    ['of', snapshot.service === null ? GONE : `${snapshot.service} ${snapshot.version} in ${snapshot.environment}`],
    ['taken', `${typeWord(snapshot.snapshot_type)}, ${snapshot.created_at}${took(snapshot)}`],
    ['database', database && `${database.name} (${database.source}), PostgreSQL ${database.version}`],
    ['schema', schemaWord(snapshot)],
    ['not read', schema.unavailable.join(', ')],
    ['migrations', migrations && migrationsWord(migrations.service)],
    ['recorded', migrations && migrationsWord(migrations.recorded)],
    ['deployment', snapshot.deployment_id],
    ['rollback', snapshot.event_id],
  ])
  const counts = Object.entries(snapshot.table_counts)
  const rows = counts
    .sort(
      ([a, { rows: some }], [b, { rows: other }]) => Number(isOwn(a)) - Number(isOwn(b)) || (other ?? 0) - (some ?? 0),
    )
    .slice(0, TABLES_MAX)
    .map(([name, { rows, exact, reason }]) => [
      `  ${name}`,
      rows === null ? 'unknown' : rows.toLocaleString('en-US'),
      `${exact ? 'exact' : rows === null ? 'never analysed' : 'estimated'}${reason === undefined ? '' : ` (${reason})`}`,
    ])
  const more = counts.length + snapshot.tables_omitted - rows.length
  return [
    colors.bold(`Snapshot ${snapshot.snapshot_id}`),
    known,
    ...settings(cli, snapshot),
    ...(rows.length === 0 ? [] : ['', table(['  TABLE', 'ROWS', ''], rows)]),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ].join('\n')
}

const took = ({ took_ms }: Snapshot): string => (took_ms === null ? '' : `, in ${duration(took_ms)}`)

const schemaWord = ({ database_schema_hash: hash, schema }: Snapshot): string => {
  if (schema.object_count === 0 && schema.unavailable.length > 0) return 'not read'
  const objects = schema.object_count === null ? '' : `, ${schema.object_count} objects`
  const kept = schema.kept ? '' : ' (not kept, so that a difference cannot name them)'
  return `${hash ?? 'not read whole'}${objects}${kept}`
}

type Migrations = NonNullable<Snapshot['migrations']>['service']

const migrationsWord = (migrations: Migrations): string | null => {
  if (migrations === null) return null
  if ('unavailable' in migrations) return `could not be read: ${migrations.unavailable}`
  if (migrations.total + migrations.unfinished.length === 0) return null
  const stuck = migrations.unfinished.length === 0 ? '' : `; not finished: ${migrations.unfinished.join(', ')}`
  const head = migrations.applied.at(-1)
  return `${migrations.total} applied${head === undefined ? '' : `, the last one ${head}`}${stuck}`
}

/** The allowed variables, as they were. */
function settings({ colors }: Painted, { environment_config: config }: Snapshot): string[] {
  const { variables } = (config ?? {}) as { variables?: Record<string, string | null> }
  const set = Object.entries(variables ?? {}).filter(([, value]) => value !== null)
  return set.length === 0 ? [] : ['', colors.bold('Configuration'), facts(set as [string, string][])]
}

const AREAS: [SnapshotDiff['changes'][number]['area'], string][] = [
  ['schema', 'Schema'],
  ['migrations', 'Migrations'],
  ['rows', 'Rows'],
  ['configuration', 'Configuration'],
  ['health', 'Health'],
]

export function diffScreen(cli: Painted, diff: SnapshotDiff): string {
  const { colors } = cli
  const areas = AREAS.flatMap(([area, title]) => {
    const changes = diff.changes.filter((change) => change.area === area)
    if (changes.length === 0) return []
    return ['', colors.bold(title), ...changes.flatMap((change) => changeLines(cli, change))]
  })
  const unknown = diff.not_compared.map((text) => `  ${colors.yellow('?')} ${text}`)
  return [
    `${sideWord(diff.before)} → ${sideWord(diff.after)}`,
    diff.headline,
    ...areas,
    ...(unknown.length === 0 ? [] : ['', colors.bold('Not compared'), ...unknown]),
  ].join('\n')
}

const sideWord = (side: SnapshotSummary): string =>
  `${typeWord(side.snapshot_type)} of ${side.service === null ? GONE : `${side.service} ${side.version}`} (${shortId(side.snapshot_id)})`

function changeLines(cli: Painted, change: SnapshotDiff['changes'][number]): string[] {
  const { colors } = cli
  const mark = { new: colors.green('+'), gone: colors.red('-'), changed: colors.yellow('~') }[change.change]
  return [`  ${mark} ${change.text}`, ...definitionLines(cli, change)]
}

/** Of a definition so many lines are shown; JSON has it whole. */
const LINES_MAX = 12

/** What is in a definition now that was not before, and the other way round. */
function definitionLines(
  { colors }: Painted,
  { area, kind, before, after }: SnapshotDiff['changes'][number],
): string[] {
  // A column is said whole in its line.
  if (area !== 'schema' || kind === 'column') return []
  const [was, is] = [linesOf(before), linesOf(after)]
  const lines = [
    ...was.filter((line) => !is.some(sameAs(line))).map((line) => colors.red(`      - ${line}`)),
    ...is.filter((line) => !was.some(sameAs(line))).map((line) => colors.green(`      + ${line}`)),
  ]
  const left = lines.length - LINES_MAX
  return left > 0 ? [...lines.slice(0, LINES_MAX), colors.dim(`      and ${left} lines more`)] : lines
}

/** What follows a line is no change of it. */
const sameAs = (line: string) => (other: string) => bare(line) === bare(other)
const bare = (line: string) => line.trim().replace(/[,;]$/, '')

const linesOf = (definition: string | null): string[] =>
  (definition ?? '').split('\n').filter((line) => line.trim() !== '')
