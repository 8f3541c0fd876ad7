import { Argument, Command } from 'commander'
import { type Cli, clientOf, print, printJson } from '../cli.ts'

/** What people say of a guard afterwards, and how that is read back to them. */
const LABELS = {
  right: 'the guard was right about it',
  false_alarm: 'what the guard saw in it was a false alarm',
  missed: 'the guard missed what was wrong with it',
} as const

type Label = keyof typeof LABELS

interface Options {
  reason?: string
  as?: string
  json?: boolean
}

export const label = (cli: Cli): Command =>
  new Command('label')
    .description('say afterwards whether the guard was right about a deployment; the newest word counts')
    .argument('<deployment>', 'a uuid, the beginning of one, or a version')
    .addArgument(new Argument('<label>', 'what the guard was').choices(Object.keys(LABELS)))
    .option('--reason <reason>', 'why; it goes on record')
    .option('--as <user>', 'uuid of the known user who says so')
    .option('--json', 'print JSON')
    .action(async (deployment: string, word: Label, { reason, as, json }: Options) => {
      const answer = await clientOf(cli).label(deployment, {
        label: word,
        ...(reason !== undefined && { reason }),
        ...(as !== undefined && { initiated_by: as }),
      })
      if (json) return printJson(cli, answer)
      print(cli.out, `${cli.colors.green('✔')} Kept of ${answer.deployment_id}: ${LABELS[word]}.`)
    })
