import {
  type AlterTableCmd,
  type AlterTableStmt,
  type Constraint,
  type Node,
  type PartitionCmd,
  parse,
  type RangeVar,
} from 'libpg-query'

export interface Statement {
  node: Node
  /** Of its first word, from 1. */
  line: number
  /** Why it may lock what it locks, from a comment `-- large-table-lock: <reason>` before it. */
  reason: string | null
}

const REASON = /--\s*large-table-lock:[ \t]*(.*)/

/** The statements of a migration, by PostgreSQL's own parser. Throws with the place where it cannot be parsed. */
export const parseMigration = async (sql: string): Promise<Statement[]> => {
  const bytes = Buffer.from(sql)
  const { stmts = [] } = await parse(sql)
  let end = 0
  return stmts.map(({ stmt, stmt_location: start = 0, stmt_len: length }) => {
    const before = bytes.subarray(end, start).toString()
    end = length === undefined ? bytes.length : start + length
    // A DO block may say it inside, beside what it is about.
    const said =
      REASON.exec(before) ??
      (stmt !== undefined && 'DoStmt' in stmt ? REASON.exec(bytes.subarray(start, end).toString()) : null)
    return {
      node: stmt!,
      line: bytes.subarray(0, start).toString().split('\n').length,
      reason: said === null ? null : said[1]!.trim(),
    }
  })
}

/** As migrations write it: with its schema, where it has one. */
export const nameOf = (relation: RangeVar | undefined): string =>
  [relation?.schemaname, relation?.relname].filter(Boolean).join('.')

/** Every table that is named anywhere in a part of a statement. */
export const tablesIn = (part: unknown): string[] => {
  if (typeof part !== 'object' || part === null) return []
  if (Array.isArray(part)) return part.flatMap(tablesIn)
  return Object.entries(part).flatMap(([key, inner]) =>
    key === 'RangeVar' ? [nameOf(inner as RangeVar)] : tablesIn(inner),
  )
}

const CHANGES = { UpdateStmt: 'UPDATE', DeleteStmt: 'DELETE', MergeStmt: 'MERGE' } as const

/** Every table whose rows a part of a statement changes, also where it stands in a WITH; INSERT only where it updates. */
export const changesIn = (part: unknown): { verb: string; table: string }[] => {
  if (typeof part !== 'object' || part === null) return []
  return Object.entries(part).flatMap(([key, inner]) => {
    const verb =
      key === 'InsertStmt' && inner.onConflictClause?.action === 'ONCONFLICT_UPDATE'
        ? 'INSERT … ON CONFLICT DO UPDATE'
        : CHANGES[key as keyof typeof CHANGES]
    return [...(verb === undefined ? [] : [{ verb, table: nameOf(inner.relation) }]), ...changesIn(inner)]
  })
}

export const commandsOf = ({ cmds = [] }: AlterTableStmt): AlterTableCmd[] =>
  cmds.flatMap((node) => ('AlterTableCmd' in node ? [node.AlterTableCmd] : []))

export const constraintOf = (def: Node | undefined): Constraint | null =>
  def !== undefined && 'Constraint' in def ? def.Constraint : null

export const partitionOf = (def: Node | undefined): PartitionCmd | undefined =>
  def !== undefined && 'PartitionCmd' in def ? def.PartitionCmd : undefined

export const attachedBy = (statement: AlterTableStmt): string[] =>
  commandsOf(statement).flatMap(({ subtype, def }) =>
    subtype === 'AT_AttachPartition' ? tablesIn({ RangeVar: partitionOf(def)?.name }) : [],
  )

export const lastName = (names: readonly Node[] | undefined): string | undefined => {
  const last = names?.at(-1)
  return last !== undefined && 'String' in last ? last.String.sval : undefined
}
