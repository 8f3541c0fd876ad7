import type { Node } from 'libpg-query'
import { alterTable, type Effect, partitionRefusals } from './alter-table.ts'
import { KNOWN } from './kinds.ts'
import { changesIn, nameOf, parseMigration, type Statement, tablesIn } from './parse.ts'
import { Tables } from './tables.ts'

/**
 * Refuses migrations that would lock a large table for as long as it takes to read or write all of it. What that does is
 * PostgreSQL's documentation of ALTER TABLE, CREATE INDEX and "Explicit Locking". A migration is one transaction, so a
 * lock that was taken for a moment is held until its end: what takes long must not come after it.
 *
 * A table may be locked in the migration that creates it: nobody else sees it yet. From the next one on it may be large,
 * since the migrations of one version are not always applied at once. Dynamic SQL cannot be looked into.
 */

export interface Finding {
  migration: string
  line: number
  problem: string
  /** Why it was allowed; null where it was not. */
  allowed: string | null
}

export interface Migration {
  name: string
  sql: string
}

/** From this migration on, what is created gets its grants from ops.apply_grants(). */
const GRANTS_SINCE = '20261125050000_roles'

export const findLocks = async (migrations: readonly Migration[], newestReleased: string): Promise<Finding[]> => {
  const findings: Finding[] = []
  const tables = new Tables()
  for (const { name: migration, sql } of [...migrations].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const statements = await parseMigration(sql)
    tables.beginMigration()
    if (migration <= newestReleased) {
      for (const { node } of statements) tables.follow(node)
      continue
    }
    const held = new Map<string, number>()
    for (const statement of statements) {
      const { problems, locked, whole } = effectOf(statement.node, tables)
      for (const table of whole) {
        const since = held.get(table) ?? held.get(SOME_TABLE)
        if (since !== undefined)
          problems.push(
            `${table} is read or written whole here, and has been locked since line ${since}: put this into a migration of its own`,
          )
      }
      if (statements.length > 1 && isConcurrent(statement.node))
        problems.push('CONCURRENTLY cannot run in a transaction: give it a migration of its own')
      for (const table of locked) if (!held.has(table)) held.set(table, statement.line)
      findings.push(...judged(migration, statement, problems))
      tables.follow(statement.node)
    }
    const last = statements.at(-1)
    if (last !== undefined && migration > GRANTS_SINCE && statements.some(creates) && !isApplyGrants(last.node))
      findings.push({
        migration,
        line: last.line,
        problem: 'It creates something in ops and leaves its grants open: end it with SELECT ops.apply_grants();',
        allowed: null,
      })
  }
  return findings
}

const judged = (migration: string, { line, reason }: Statement, problems: string[]): Finding[] => {
  const found = (problem: string, allowed: string | null): Finding => ({ migration, line, problem, allowed })
  if (reason === null) return problems.map((problem) => found(problem, null))
  if (reason === '') return [found('A large-table-lock comment without a reason: say why it does no harm', null)]
  if (problems.length === 0) return [found('Nothing here needs its large-table-lock comment: take it away', null)]
  return problems.map((problem) => found(problem, reason))
}

