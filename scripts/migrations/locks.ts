import type { AlterTableCmd, AlterTableStmt, ColumnDef, Constraint, Node } from 'libpg-query'
import { nameOf, parseMigration, type Statement, tablesIn } from './parse.ts'

/**
 * Refuses migrations that would lock a large table for as long as it takes to read or write all of it. What that does is
 * PostgreSQL's documentation of ALTER TABLE, CREATE INDEX and "Explicit Locking". A migration is one transaction, so a
 * lock that was taken for a moment is held until its end: what takes long must not come after it.
 *
 * Tables that unreleased migrations create are empty where they run and may be locked. Dynamic SQL cannot be looked into.
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

/** What a statement does to tables that have rows. */
interface Effect {
  problems: string[]
  /** Locked against writers or readers until the migration ends. */
  locked: string[]
  /** Read or written whole. */
  whole: string[]
}

/** From this migration on, what is created gets its grants from ops.apply_grants(). */
const GRANTS_SINCE = '20261125050000_roles'
/** Evaluated once, and stored without a rewrite. */
const STABLE_FUNCTIONS = new Set([
  'now',
  'transaction_timestamp',
  'statement_timestamp',
  'jsonb_build_object',
  'jsonb_build_array',
])
const SERIAL = /^(small|big)?serial[248]?$/

