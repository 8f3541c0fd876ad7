import { Command } from 'commander'
import { type Cli, clientOf, print, printJson } from '../cli.ts'
import { Unsuccessful } from '../errors.ts'
import { freezeLine, freezesAt, placeName, unfreezeCommand } from '../screen/freeze-view.ts'

interface Options {
  service?: string
  environment?: string
  reason: string
  as?: string
  json?: boolean
}

const command = (name: string, description: string) =>
  new Command(name)
    .description(description)
    .option('--service <service>', 'this one (default: every service)')
    .option('--environment <environment>', 'this one (default: every environment)')
    .requiredOption('--reason <reason>', 'why; it goes on record')
    .option('--as <user>', 'uuid of the known user who decides')
    .option('--json', 'print JSON')

const bodyOf = ({ service, environment, reason, as }: Options) => ({
  reason,
  ...(service !== undefined && { service }),
  ...(environment !== undefined && { environment }),
  ...(as !== undefined && { initiated_by: as }),
})

export const freeze = (cli: Cli): Command =>
  command('freeze', 'let nothing roll back by itself; people can still act').action(async (options: Options) => {
    const frozen = await clientOf(cli).freeze(bodyOf(options))
    if (options.json) return printJson(cli, frozen)
    print(cli.out, freezeLine(cli, frozen))
    for (const warning of frozen.warnings) print(cli.out, `  ${warning}`)
    print(cli.out, `  To lift it: ${unfreezeCommand(frozen)}`)
  })

export const unfreeze = (cli: Cli): Command =>
  command('unfreeze', 'lift the freeze that names exactly this service and environment').action((options: Options) =>
    lift(cli, options),
  )

async function lift(cli: Cli, options: Options): Promise<void> {
  const client = clientOf(cli)
  const answer = await client.unfreeze(bodyOf(options))
  const lifted = answer.unfrozen > 0
  if (options.json) printJson(cli, answer)
  else {
    if (lifted) print(cli.out, `${cli.colors.green('✔')} The freeze of ${placeName(options)} is lifted.`)
    for (const warning of answer.warnings) print(cli.out, `  ${warning}`)
    if (!lifted)
      print(cli.err, `${cli.colors.red('Error:')} No freeze names ${placeName(options)}: nothing was lifted.`)
    // A wider or a narrower one goes on holding back, which is easily overlooked.
    for (const left of freezesAt(await client.listFreezes(), options)) {
      print(cli.out, freezeLine(cli, left))
      print(cli.out, `  To lift it: ${unfreezeCommand(left)}`)
    }
  }
  if (!lifted) throw new Unsuccessful()
}
