import { type Refused, refuse } from './decision.ts'
import { isRecord } from './numbers.ts'

/** What a part of some evidence has to be. Answers what is wrong with it, naming the field; null where nothing is. */
export type Shape = (value: unknown, field: string) => string | null

/** A shape for every field of an evidence, so that a new field cannot be forgotten. */
type Fields<T> = { [Field in keyof T]-?: Shape }

const shape =
  (fits: (value: unknown) => boolean, what: string): Shape =>
  (value, field) =>
    fits(value) ? null : `${field} must be ${what}`

export const text = shape((value) => typeof value === 'string', 'a text')
export const flag = shape((value) => typeof value === 'boolean', 'true or false')
/** Not a number is none: every comparison with it fails, and a limit that nothing exceeds is no limit. */
export const amount = shape((value) => typeof value === 'number' && !Number.isNaN(value), 'a number')
/** Of any value, where the number itself is read defensively. */
export const reading = shape((value) => typeof value === 'number' || value === null, 'a number or null')
/** What is judged defensively elsewhere. */
export const anything: Shape = () => null

export const oneOf = (names: readonly unknown[]) =>
  shape((value) => names.includes(value), `one of ${names.join(', ')}`)

export const nullable =
  (inner: Shape): Shape =>
  (value, field) =>
    value === null ? null : inner(value, field)

export const optional =
  (inner: Shape): Shape =>
  (value, field) =>
    value === undefined ? null : inner(value, field)

export const either =
  (one: Shape, other: Shape): Shape =>
  (value, field) =>
    one(value, field) && other(value, field)

export const listOf =
  (inner: Shape): Shape =>
  (value, field) =>
    Array.isArray(value)
      ? firstOf(value.map((item, index) => [inner, item, `${field}[${index}]`]))
      : `${field} must be a list`

/** Fields beside those of the shape are nobody's business. */
export const record =
  <T>(fields: Fields<T>): Shape =>
  (value, field) =>
    isRecord(value)
      ? firstOf(Object.entries<Shape>(fields).map(([name, inner]) => [inner, value[name], `${field}.${name}`]))
      : `${field} must be an object`

function firstOf(parts: [inner: Shape, value: unknown, field: string][]): string | null {
  for (const [inner, value, field] of parts) {
    const problem = inner(value, field)
    if (problem !== null) return problem
  }
  return null
}

/** What every gate answers to evidence that it cannot read: never a pass, and nobody's decision. */
export function refuseMalformed(problem: string): Refused {
  return refuse('internal_error', `This cannot be judged: ${problem}.`, 'Report it: what asked has a fault.')
}