export const findLocks = async (migrations: readonly Migration[], newestReleased: string): Promise<Finding[]> => {
  const findings: Finding[] = []
  const tables = new Tables()
  const unreleased = migrations.filter(({ name }) => name > newestReleased).sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const { name: migration, sql } of unreleased) {
    const statements = await parseMigration(sql)
    const held = new Map<string, number>()
    for (const statement of statements) {
      const { problems, locked, whole } = effectOf(statement.node, tables)
      for (const table of whole.filter((table) => held.has(table)))
        problems.push(
          `${table} is read or written whole here, and has been locked since line ${held.get(table)}: put this into a migration of its own`,
        )
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

/** What is known of tables from the statements so far. */
class Tables {
  private readonly fresh = new Set<string>()
  private readonly checks = new Map<string, string>()
  private readonly notNull = new Set<string>()

  /** False for what an unreleased migration has created. Whatever is not known is taken for large. */
  mayBeLarge(table: string): boolean {
    return !this.fresh.has(table)
  }

  isProvedNotNull(table: string, column: string): boolean {
    return this.notNull.has(`${table}.${column}`)
  }

  follow(node: Node): void {
    if ('CreateStmt' in node) this.fresh.add(nameOf(node.CreateStmt.relation))
    if ('CreateTableAsStmt' in node) this.fresh.add(nameOf(node.CreateTableAsStmt.into?.rel))
    if ('RenameStmt' in node && node.RenameStmt.renameType === 'OBJECT_TABLE') {
      const { relation, newname } = node.RenameStmt
      const [from, to] = [nameOf(relation), nameOf({ ...relation, relname: newname! })]
      if (this.fresh.delete(from)) this.fresh.add(to)
      else this.fresh.delete(to)
    }
    if ('AlterTableStmt' in node)
      for (const command of commandsOf(node.AlterTableStmt))
        this.followCheck(nameOf(node.AlterTableStmt.relation), command)
  }

  /** CHECK (column IS NOT NULL), once validated, spares SET NOT NULL its look at every row. */
  private followCheck(table: string, { subtype, name, def }: AlterTableCmd): void {
    const constraint = subtype === 'AT_AddConstraint' ? constraintOf(def) : null
    const test =
      constraint?.raw_expr !== undefined && 'NullTest' in constraint.raw_expr ? constraint.raw_expr.NullTest : null
    if (
      constraint !== null &&
      test?.nulltesttype === 'IS_NOT_NULL' &&
      test.arg !== undefined &&
      'ColumnRef' in test.arg
    ) {
      const field = test.arg.ColumnRef.fields?.at(-1)
      if (field !== undefined && 'String' in field)
        this.checks.set(`${table}.${constraint.conname}`, `${table}.${field.String.sval}`)
    }
    const column = subtype === 'AT_ValidateConstraint' ? this.checks.get(`${table}.${name}`) : undefined
    if (column !== undefined) this.notNull.add(column)
  }
}

const effectOf = (node: Node, tables: Tables): Effect => {
  const large = (names: readonly string[]): string[] => [...new Set(names)].filter((name) => tables.mayBeLarge(name))
  const effect: Effect = { problems: [], locked: [], whole: [] }
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
  if ('UpdateStmt' in node || 'DeleteStmt' in node) {
    const { relation } = 'UpdateStmt' in node ? node.UpdateStmt : node.DeleteStmt
    for (const table of large([nameOf(relation)]))
      effect.problems.push(
        `${'UpdateStmt' in node ? 'UPDATE' : 'DELETE'} of ${table} locks every row it touches until the migration ends: do it in batches afterwards, or say what bounds it`,
      )
    effect.whole = large(tablesIn(node).concat(nameOf(relation)))
  }
  if ('InsertStmt' in node) effect.whole = large(tablesIn(node.InsertStmt.selectStmt))
  if ('CreateTableAsStmt' in node) effect.whole = large(tablesIn(node.CreateTableAsStmt.query))
  if ('CreateTrigStmt' in node) effect.locked = large([nameOf(node.CreateTrigStmt.relation)])
  if ('CreatePolicyStmt' in node) effect.locked = large([nameOf(node.CreatePolicyStmt.table)])
  if ('CreateStmt' in node)
    effect.locked = large((node.CreateStmt.inhRelations ?? []).flatMap((parent) => tablesIn(parent)))
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

const alterTable = (statement: AlterTableStmt, tables: Tables): Effect => {
  const table = nameOf(statement.relation)
  const commands = commandsOf(statement)
  const effect: Effect = { problems: [], locked: [], whole: [] }
  const attached = commands.flatMap(({ subtype, def }) =>
    subtype === 'AT_AttachPartition' ? tablesIn({ RangeVar: partitionOf(def) }) : [],
  )
  for (const partition of attached.filter((name) => tables.mayBeLarge(name)))
    effect.problems.push(
      `ATTACH PARTITION locks ${partition} while it is read, unless a validated CHECK proves its bounds: say which one does`,
    )
  // A foreign key keeps everybody from writing the table it refers to, too.
  const referred = commands.map(({ def }) => nameOf(constraintOf(def)?.pktable))
  effect.locked.push(...referred.filter((name) => name !== '' && tables.mayBeLarge(name)))
  if (statement.objtype !== 'OBJECT_TABLE' || !tables.mayBeLarge(table)) return effect
  effect.problems.push(...commands.flatMap((command) => refusalsOf(command, table, tables)))
  const validating = commands.filter(({ subtype }) => subtype === 'AT_ValidateConstraint')
  if (validating.length > 0) effect.whole.push(table)
  if (validating.length < commands.length) effect.locked.push(table)
  if (validating.length > 0 && validating.length < commands.length)
    effect.problems.push(
      `VALIDATE CONSTRAINT reads ${table} under the lock of what stands beside it: put it into a migration of its own`,
    )
  return effect
}

const refusalsOf = ({ subtype, name, def }: AlterTableCmd, table: string, tables: Tables): string[] => {
  const rewrites = (what: string): string[] => [`${what} rewrites ${table} and locks everybody out meanwhile`]
  switch (subtype) {
    case 'AT_AddColumn':
      return def !== undefined && 'ColumnDef' in def ? columnRefusals(def.ColumnDef, table) : []
    case 'AT_AlterColumnType':
      return rewrites(`ALTER COLUMN ${name} TYPE`)
    case 'AT_SetNotNull':
      return tables.isProvedNotNull(table, name!)
        ? []
        : [
            `SET NOT NULL reads all of ${table} and locks everybody out meanwhile: first CHECK (${name} IS NOT NULL) NOT VALID, then VALIDATE it in the next migration`,
          ]
    case 'AT_AddConstraint':
      return constraintRefusals(constraintOf(def), table)
    case 'AT_SetLogged':
    case 'AT_SetUnLogged':
    case 'AT_SetTableSpace':
    case 'AT_SetAccessMethod':
    case 'AT_SetExpression':
      return rewrites(subtype.slice('AT_'.length))
    default:
      return []
  }
}

const columnRefusals = (column: ColumnDef, table: string): string[] => {
  const named = `ADD COLUMN ${column.colname}`
  const rewrites = (why: string): string[] => [
    `${named} ${why}, which rewrites ${table} and locks everybody out meanwhile: add it without, and fill it in batches`,
  ]
  const constraints = (column.constraints ?? []).flatMap((node) => ('Constraint' in node ? [node.Constraint] : []))
  const typeName = column.typeName?.names?.at(-1)
  const problems =
    typeName !== undefined && 'String' in typeName && SERIAL.test(typeName.String.sval ?? '')
      ? rewrites('is a serial')
      : []
  const filled = constraints.some(
    ({ contype }) => contype === 'CONSTR_DEFAULT' || contype === 'CONSTR_GENERATED' || contype === 'CONSTR_IDENTITY',
  )
  for (const constraint of constraints) {
    if (constraint.contype === 'CONSTR_DEFAULT' && !isStable(constraint.raw_expr))
      problems.push(...rewrites('has a default that differs from row to row'))
    if (constraint.contype === 'CONSTR_IDENTITY') problems.push(...rewrites('is an identity'))
    if (constraint.contype === 'CONSTR_GENERATED' && constraint.generated_kind === 's')
      problems.push(...rewrites('is stored as it is generated'))
    if (constraint.contype === 'CONSTR_NOTNULL' && !filled)
      problems.push(`${named} NOT NULL without a default fails on rows that are there`)
    if (constraint.contype === 'CONSTR_CHECK' || constraint.contype === 'CONSTR_FOREIGN')
      problems.push(
        `The constraint of ${named} is checked against all of ${table} under its lock: add it by itself, NOT VALID`,
      )
    if (constraint.contype === 'CONSTR_UNIQUE' || constraint.contype === 'CONSTR_PRIMARY')
      problems.push(`The index of ${named} is built under the lock of ${table}: CREATE UNIQUE INDEX CONCURRENTLY first`)
  }
  return problems
}

const constraintRefusals = (constraint: Constraint | null, table: string): string[] => {
  if (constraint === null) return []
  const { contype, conname, skip_validation: notValid, indexname } = constraint
  if ((contype === 'CONSTR_CHECK' || contype === 'CONSTR_FOREIGN' || contype === 'CONSTR_NOTNULL') && !notValid)
    return [
      `ADD CONSTRAINT ${conname} is checked against all of ${table} under its lock: add it NOT VALID, and VALIDATE it in the next migration`,
    ]
  if ((contype === 'CONSTR_UNIQUE' || contype === 'CONSTR_PRIMARY') && indexname === undefined)
    return [
      `The index of ${conname} is built under the lock of ${table}: CREATE UNIQUE INDEX CONCURRENTLY first, then ADD CONSTRAINT … USING INDEX`,
    ]
  if (contype === 'CONSTR_EXCLUSION')
    return [`The index of ${conname} is built under the lock of ${table}, and nothing builds it otherwise`]
  return []
}

/** The same for every row, so that it is stored once. */
const isStable = (node: Node | undefined): boolean => {
  if (node === undefined || 'A_Const' in node || 'SQLValueFunction' in node) return true
  if ('TypeCast' in node) return isStable(node.TypeCast.arg)
  if ('A_ArrayExpr' in node) return (node.A_ArrayExpr.elements ?? []).every(isStable)
  if (!('FuncCall' in node)) return false
  const name = node.FuncCall.funcname?.at(-1)
  return (
    name !== undefined &&
    'String' in name &&
    STABLE_FUNCTIONS.has(name.String.sval ?? '') &&
    (node.FuncCall.args ?? []).every(isStable)
  )
}

const commandsOf = ({ cmds = [] }: AlterTableStmt): AlterTableCmd[] =>
  cmds.flatMap((node) => ('AlterTableCmd' in node ? [node.AlterTableCmd] : []))

const constraintOf = (def: Node | undefined): Constraint | null =>
  def !== undefined && 'Constraint' in def ? def.Constraint : null

const partitionOf = (def: Node | undefined) =>
  def !== undefined && 'PartitionCmd' in def ? def.PartitionCmd.name : undefined

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
