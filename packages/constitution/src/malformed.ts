import { type Refused, refuse } from './decision.ts'
import { isRecord } from './numbers.ts'

/** What a part of some evidence has to be. Answers what is wrong with it, naming the field; null where nothing is. */
export type Shape = (value: unknown, field: string) => string | null

/** A shape for every field of an evidence, so that a new field cannot be forgotten. */
type Fields<T> = { [Field in keyof T]-?: Shape }

/** ECMAScript: the last moment of its calendar. */
export const MOMENT_MAX = 8.64e15

const shape =
  (fits: (value: unknown) => boolean, what: string): Shape =>
  (value, field) =>
    fits(value) ? null : `${field} must be ${what}`

export const text = shape((value) => typeof value === 'string', 'a text')
export const flag = shape((value) => typeof value === 'boolean', 'true or false')
/** A moment or a length. Not a number is none: every comparison with it fails. */
export const finite = shape((value) => Number.isFinite(value), 'a finite number')
/** Milliseconds of a clock that a date can show. */
export const moment = shape(
  (value) => Math.abs(Number.isFinite(value) ? Number(value) : Number.NaN) <= MOMENT_MAX,
  'a moment in milliseconds',
)
/** A count, or a cap on one: a limit that nothing exceeds is no limit. */
export const count = shape((value) => Number.isFinite(value) && Number(value) >= 0, 'a finite number, 0 or more')
export const share = shape(
  (value) => Number.isFinite(value) && Number(value) >= 0 && Number(value) <= 1,
  'a number from 0 to 1',
)
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
      ? firstProblem(value.keys(), (index) => inner(value[index], `${field}[${index}]`))
      : `${field} must be a list`

/** Fields beside those of the shape are nobody's business. */
export const record =
  <T>(fields: Fields<T>): Shape =>
  (value, field) =>
    isRecord(value)
      ? firstProblem(Object.entries<Shape>(fields), ([name, inner]) => inner(value[name], `${field}.${name}`))
      : `${field} must be an object`

function firstProblem<T>(parts: Iterable<T>, problemOf: (part: T) => string | null): string | null {
  for (const part of parts) {
    const problem = problemOf(part)
    if (problem !== null) return problem
  }
  return null
}

/** What every gate answers to evidence that it cannot read: never a pass, and nobody's decision. */
export function refuseMalformed(problem: string): Refused {
  return refuse('internal_error', `This cannot be judged: ${problem}.`, 'Report it: what asked has a fault.')
}
