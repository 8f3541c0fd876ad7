import { parseViolationNames, VIOLATIONS, type ViolationName } from '@roman/constitution'

export interface ApproveCommand {
  kind: 'approve'
  /** As it was typed: a uuid, a prefix of one, or a version. */
  deployment_id: string
  reason: string
  /** Empty where nothing is to be overridden. */
  override: ViolationName[]
  service?: string
  environment?: string
}

export type Command =
  | ApproveCommand
  | { kind: 'help' }
  /** `problem` says what is wrong in one sentence. */
  | { kind: 'misunderstood'; problem: string }

const KEYS = ['deployment_id', 'reason', 'override', 'service', 'environment'] as const
type Key = (typeof KEYS)[number]

/** The contract's bounds, said here so that the answer names the field. */
const MAX: Record<Key, number> = { deployment_id: 200, reason: 2000, override: 500, service: 63, environment: 63 }

/** Phones type curly quotation marks; each opens what its own kind closes. */
const QUOTES: Record<string, string> = { '"': '"', '“': '”', '„': '“', '”': '”' }

/**
 * Reads what follows the mention: `/approve rollback key=value …` or `/help rollback`. Values with spaces are quoted; in
 * quotes, `\"` and `\\` stand for the sign itself.
 */
export const parseCommand = (text: string): Command => {
  const [, verb, object, rest] = /^\s*(\S+)(?:\s+(\S+))?([\s\S]*)$/.exec(text) ?? []
  if (verb === '/help') return { kind: 'help' }
  if (verb === undefined) return misunderstood('There is no command.')
  if (verb !== '/approve') return misunderstood(`There is no command ${verb}.`)
  if (object !== 'rollback') return misunderstood('/approve is followed by the word rollback.')
  const read = readPairs(rest ?? '')
  return typeof read === 'string' ? misunderstood(read) : toApprove(read)
}

const misunderstood = (problem: string): Command => ({ kind: 'misunderstood', problem })

const toApprove = (pairs: Map<Key, string>): Command => {
  for (const key of ['deployment_id', 'reason'] as const) {
    if (!pairs.get(key)?.trim()) return misunderstood(`${key} is missing.`)
  }
  for (const [key, value] of pairs) {
    if (value.length > MAX[key]) return misunderstood(`${key} is longer than ${MAX[key]} characters.`)
  }
  const { names, unknown } = parseViolationNames(pairs.get('override') ?? '')
  if (unknown.length > 0) {
    return misunderstood(
      `override names ${unknown.join(', ')}, which nothing is called. Names: ${VIOLATIONS.join(', ')}.`,
    )
  }
  if (pairs.has('override') && names.length === 0) return misunderstood('override names nothing.')
  const service = pairs.get('service')
  const environment = pairs.get('environment')
  return {
    kind: 'approve',
    deployment_id: pairs.get('deployment_id')?.trim() ?? '',
    reason: pairs.get('reason')?.trim() ?? '',
    override: names,
    ...(service === undefined ? {} : { service }),
    ...(environment === undefined ? {} : { environment }),
  }
}

/** Pairs in any order, or the problem. */
const readPairs = (text: string): Map<Key, string> | string => {
  const pairs = new Map<Key, string>()
  let rest = text.trimStart()
  while (rest !== '') {
    const head = /^([^\s="“„”]+)=/.exec(rest)
    if (head === null) return `${firstWord(rest)} is not of the form key=value; a value with spaces needs quotes.`
    const key = String(head[1])
    if (!isKey(key)) return `There is no ${key}. Keys: ${KEYS.join(', ')}.`
    if (pairs.has(key)) return `${key} is given twice.`
    const value = readValue(rest.slice(head[0].length))
    if (value === null) return `The quotes of ${key} are not closed.`
    pairs.set(key, value.text)
    if (value.rest !== '' && !/^\s/.test(value.rest))
      return `${firstWord(value.rest)} follows the quotes of ${key} directly.`
    rest = value.rest.trimStart()
  }
  return pairs
}

const readValue = (text: string): { text: string; rest: string } | null => {
  const close = QUOTES[text[0] ?? '']
  if (close === undefined) {
    const bare = /^\S*/.exec(text)?.[0] ?? ''
    return { text: bare, rest: text.slice(bare.length) }
  }
  let value = ''
  for (let index = 1; index < text.length; index += 1) {
    const sign = text[index] as string
    const next = text[index + 1]
    if (sign === '\\' && (next === close || next === '\\')) {
      value += next
      index += 1
    } else if (sign === close) {
      return { text: value, rest: text.slice(index + 1) }
    } else {
      value += sign
    }
  }
  return null
}

const isKey = (key: string): key is Key => (KEYS as readonly string[]).includes(key)
const firstWord = (text: string): string => (/^\S*/.exec(text)?.[0] ?? '').slice(0, 40)
