import type { ThresholdsAnswer } from '@roman/sdk'
import type { Cli } from '../cli.ts'
import { table } from './table.ts'
import { plainNumber } from './words.ts'

/** A chance as people say it. */
export function share(chance: number): string {
  if (chance < 0.0005) return 'next to none'
  return chance < 0.01 ? 'less than 1%' : `${Math.round(chance * 100)}%`
}

const RATE_FROM: Record<ThresholdsAnswer['rate_from'], string> = {
  request: 'as given',
  known_good: 'what known-good deployments live with in their busier hours',
  live: 'what is live shows now; too little was known-good yet',
  nothing: 'nothing is live yet',
}

export const rateWord = ({
  errors_per_minute: rate,
  rate_from: from,
}: Pick<ThresholdsAnswer, 'errors_per_minute' | 'rate_from'>) =>
  `${plainNumber(rate)} errors a minute (${RATE_FROM[from]})`

/** The command line that replays the past with the first remedy. */
function tryOut({ service, environment, remedies }: ThresholdsAnswer): string {
  const set = Object.entries(remedies[0]?.set ?? {}).map(([name, value]) => `--set ${name}=${value}`)
  return ['roman backtest', `--service ${service} --environment ${environment}`, ...set].join(' ')
}

/** The rules in force, how noisy they are, and what would make them quieter. */
export function thresholdsScreen({ colors }: Pick<Cli, 'colors'>, answer: ThresholdsAnswer): string {
  const { service, environment, rules, noise, chance_per_deployment: chance, warning, remedies } = answer
  const rows = noise.map(({ signal, count, seconds, chance_in_window, chance_per_deployment, by }) => [
    `  ${signal}`,
    count === null ? 'never' : `${count} in ${plainNumber(seconds)} s`,
    share(chance_in_window),
    share(chance_per_deployment),
    by,
  ])
  const together = `  In all: ${share(chance.at_most)} of the deployments that changed nothing would be rolled back, at most.`
  const wolf =
    warning === null
      ? [colors.green(together)]
      : [
          colors.yellow(together),
          '',
          colors.bold('What would help'),
          table(
            ['  REMEDY', 'FOR NOTHING THEN'],
            remedies.map(({ words, chance_per_deployment }) => [`  ${words}`, share(chance_per_deployment)]),
          ),
          ...(answer.requests_per_minute === null
            ? ['  min_requests and error_percent, once a source reports requests_per_minute']
            : []),
          `  What it would have done: ${tryOut(answer)}`,
        ]
  return [
    colors.bold(`${service} in ${environment}`),
    ...rules.map((rule) => `  ${rule}`),
    '',
    colors.bold(`Noise, at ${rateWord(answer)}`),
    table(['  RULE', 'BREACH AT', 'IN THE WINDOW', 'PER DEPLOYMENT', 'BY'], rows),
    ...wolf,
  ].join('\n')
}