const effectOf = (node: Node, tables: Tables): Effect => {
  const large = (names: readonly string[]): string[] => [...new Set(names)].filter((name) => tables.mayBeLarge(name))
  const effect: Effect = { problems: [], locked: [], whole: [] }
  const [kind = ''] = Object.keys(node)
  if (!KNOWN.has(kind))
    return {
      ...effect,
      problems: [`${kind} is nothing that this check knows: say why it locks no large table, or teach it`],
    }
  if ('AlterTableStmt' in node) return alterTable(node.AlterTableStmt, tables)
  if ('IndexStmt' in node) {
    const [table] = large([nameOf(node.IndexStmt.relation)])
    if (table === undefined) return effect
    if (!node.IndexStmt.concurrent)
      return {
        problems: [
          `CREATE INDEX keeps everybody from writing ${table} while it is read: CREATE INDEX CONCURRENTLY, in a migration of its own`,
        ],
        locked: [table],
        whole: [],
      }
    if (node.IndexStmt.if_not_exists)
      effect.problems.push(
        'IF NOT EXISTS takes an index that an earlier attempt left invalid for a good one: leave it out',
      )
  }
  // A function's body runs when it is called.
  const changes = 'CreateFunctionStmt' in node ? [] : changesIn(node)
  for (const { verb, table } of changes.filter(({ table }) => tables.mayBeLarge(table)))
    effect.problems.push(
      `${verb} of ${table} locks every row it touches until the migration ends: do it in batches afterwards, or say what bounds it`,
    )
  if (changes.length > 0) effect.whole = large(tablesIn(node).concat(changes.map(({ table }) => table)))
  if ('InsertStmt' in node) effect.whole.push(...large(tablesIn(node.InsertStmt)))
  if ('CreateTableAsStmt' in node) effect.whole.push(...large(tablesIn(node.CreateTableAsStmt.query)))
  if ('CreateTrigStmt' in node) effect.locked = large([nameOf(node.CreateTrigStmt.relation)])
  if ('CreatePolicyStmt' in node) effect.locked = large([nameOf(node.CreatePolicyStmt.table)])
  if ('CreateStmt' in node) {
    const { inhRelations, partbound, tableElts = [] } = node.CreateStmt
    const parents = large(tablesIn(inhRelations))
    effect.problems.push(...parents.flatMap((parent) => partitionRefusals('PARTITION OF', partbound, parent)))
    // Also what its foreign keys point at.
    effect.locked = large([...parents, ...tableElts.flatMap(referencedBy)])
  }
  if ('AlterPolicyStmt' in node) effect.locked = large([nameOf(node.AlterPolicyStmt.table)])
  if ('DropStmt' in node && !isConcurrent(node)) {
    const tablesOf = droppedFrom(node.DropStmt)
    effect.locked = tablesOf === null ? [SOME_TABLE] : large(tablesOf)
  }
  if ('RenameStmt' in node) effect.locked = large([nameOf(node.RenameStmt.relation)])
  if ('LockStmt' in node || 'TruncateStmt' in node) {
    const { relations } = 'LockStmt' in node ? node.LockStmt : node.TruncateStmt
    effect.locked = large(tablesIn(relations))
    for (const table of effect.locked)
      effect.problems.push(`${'LockStmt' in node ? 'LOCK' : 'TRUNCATE'} locks ${table} until the migration ends`)
  }
  if ('ClusterStmt' in node) effect.problems.push('CLUSTER rewrites a table and locks everybody out meanwhile')
  if ('VacuumStmt' in node)
    effect.problems.push(
      'VACUUM and ANALYZE are not for migrations, and VACUUM FULL rewrites a table and locks everybody out meanwhile',
    )
  if ('ReindexStmt' in node && !isConcurrent(node))
    effect.problems.push('REINDEX locks its table: REINDEX … CONCURRENTLY, in a migration of its own')
  if ('RefreshMatViewStmt' in node && !node.RefreshMatViewStmt.concurrent)
    effect.problems.push('REFRESH MATERIALIZED VIEW keeps everybody from reading it: CONCURRENTLY')
  if ('DoStmt' in node)
    effect.problems.push('What a DO block executes cannot be looked into: say why it locks no large table')
  if ('SelectStmt' in node && !isApplyGrants(node))
    effect.problems.push(
      'What a SELECT does in a migration it does inside a function, which cannot be looked into: say why it locks no large table',
    )
  return effect
}

/** What the foreign keys of a column or of a table point at. */
const referencedBy = (element: Node): string[] => {
  const constraints = 'ColumnDef' in element ? (element.ColumnDef.constraints ?? []) : [element]
  return constraints.flatMap((one) =>
    'Constraint' in one && one.Constraint.pktable !== undefined ? [nameOf(one.Constraint.pktable)] : [],
  )
}

/** Locked by a statement that does not say which table it is. */
const SOME_TABLE = '*'

/** The tables that are locked while something of theirs is dropped; null where the statement does not name them. */
const droppedFrom = ({ removeType, objects }: Extract<Node, { DropStmt: unknown }>['DropStmt']): string[] | null => {
  if (removeType === 'OBJECT_INDEX') return null
  if (!['OBJECT_TRIGGER', 'OBJECT_POLICY', 'OBJECT_RULE'].includes(removeType ?? '')) return []
  return (objects ?? []).map((object) =>
    ('List' in object ? (object.List.items ?? []) : [])
      .flatMap((item) => ('String' in item ? [item.String.sval ?? ''] : []))
      .slice(0, -1)
      .join('.'),
  )
}

const isConcurrent = (node: Node): boolean => {
  if ('IndexStmt' in node) return node.IndexStmt.concurrent === true
  if ('DropStmt' in node) return node.DropStmt.concurrent === true
  if ('ReindexStmt' in node) return JSON.stringify(node.ReindexStmt.params ?? []).includes('"concurrently"')
  return false
}

const creates = ({ node }: Statement): boolean =>
  ['CreateStmt', 'CreateTableAsStmt', 'ViewStmt', 'CreateFunctionStmt', 'CreateSeqStmt'].some((kind) => kind in node)

const isApplyGrants = (node: Node): boolean =>
  'SelectStmt' in node &&
  node.SelectStmt.fromClause === undefined &&
  JSON.stringify(node.SelectStmt.targetList).includes('"apply_grants"')
