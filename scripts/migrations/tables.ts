import type { AlterTableCmd, Node, RangeVar } from 'libpg-query'
import { attachedBy, commandsOf, constraintOf, lastName, nameOf } from './parse.ts'

/** What is known of tables from the statements so far. */
export class Tables {
  /** What this migration has created. */
  private readonly fresh = new Set<string>()
  /** Names that tables had before they were renamed: what has such a name now may have been given the old rows. */
  private readonly givenUp = new Set<string>()
  private readonly domains = new Set<string>()
  /** CHECK (column IS NOT NULL), by table and by its own name. */
  private readonly checks = new Map<string, Map<string, { column: string; valid: boolean }>>()

  beginMigration(): void {
    this.fresh.clear()
  }

  /** False for what this migration has created. Whatever is not known is taken for large. */
  mayBeLarge(table: string): boolean {
    return !this.fresh.has(table)
  }

  /** By a CHECK that nothing beside it drops: whatever is written first, PostgreSQL drops first. */
  isProvedNotNull(table: string, column: string, beside: readonly AlterTableCmd[]): boolean {
    return [...(this.checks.get(table) ?? [])].some(
      ([name, check]) => check.valid && check.column === column && !beside.some((one) => drops(one, name, column)),
    )
  }

  isDomain(type: string | undefined): boolean {
    return type !== undefined && this.domains.has(type)
  }

  follow(node: Node): void {
    if ('CreateStmt' in node) this.created(node.CreateStmt.relation, node.CreateStmt.if_not_exists)
    if ('CreateTableAsStmt' in node)
      this.created(node.CreateTableAsStmt.into?.rel, node.CreateTableAsStmt.if_not_exists)
    if ('CreateDomainStmt' in node) this.domains.add(lastName(node.CreateDomainStmt.domainname) ?? '')
    // Of the table, a column or the CHECK: what was proved is under another name now.
    if ('RenameStmt' in node) this.checks.delete(nameOf(node.RenameStmt.relation))
    if ('RenameStmt' in node && node.RenameStmt.renameType === 'OBJECT_TABLE') {
      const { relation, newname } = node.RenameStmt
      const [from, to] = [nameOf(relation), nameOf({ ...relation, relname: newname! })]
      this.checks.delete(to)
      this.givenUp.add(from)
      if (this.fresh.delete(from) && !this.givenUp.has(to)) this.fresh.add(to)
      else this.fresh.delete(to)
    }
    if ('AlterTableStmt' in node && attachedBy(node.AlterTableStmt).some((table) => this.mayBeLarge(table)))
      this.fresh.delete(nameOf(node.AlterTableStmt.relation))
    if ('AlterTableStmt' in node)
      for (const command of commandsOf(node.AlterTableStmt))
        this.followCheck(nameOf(node.AlterTableStmt.relation), command)
  }

  /** By its full name, or for this session alone: another name may be that of a table in another schema. */
  private created(relation: RangeVar | undefined, ifNotExists = false): void {
    const name = nameOf(relation)
    // What was proved was proved of a table that had this name before.
    this.checks.delete(name)
    if (ifNotExists) return
    if (relation?.schemaname === undefined && relation?.relpersistence !== 't') return
    if (!this.givenUp.has(name)) this.fresh.add(name)
  }

  /** CHECK (column IS NOT NULL), once validated and until it is dropped, spares SET NOT NULL its look at every row. */
  private followCheck(table: string, command: AlterTableCmd): void {
    const checks = this.checks.get(table) ?? new Map<string, { column: string; valid: boolean }>()
    this.checks.set(table, checks)
    for (const [name, { column }] of checks) if (drops(command, name, column)) checks.delete(name)
    const constraint = command.subtype === 'AT_AddConstraint' ? constraintOf(command.def) : null
    const test =
      constraint?.raw_expr !== undefined && 'NullTest' in constraint.raw_expr ? constraint.raw_expr.NullTest : null
    if (
      constraint?.conname !== undefined &&
      test?.nulltesttype === 'IS_NOT_NULL' &&
      test.arg !== undefined &&
      'ColumnRef' in test.arg
    ) {
      const field = test.arg.ColumnRef.fields?.at(-1)
      if (field !== undefined && 'String' in field)
        checks.set(constraint.conname, { column: field.String.sval ?? '', valid: false })
    }
    const validated = command.subtype === 'AT_ValidateConstraint' ? checks.get(command.name!) : undefined
    if (validated !== undefined) validated.valid = true
  }
}

/** Also where the name is given anew: what had it was dropped where nobody could look. */
const drops = ({ subtype, name, def }: AlterTableCmd, check: string, column: string): boolean => {
  if (subtype === 'AT_DropConstraint') return name === check
  if (subtype === 'AT_DropColumn') return name === column
  if (subtype === 'AT_AddConstraint') return constraintOf(def)?.conname === check
  return subtype === 'AT_AddColumn' && def !== undefined && 'ColumnDef' in def && def.ColumnDef.colname === column
}
