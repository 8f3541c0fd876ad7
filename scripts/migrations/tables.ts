import type { AlterTableCmd, Node, RangeVar } from 'libpg-query'
import { attachedBy, commandsOf, constraintOf, lastName, nameOf } from './parse.ts'

/** What is known of tables from the statements so far. */
export class Tables {
  /** What this migration has created. */
  private readonly fresh = new Set<string>()
  /** Names that tables had before they were renamed: what has such a name now may have been given the old rows. */
  private readonly givenUp = new Set<string>()
  private readonly domains = new Set<string>()
  private readonly checks = new Map<string, string>()
  private readonly notNull = new Set<string>()

  beginMigration(): void {
    this.fresh.clear()
  }

  /** False for what this migration has created. Whatever is not known is taken for large. */
  mayBeLarge(table: string): boolean {
    return !this.fresh.has(table)
  }

  isProvedNotNull(table: string, column: string): boolean {
    return this.notNull.has(`${table}.${column}`)
  }

  isDomain(type: string | undefined): boolean {
    return type !== undefined && this.domains.has(type)
  }

  follow(node: Node): void {
    if ('CreateStmt' in node && !node.CreateStmt.if_not_exists) this.created(node.CreateStmt.relation)
    if ('CreateTableAsStmt' in node && !node.CreateTableAsStmt.if_not_exists)
      this.created(node.CreateTableAsStmt.into?.rel)
    if ('CreateDomainStmt' in node) this.domains.add(lastName(node.CreateDomainStmt.domainname) ?? '')
    if ('RenameStmt' in node && node.RenameStmt.renameType === 'OBJECT_TABLE') {
      const { relation, newname } = node.RenameStmt
      const [from, to] = [nameOf(relation), nameOf({ ...relation, relname: newname! })]
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
  private created(relation: RangeVar | undefined): void {
    const name = nameOf(relation)
    if (relation?.schemaname === undefined && relation?.relpersistence !== 't') return
    if (!this.givenUp.has(name)) this.fresh.add(name)
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
