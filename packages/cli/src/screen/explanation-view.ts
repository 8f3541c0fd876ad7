import type { Explanation } from '@roman/sdk'
import type { Cli } from '../cli.ts'
import { shortId } from './words.ts'

const MARKS = {
  rolled_back: ['green', '✔'],
  refused: ['red', '✖'],
  failed: ['red', '✖'],
  aborted: ['yellow', '✖'],
  in_progress: ['cyan', '▸'],
  not_rolled_back: ['cyan', '–'],
} as const

/** Why something was, or was not, rolled back: the answer first, then the rules of that time, then everything in order. */
export function explanationScreen({ colors }: Pick<Cli, 'colors'>, explanation: Explanation): string {
  const { outcome, headline, rules, lines, deployment_id } = explanation
  const [color, mark] = MARKS[outcome]
  return [
    `${colors[color](mark)} ${colors.bold(headline)}`,
    '',
    colors.bold('The rules that were in force'),
    ...rules.map((rule) => `  ${rule}`),
    '',
    colors.bold('What happened, in UTC'),
    ...timed({ colors }, lines),
    '',
    `Was the guard right about it? roman label ${shortId(deployment_id)} right | false_alarm | missed`,
  ].join('\n')
}

/** A day is named where it begins, a time where it changes. */
function timed({ colors }: Pick<Cli, 'colors'>, lines: Explanation['lines']): string[] {
  let [day, time] = ['', '']
  return lines.flatMap(({ at, text }) => {
    const [newDay = '', clock = ''] = at === null ? ['', '–'] : new Date(at).toISOString().split(/[TZ]/)
    const head = newDay === day || newDay === '' ? [] : [`  ${newDay}`]
    const shown = clock === time && head.length === 0 ? '' : clock
    ;[day, time] = [newDay || day, clock]
    return [...head, `  ${colors.dim(shown.padEnd(12))}  ${paint({ colors }, text)}`]
  })
}

/** What each law and precondition said is found by its mark. */
function paint({ colors }: Pick<Cli, 'colors'>, text: string): string {
  const [, name, verdict, rest] = /^([^:]+): (upheld|violated)\. (.*)$/s.exec(text) ?? []
  if (verdict !== undefined) return `${verdict === 'upheld' ? colors.green('✔') : colors.red('✖')} ${name}. ${rest}`
  if (/^Health breach|: breach\. /.test(text)) return colors.red(text)
  return /^Warning: |^Override/.test(text) ? colors.yellow(text) : text
}
