import { type Explanation, RomanApiError, type RomanClient, type Where } from '@roman/sdk'
import { Command } from 'commander'
import { type Cli, clientOf, print, printJson } from '../cli.ts'
import { parseRate } from '../parse.ts'
import { explanationScreen } from '../screen/explanation-view.ts'
import { thresholdsScreen } from '../screen/noise-view.ts'

interface Options {
  service?: string
  environment?: string
  errorsPerMinute?: number
  requestsPerMinute?: number
  json?: boolean
}

export const explain = (cli: Cli): Command =>
  new Command('explain')
    .description('why something was, or was not, rolled back; or how noisy the rules are')
    .argument(
      '<what>',
      'a rollback (its event id), a deployment (a uuid or a version), the beginning of an id; or "thresholds"',
    )
    .option('--service <service>', 'tells equal versions apart; whose thresholds (default: the only one configured)')
    .option('--environment <environment>', 'tells equal versions apart; whose thresholds (default: production)')
    .option(
      '--errors-per-minute <rate>',
      'thresholds: what nobody would call a fault (default: what was seen)',
      parseRate,
    )
    .option('--requests-per-minute <rate>', 'thresholds: the usual traffic (default: what was seen)', parseRate)
    .option('--json', 'print JSON')
    .action((what: string, options: Options) =>
      what === 'thresholds' ? explainThresholds(cli, options) : explainEvent(cli, what, options),
    )

async function explainEvent(cli: Cli, what: string, { service, environment, json }: Options): Promise<void> {
  const where = { ...(service !== undefined && { service }), ...(environment !== undefined && { environment }) }
  const explanation = await explanationOf(clientOf(cli), what, where)
  if (json) printJson(cli, explanation)
  else print(cli.out, explanationScreen(cli, explanation))
}

async function explainThresholds(
  cli: Cli,
  { service, environment = 'production', errorsPerMinute, requestsPerMinute, json }: Options,
): Promise<void> {
  const answer = await clientOf(cli).thresholds({
    environment,
    ...(service !== undefined && { service }),
    ...(errorsPerMinute !== undefined && { errors_per_minute: errorsPerMinute }),
    ...(requestsPerMinute !== undefined && { requests_per_minute: requestsPerMinute }),
  })
  if (json) printJson(cli, answer)
  else print(cli.out, thresholdsScreen(cli, answer))
}

/** Rollbacks and deployments are both named by ids: whichever knows the name explains it. */
async function explanationOf(client: RomanClient, what: string, where: Where): Promise<Explanation> {
  const answers = await Promise.allSettled([client.explainRollback(what), client.explainDeployment(what, where)])
  const known = answers.filter((answer) => answer.status === 'fulfilled' || !isUnknown(answer.reason))
  const [first, second] = known
  const failed = known.find((answer) => answer.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  if (first?.status === 'fulfilled' && second === undefined) return first.value
  if (second !== undefined) throw new Error(`"${what}" fits a rollback and a deployment. Give more of the id.`)
  throw new Error(
    `Nothing called "${what}" is on record. Give a rollback's event id ("roman history" lists them), or a deployment's id or version ("roman status"); the first 4 characters of an id or more will do.`,
  )
}

const isUnknown = (error: unknown): boolean => error instanceof RomanApiError && error.status === 404
