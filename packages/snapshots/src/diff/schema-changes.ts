import { keyOf, type Property, RESTLESS_REASON, type SchemaObject } from '../schema.ts'
import { arrow, type Change, type Difference, plural } from './change.ts'

/** A snapshot's structure, as far as it was kept. */
export interface KnownSchema {
  /** Null where the description is not whole. */
  hash: string | null
  /** Null where there is none, or it was too large to be kept. */
  objects: readonly SchemaObject[] | null
  unavailable: readonly string[]
}

/** What became of tables, views, functions and the like. */
export const schemaChanges = (before: KnownSchema, after: KnownSchema): Difference => {
  if (before.hash !== null && before.hash === after.hash) return { changes: [], not_compared: [] }
  if (before.objects === null || after.objects === null) return cannotName(before, after)
  const unavailable = new Set([...before.unavailable, ...after.unavailable])
  const changes = compare(
    before.objects.filter((object) => !concerns(object, unavailable)),
    after.objects.filter((object) => !concerns(object, unavailable)),
  )
  const not_compared = [...unavailable].sort().map((name) => `${name}: held exclusively by somebody at that moment`)
  if (changes.length > 0 || unavailable.size > 0) return { changes, not_compared }
  return { changes, not_compared: ['the schema differs in a text that is too long, or too secret, to be kept'] }
}

const cannotName = (before: KnownSchema, after: KnownSchema): Difference => {
  const restless = [before, after].some(({ unavailable }) => unavailable.includes(RESTLESS_REASON))
  const differs = before.hash !== null && after.hash !== null
  return {
    changes: [],
    not_compared: [
      differs
        ? 'the schema differs, and what in it cannot be told: it is too large to be kept'
        : restless
          ? RESTLESS_REASON
          : 'the schema: one of the two has no description',
    ],
  }
}

const concerns = ({ of, name }: SchemaObject, names: ReadonlySet<string>): boolean =>
  names.has(name) || (of !== null && names.has(of))

const compare = (before: readonly SchemaObject[], after: readonly SchemaObject[]): Change[] => {
  const old = new Map(before.map((object) => [keyOf(object), object]))
  const now = new Map(after.map((object) => [keyOf(object), object]))
  const gone = before.filter((object) => !now.has(keyOf(object)))
  const added = after.filter((object) => !old.has(keyOf(object)))
  const changed = after.flatMap((object) => {
    const was = old.get(keyOf(object))
    const text = was === undefined ? '' : propertyWords(object, was.properties, object.properties)
    return text === ''
      ? []
      : [{ object, change: changeOf(object, 'changed', text, definition(was!), definition(object)) }]
  })
  const went = withoutParts(gone).map((object) => ({
    object,
    change: changeOf(object, 'gone', words('gone', object, gone), definition(object), null),
  }))
  const came = withoutParts(added).map((object) => ({
    object,
    change: changeOf(object, 'new', words('new', object, added), null, definition(object)),
  }))
  return [...went, ...changed, ...came].sort((a, b) => inOrder(a.object, b.object)).map(({ change }) => change)
}

/** A table before what belongs to it, and what belongs to one table together. */
const inOrder = (a: SchemaObject, b: SchemaObject): number => {
  const [first, second] = [keyOf(a), keyOf(b)]
  return first < second ? -1 : first > second ? 1 : 0
}

/** A table that comes or goes takes its columns, indexes and the like along: one line says it. */
const withoutParts = (objects: readonly SchemaObject[]): SchemaObject[] => {
  const whole = new Set(objects.filter(({ of }) => of === null).map(({ name }) => name))
  return objects.filter(({ of }) => of === null || !whole.has(of))
}

const words = (change: 'new' | 'gone', object: SchemaObject, all: readonly SchemaObject[]): string => {
  const columns = all.filter(({ kind, of }) => kind === 'column' && of === object.name).length
  if (columns > 0) return `${change}, with ${plural(columns, 'column')}`
  return object.kind === 'column' && change === 'new' ? `new, ${columnWords(object.properties)}` : change
}

const columnWords = (properties: SchemaObject['properties']): string =>
  [
    String(properties.type),
    properties['not null'] === true ? 'not null' : '',
    properties.default === undefined ? '' : `default ${properties.default}`,
    properties.generated === undefined ? '' : `generated as ${properties.generated}`,
  ]
    .filter((word) => word !== '')
    .join(' ')

const changeOf = (
  object: SchemaObject,
  change: Change['change'],
  text: string,
  before: string | null,
  after: string | null,
): Change => {
  const { kind } = object
  const name = kind === 'column' ? `${object.of}.${object.name}` : object.name
  const where = kind !== 'column' && object.of !== null && object.kind !== 'sequence' ? ` on ${object.of}` : ''
  return {
    area: 'schema',
    kind,
    name: `${name}${where}`,
    change,
    text: `${kind} ${name}${where}: ${text}`,
    before,
    after,
  }
}

/** Each property that is different, as people say it. Empty where none is. */
const propertyWords = (
  { kind }: SchemaObject,
  before: SchemaObject['properties'],
  after: SchemaObject['properties'],
): string =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
    .map((name) => propertyChange(kind, name, before[name], after[name]))
    .join('; ')

const propertyChange = (
  kind: SchemaObject['kind'],
  name: string,
  before: Property | undefined,
  after: Property | undefined,
): string => {
  if (name === 'definition') return 'another definition'
  if (name === 'values') return enumWords(before as string[], after as string[])
  if (name === 'not null') return after === true ? 'must not be null now' : 'may be null now'
  if (name === 'invalid') return after === true ? 'is invalid: it was not built to its end' : 'is valid now'
  // A column has a type, a default and little else: its type needs no name.
  if (kind === 'column' && name === 'type') return arrow(String(before), String(after))
  if (name === 'version') return arrow(String(before), String(after))
  return `${name} ${arrow(shown(name, before), shown(name, after))}`
}

/** What it means that a property is left out; else there is none of it. */
const DEFAULTS: Record<string, string> = {
  enabled: 'yes',
  checks: 'on',
  unlogged: 'no',
  restrictive: 'no',
  cycles: 'no',
  'row security': 'off',
}

const shown = (name: string, value: Property | undefined): string =>
  value === undefined ? (DEFAULTS[name] ?? 'none') : value === true ? 'yes' : String(value)

const enumWords = (before: string[], after: string[]): string => {
  const gone = before.filter((value) => !after.includes(value))
  const added = after.filter((value) => !before.includes(value))
  if (gone.length + added.length === 0) return 'values in another order'
  return [...gone.map((value) => `value '${value}' is gone`), ...added.map((value) => `value '${value}' is new`)].join(
    '; ',
  )
}

const definition = ({ kind, properties }: SchemaObject): string | null => {
  if (kind === 'column') return columnWords(properties)
  return typeof properties.definition === 'string' ? properties.definition : null
}
