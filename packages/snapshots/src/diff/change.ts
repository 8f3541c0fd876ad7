type Area = 'schema' | 'rows' | 'migrations' | 'configuration' | 'health'

/** One thing that is different, in words and as data. */
export interface Change {
  area: Area
  /** The kind of object: table, column, variable and the like. */
  kind: string
  name: string
  change: 'new' | 'gone' | 'changed'
  /** `column public.orders.total: integer → bigint`. */
  text: string
  before: string | null
  after: string | null
}

export interface Difference {
  changes: Change[]
  /** What one of the two does not know, and so nobody can tell. */
  not_compared: string[]
}

export const arrow = (before: string, after: string): string => `${before} → ${after}`

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${number(count)} ${count === 1 ? one : many}`

export const number = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 2 })

const NAMED_MAX = 10

/** The first few of many names. */
export const some = (names: readonly string[]): string =>
  names.length <= NAMED_MAX
    ? names.join(', ')
    : `${names.slice(0, NAMED_MAX).join(', ')} and ${number(names.length - NAMED_MAX)} more`
