import type { AlterTableCmd, AlterTableStmt, ColumnDef, Constraint, Node, PartitionBoundSpec } from 'libpg-query'
import { attachedBy, commandsOf, constraintOf, lastName, nameOf, partitionOf } from './parse.ts'
import type { Tables } from './tables.ts'

/** What a statement does to tables that have rows. */
export interface Effect {
  problems: string[]
  /** Locked against writers or readers until the migration ends. */
  locked: string[]
  /** Read or written whole. */
  whole: string[]
}

/** Evaluated once, and stored without a rewrite. */
const STABLE_FUNCTIONS = new Set([
  'now',
  'transaction_timestamp',
  'statement_timestamp',
  'jsonb_build_object',
  'jsonb_build_array',
])
const SERIAL = /^(small|big)?serial[248]?$/

export const alterTable = (statement: AlterTableStmt, tables: Tables): Effect => {
  const table = nameOf(statement.relation)
  const commands = commandsOf(statement)
  const effect: Effect = { problems: [], locked: [], whole: [] }
  for (const partition of attachedBy(statement).filter((name) => tables.mayBeLarge(name)))
    effect.problems.push(
      `ATTACH PARTITION locks ${partition} while it is read, unless a validated CHECK proves its bounds: say which one does`,
    )
  // A foreign key keeps everybody from writing the table it refers to, too.
  const referred = commands.map(({ def }) => nameOf(constraintOf(def)?.pktable))
  effect.locked.push(...referred.filter((name) => name !== '' && tables.mayBeLarge(name)))
  if (statement.objtype !== 'OBJECT_TABLE' || !tables.mayBeLarge(table)) return effect
  effect.problems.push(...commands.flatMap((command) => refusalsOf(command, table, tables, commands)))
  const validating = commands.filter(({ subtype }) => subtype === 'AT_ValidateConstraint')
  if (validating.length > 0) effect.whole.push(table)
  if (validating.length < commands.length) effect.locked.push(table)
  if (validating.length > 0 && validating.length < commands.length)
    effect.problems.push(
      `VALIDATE CONSTRAINT reads ${table} under the lock of what stands beside it: put it into a migration of its own`,
    )
  return effect
}

const refusalsOf = (
  { subtype, name, def }: AlterTableCmd,
  table: string,
  tables: Tables,
  beside: readonly AlterTableCmd[],
): string[] => {
  const rewrites = (what: string): string[] => [`${what} rewrites ${table} and locks everybody out meanwhile`]
  switch (subtype) {
    case 'AT_AddColumn':
      return def !== undefined && 'ColumnDef' in def ? columnRefusals(def.ColumnDef, table, tables) : []
    case 'AT_AlterColumnType':
      return rewrites(`ALTER COLUMN ${name} TYPE`)
    case 'AT_SetNotNull':
      return tables.isProvedNotNull(table, name!, beside)
        ? []
        : [
            `SET NOT NULL reads all of ${table} and locks everybody out meanwhile: first CHECK (${name} IS NOT NULL) NOT VALID, then VALIDATE it in the next migration`,
          ]
    case 'AT_AddConstraint':
      return constraintRefusals(constraintOf(def), table)
    case 'AT_AttachPartition':
      return partitionRefusals('ATTACH PARTITION', partitionOf(def)?.bound, table)
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

const columnRefusals = (column: ColumnDef, table: string, tables: Tables): string[] => {
  const named = `ADD COLUMN ${column.colname}`
  const rewrites = (why: string): string[] => [
    `${named} ${why}, which rewrites ${table} and locks everybody out meanwhile: add it without, and fill it in batches`,
  ]
  const constraints = (column.constraints ?? []).flatMap((node) => ('Constraint' in node ? [node.Constraint] : []))
  const typeName = lastName(column.typeName?.names)
  const problems = SERIAL.test(typeName ?? '') ? rewrites('is a serial') : []
  if (tables.isDomain(typeName)) problems.push(...rewrites('has a domain, whose rules are checked'))
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
  // Which columns an index has, and since when they are NOT NULL, is not known here.
  if (contype === 'CONSTR_PRIMARY')
    return [
      `PRIMARY KEY USING INDEX ${indexname} sets its columns NOT NULL, which reads all of ${table} and locks everybody out meanwhile, unless they are: SET NOT NULL before, and say since when they are`,
    ]
  if (contype === 'CONSTR_EXCLUSION')
    return [`The index of ${conname} is built under the lock of ${table}, and nothing builds it otherwise`]
  return []
}

/** Rows of a new partition may be in the default one. There is none beside a new default, nor where rows go by hash. */
export const partitionRefusals = (what: string, bound: PartitionBoundSpec | undefined, parent: string): string[] =>
  bound === undefined || bound.is_default || bound.strategy === 'h'
    ? []
    : [
        `${what} reads all of the default partition of ${parent} and locks everybody out meanwhile, unless a validated CHECK proves that it holds none of these rows: say which one does, or what bounds it`,
      ]

/** The same for every row, so that it is stored once. */
const isStable = (node: Node | undefined): boolean => {
  if (node === undefined || 'A_Const' in node || 'SQLValueFunction' in node) return true
  if ('TypeCast' in node) return isStable(node.TypeCast.arg)
  if ('A_ArrayExpr' in node) return (node.A_ArrayExpr.elements ?? []).every(isStable)
  if (!('FuncCall' in node)) return false
  return STABLE_FUNCTIONS.has(lastName(node.FuncCall.funcname) ?? '') && (node.FuncCall.args ?? []).every(isStable)
}
