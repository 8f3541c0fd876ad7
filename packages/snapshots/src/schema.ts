import { createHash } from 'node:crypto'
import { BLOCKED_RELATIONS, describeSchemaSql } from './schema-sql.ts'
import { withoutSecrets } from './secrets.ts'
import { refusalOf, type Session } from './session.ts'
import { oneSpelling } from './spelling.ts'

type ObjectKind =
  | 'schema'
  | 'extension'
  | 'table'
  | 'foreign table'
  | 'column'
  | 'constraint'
  | 'index'
  | 'view'
  | 'materialized view'
  | 'rule'
  | 'trigger'
  | 'policy'
  | 'function'
  | 'procedure'
  | 'aggregate'
  | 'type'
  | 'domain'
  | 'sequence'
  | 'event trigger'

export type Property = string | boolean | string[]

export interface SchemaObject {
  kind: ObjectKind
  /** The table or view it belongs to. */
  of: string | null
  /** Fully qualified, but for what belongs to a table. */
  name: string
  /** What has its default is left out. */
  properties: Record<string, Property>
}

export interface SchemaDescription {
  /** The same for the same objects; also of a description that is not whole, which never equals that of a whole one. */
  hash: string
  /** Null where they are too many to be kept. */
  objects: SchemaObject[] | null
  object_count: number
  /** Relations and functions that could not be described, because somebody held them exclusively. */
  unavailable: string[]
}

/** Changes when the description itself does, so that hashes of two ways to describe are never taken for two schemas. */
const ALGORITHM = 'roman-schema-2'
/** A longer text is kept as its digest: that it changed can be told, not how. */
const TEXT_MAX = 16_384
const OBJECTS_BYTES_MAX = 4 * 1024 * 1024
const ATTEMPTS = 2

/**
 * The canonical description of the database's structure: the same however the schema came about, in whatever order its
 * objects and columns were made. What somebody holds exclusively is named as unavailable and not waited for.
 */
export const describeSchema = async (session: Session, timeoutMs: number): Promise<SchemaDescription> => {
  let blocked: { oid: number | null; name: string }[] = []
  for (let attempt = 1; ; attempt += 1) {
    try {
      const oids = blocked.flatMap(({ oid }) => (oid === null ? [] : [oid]))
      const objects = await session.read<SchemaObject>(describeSchemaSql(oids), timeoutMs)
      return canonical(objects, [...new Set(blocked.map(({ name }) => name))].sort(byCode))
    } catch (error) {
      if (refusalOf(error) !== 'lock_not_available' || attempt > ATTEMPTS) throw error
      blocked = await session.read(BLOCKED_RELATIONS, timeoutMs)
    }
  }
}

/** What takes the place of the names that could not be read, where it is all of them. */
export const RESTLESS_REASON = 'the schema: it was changed while it was read, as long as there was time'

/** Orders, hashes and bounds what was read. */
export const canonical = (read: readonly SchemaObject[], unavailable: readonly string[] = []): SchemaDescription => {
  const objects = read.map(ordered).sort((a, b) => byCode(keyOf(a), keyOf(b)))
  const hash = createHash('sha256')
  hash.update(JSON.stringify([ALGORITHM, unavailable]))
  for (const object of objects) hash.update(`\n${JSON.stringify(object)}`)
  const kept = objects.map(bounded)
  const fits = kept.reduce((bytes, object) => bytes + JSON.stringify(object).length, 0) <= OBJECTS_BYTES_MAX
  return {
    hash: hash.digest('hex'),
    objects: fits ? kept : null,
    object_count: objects.length,
    unavailable: [...unavailable],
  }
}

/** One object in a schema has one key. */
export const keyOf = ({ kind, of, name }: SchemaObject): string => JSON.stringify([of ?? name, of !== null, kind, name])

/** By code point: no locale may have a say. */
const byCode = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** The body of most functions is text that somebody wrote, and no deparser's: it is kept as it is. */
const isWritten = (kind: ObjectKind, text: string): boolean =>
  (kind === 'function' || kind === 'procedure') && text.includes('\nAS ')

const ordered = ({ kind, of, name, properties }: SchemaObject): SchemaObject => {
  const spelled = ([key, value]: [string, Property]): [string, Property] =>
    typeof value === 'string' && !isWritten(kind, value) ? [key, oneSpelling(value)] : [key, value]
  const entries = Object.entries(properties).sort(([a], [b]) => byCode(a, b))
  return { kind, of, name, properties: Object.fromEntries(entries.map(spelled)) }
}

const bounded = (object: SchemaObject): SchemaObject => ({
  ...object,
  properties: Object.fromEntries(Object.entries(object.properties).map(([name, value]) => [name, keptText(value)])),
})

const keptText = (value: Property): Property => {
  if (typeof value !== 'string') return value
  if (value.length <= TEXT_MAX) return withoutSecrets(value)
  return `(${value.length} characters, sha256 ${createHash('sha256').update(value).digest('hex')})`
}

/** Of a schema that did not hold still there is nothing to keep. */
export const RESTLESS: SchemaDescription = { ...canonical([], [RESTLESS_REASON]), objects: null }
