import { thresholdsConfig, watchConfig } from '@roman/contracts/schemas'
import type { BacktestQuestion } from '@roman/sdk'
import { Command, InvalidArgumentError } from 'commander'
import { type Cli, clientOf, print, printJson } from '../cli.ts'
import { UsageError } from '../errors.ts'
import { parseDays } from '../parse.ts'
import { backtestScreen } from '../screen/backtest-view.ts'

type Settings = Record<string, number | string>

interface Options {
  service?: string
  environment: string
  since: number
  set: Settings
  json?: boolean
}

const THRESHOLDS = Object.keys(thresholdsConfig.shape)
const WATCH = Object.keys(watchConfig.shape)

export const backtest = (cli: Cli): Command =>
  new Command('backtest')
    .description('what other rules would have done over the past, beside the rules of today; changes nothing')
    .option('--service <service>', 'which service (default: the only one configured)')
    .option('--environment <environment>', 'where', 'production')
    .option('--since <time>', 'how far back: 30d, 12h, 8w', parseDays, 30)
    .option('--set <setting=value>', 'a threshold or a time of the watch as in roman.yaml; again for more', setting, {})
    .option('--json', 'print JSON')
    .addHelpText('after', `\nThresholds: ${THRESHOLDS.join(', ')}.\nThe watch: ${WATCH.join(', ')}.`)
    .action(async ({ service, environment, since, set, json }: Options) => {
      if (Object.keys(set).length === 0) {
        throw new UsageError('Nothing is to be tried. Name a setting: --set error_rate_per_minute=3.')
      }
      const answer = await clientOf(cli).backtest({
        environment,
        since_days: since,
        ...(service !== undefined && { service }),
        thresholds: pick(set, THRESHOLDS) as NonNullable<BacktestQuestion['thresholds']>,
        watch: pick(set, WATCH) as NonNullable<BacktestQuestion['watch']>,
      })
      if (json) return printJson(cli, answer)
      const tried = Object.entries(set).map(([name, value]) => `${name} ${value}`)
      const place = `${service === undefined ? '' : `${service} in `}${environment}`
      print(cli.out, backtestScreen(cli, answer, place, tried.join(', ')))
    })

/** `for_seconds=60`. What the number may be, the API knows. */
function setting(text: string, before: Settings): Settings {
  const [, name = '', value = ''] = /^([a-z0-9_]+)=(.+)$/.exec(text) ?? []
  if (![...THRESHOLDS, ...WATCH].includes(name)) {
    throw new InvalidArgumentError(
      `${name === '' ? 'Write it as setting=value' : `"${name}" is no setting`}. There are ${[...THRESHOLDS, ...WATCH].join(', ')}.`,
    )
  }
  const number = Number(value)
  return { ...before, [name]: Number.isNaN(number) ? value : number }
}

const pick = (set: Settings, names: readonly string[]): Settings =>
  Object.fromEntries(Object.entries(set).filter(([name]) => names.includes(name)))
