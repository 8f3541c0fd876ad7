import { isServerError, type Refusal, refusalOf, type Session } from './session.ts'

export interface TableCount {
  /** Null where nobody can tell: never analysed, and not counted. */
  rows: number | null
  exact: boolean
  /** Why a table that is small enough was not counted. */
  reason?: 'locked' | 'out of time' | 'not allowed' | 'not readable' | 'partly elsewhere'
}

export interface TableCounts {
  /** By qualified name. A partitioned table is counted as one. */
  tables: Record<string, TableCount>
  /** Tables beyond the bound, which are not even listed. */
  omitted: number
}

export interface CountBounds {
  /** Tables with more rows are estimated. */
  exactRowsMax: number
  /** One table's share. */
  countTimeoutMs: number
  /** Milliseconds left for all that remain to be counted. */
  remainingMs(): number
}

const TABLES_MAX = 5_000

/**
 * Every table with the planner's estimate; where it was never analysed, with what the statistics say is alive. Smallest
 * first, so that as many as possible are counted within the time. Reads no table.
 */
const LIST_TABLES = `
WITH RECURSIVE leaves AS (
  SELECT c.oid AS root, c.oid FROM pg_class c WHERE c.relkind = 'p'
  UNION ALL
  SELECT l.root, i.inhrelid FROM leaves l JOIN pg_inherits i ON i.inhparent = l.oid
)
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name, c.relkind = 'p' AS partitioned,
  EXISTS (SELECT FROM leaves l JOIN pg_class p ON p.oid = l.oid WHERE l.root = c.oid AND p.relkind = 'f') AS remote,
  -- Row security hides rows without a word, unless a policy shows this role all of them.
  row_security_active(c.oid) AND (
    EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive)
    OR NOT EXISTS (
      SELECT FROM pg_policy p
      WHERE p.polrelid = c.oid AND p.polcmd IN ('*', 'r') AND pg_get_expr(p.polqual, p.polrelid) = 'true'
        AND EXISTS (SELECT FROM unnest(p.polroles) AS to_role (oid) WHERE to_role.oid = 0 OR pg_has_role(to_role.oid, 'USAGE'))
    )
  ) AS hidden,
  (CASE c.relkind WHEN 'r' THEN own.rows ELSE (
    SELECT sum(part.rows) FROM leaves l JOIN pg_class p ON p.oid = l.oid AND p.relkind = 'r'
    CROSS JOIN LATERAL (
      SELECT CASE WHEN p.reltuples >= 0 THEN p.reltuples ELSE nullif(pg_stat_get_live_tuples(p.oid), 0) END AS rows
    ) part WHERE l.root = c.oid
  ) END)::float8 AS estimate
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
  SELECT CASE WHEN c.reltuples >= 0 THEN c.reltuples ELSE nullif(pg_stat_get_live_tuples(c.oid), 0) END AS rows
) own
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
  )
ORDER BY estimate NULLS FIRST, name`

const REASONS: Record<Refusal, NonNullable<TableCount['reason']>> = {
  lock_not_available: 'locked',
  query_canceled: 'out of time',
  insufficient_privilege: 'not allowed',
}

interface Listed {
  name: string
  partitioned: boolean
  /** Has a partition on another server. */
  remote: boolean
  /** Some of its rows may be hidden from this role. */
  hidden: boolean
  estimate: number | null
}

/** Rows of every table: counted where there are few, estimated where there are many or it cannot be told in time. */
export const countTables = async (session: Session, bounds: CountBounds): Promise<TableCounts> => {
  const listed = await session.read<Listed>(LIST_TABLES, bounds.remainingMs())
  const tables: Record<string, TableCount> = {}
  for (const table of listed.slice(0, TABLES_MAX)) tables[table.name] = await countTable(session, table, bounds)
  return { tables, omitted: Math.max(0, listed.length - TABLES_MAX) }
}

const countTable = async (session: Session, table: Listed, bounds: CountBounds): Promise<TableCount> => {
  const { exactRowsMax: most } = bounds
  const estimate: TableCount = { rows: table.estimate === null ? null : Math.round(table.estimate), exact: false }
  if (table.estimate !== null && table.estimate > most) return estimate
  if (table.hidden) return { ...estimate, reason: 'not allowed' }
  if (table.remote) return { ...estimate, reason: 'partly elsewhere' }
  const timeoutMs = Math.min(bounds.countTimeoutMs, bounds.remainingMs())
  if (timeoutMs <= 0) return { ...estimate, reason: 'out of time' }
  const all = `SELECT FROM ${table.partitioned ? '' : 'ONLY '}${table.name}`
  try {
    // An old estimate may be far too low: no more rows are read than would be counted.
    const few = `SELECT count(*)::integer AS rows FROM (${all} LIMIT ${most + 1}) few`
    const [counted] = await session.read<{ rows: number }>(few, timeoutMs)
    if (counted!.rows <= most) return { rows: counted!.rows, exact: true }
    return { rows: Math.max(counted!.rows, (await plannedRows(session, all, timeoutMs)) ?? 0), exact: false }
  } catch (error) {
    const reason = reasonOf(error)
    const known = reason !== 'out of time' || table.estimate !== null || bounds.remainingMs() <= 0
    return { rows: known ? estimate.rows : await plannedRows(session, all, timeoutMs), exact: false, reason }
  }
}

/** What the planner expects from the size of the table now; reads none of its rows. */
const plannedRows = async (session: Session, all: string, timeoutMs: number): Promise<number | null> => {
  try {
    const [planned] = await session.read<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }>(
      `EXPLAIN (FORMAT JSON) ${all}`,
      timeoutMs,
    )
    return planned!['QUERY PLAN'][0].Plan['Plan Rows']
  } catch (error) {
    reasonOf(error)
    return null
  }
}

/** One table that cannot be read leaves the others; a connection that is lost leaves nothing. */
const reasonOf = (error: unknown): NonNullable<TableCount['reason']> => {
  const refusal = refusalOf(error)
  if (refusal !== null) return REASONS[refusal]
  if (isServerError(error)) return 'not readable'
  throw error
}
