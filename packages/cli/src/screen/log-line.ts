import type { StackSource } from '@roman/local-stack'
import type { Cli } from '../cli.ts'

/** Fields of a log line that say nothing to a person who reads along. */
const DULL = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg', 'reqId', 'v'])

/** One line of one of the stack's processes, for people: JSON logs become words. */
export function logLine({ colors }: Pick<Cli, 'colors'>, source: StackSource, line: string): string {
  const paint = { dev: colors.bold, postgres: colors.blue, temporal: colors.magenta }[source as 'dev'] ?? colors.cyan
  return `${paint(source.padEnd(8))} ${readable(colors, line)}`
}

function readable(colors: Cli['colors'], line: string): string {
  const entry = parse(line)
  if (entry === null) return line
  const { level, msg } = entry
  const facts = Object.entries(entry)
    .filter(([name]) => !DULL.has(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  const text = [msg, facts.length > 0 ? colors.dim(facts.join(' ')) : ''].filter(Boolean).join(' ')
  if (level >= 50) return colors.red(text)
  return level >= 40 ? colors.yellow(text) : text
}

function parse(line: string): { level: number; msg: string } | null {
  try {
    const entry = JSON.parse(line)
    return typeof entry?.level === 'number' && typeof entry?.msg === 'string' ? entry : null
  } catch {
    return null
  }
}
