import type { Backtest } from '@roman/sdk'
import type { Cli } from '../cli.ts'
import { rateWord, share } from './noise-view.ts'
import { table } from './table.ts'
import { duration } from './words.ts'

type Row = Backtest['rows'][number]
type Score = Backtest['today']['rules'][string]

/** What would change, which deployments it would change for, and how both sets of rules score. */
export function backtestScreen(cli: Pick<Cli, 'colors'>, answer: Backtest, place: string, tried: string): string {
  const { colors } = cli
  const changed = answer.rows.filter(({ change }) => change !== 'same')
  const cut = answer.truncated ? [colors.yellow(`! Only the newest ${answer.deployments} were replayed.`)] : []
  return [
    `${colors.bold(place)}: ${tried}`,
    `${colors.bold(answer.headline)}`,
    ...cut,
    ...answer.not_enough_data.map((text) => colors.yellow(`! ${text}`)),
    ...(changed.length === 0 ? [] : ['', changes(cli, changed)]),
    '',
    scores(answer),
    ...labelled(answer),
  ].join('\n')
}

function changes({ colors }: Pick<Cli, 'colors'>, rows: readonly Row[]): string {
  const word: Record<Row['change'], string> = {
    same: 'same',
    more: colors.red('rolled back too'),
    fewer: colors.green('no more'),
    earlier: colors.cyan('earlier'),
    later: colors.yellow('later'),
    unknown: colors.dim('cannot be told'),
  }
  return table(
    ['CHANGE', 'WENT LIVE', 'VERSION', 'TODAY', 'THEN', 'LABEL'],
    rows.map((row) => [
      row.earlier_ms === null ? word[row.change] : `${word[row.change]} by ${duration(Math.abs(row.earlier_ms))}`,
      row.deployed_at.slice(0, 16).replace('T', ' '),
      row.version,
      told(row, row.today),
      told(row, row.proposed),
      row.label?.replace('_', ' ') ?? '–',
    ]),
  )
}

function told({ deployed_at }: Row, replay: Row['today']): string {
  if (!replay.rolls_back) return replay.verdict
  return `after ${duration(Date.parse(replay.at) - Date.parse(deployed_at))}: ${replay.reason}`
}

function scores({ today, proposed, noise }: Backtest): string {
  const percent = (value: number | null) => (value === null ? '–' : `${Math.round(value * 100)}%`)
  const lines = (name: string, now: Score, then: Score) => [
    [
      name,
      String(now.rollbacks),
      percent(now.precision),
      percent(now.recall),
      '→',
      String(then.rollbacks),
      percent(then.precision),
      percent(then.recall),
    ],
  ]
  const alone = Object.keys(today.rules).flatMap((rule) =>
    lines(`  ${rule} alone`, today.rules[rule]!, proposed.rules[rule]!),
  )
  const head = ['RULES', 'ROLLBACKS', 'PRECISION', 'RECALL', '', 'ROLLBACKS', 'PRECISION', 'RECALL']
  return [
    table(head, [...lines('all together', today, proposed), ...alone]),
    '',
    `For nothing, at ${rateWord(noise)}: ${share(noise.today.at_most)} of deployments → ${share(noise.proposed.at_most)}`,
  ].join('\n')
}

function labelled({ today, rows }: Backtest): string[] {
  const had =
    today.labelled === 0
      ? 'nobody has given one yet'
      : `${today.labelled} of ${rows.length} deployments have one, and each rule alone is tried on those`
  return [`Precision and recall come from labels; ${had}.`, '  roman label <version> right | false_alarm | missed']
}
