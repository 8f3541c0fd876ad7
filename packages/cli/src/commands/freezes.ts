import { Command } from 'commander'
import { type Cli, clientOf, print, printJson } from '../cli.ts'
import { table } from '../screen/table.ts'
import { ago } from '../screen/words.ts'

export const freezes = (cli: Cli): Command =>
  new Command('freezes')
    .description('what is frozen')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const active = await clientOf(cli).listFreezes()
      if (json) return printJson(cli, { freezes: active })
      if (active.length === 0) return print(cli.out, 'Nothing is frozen.')
      const rows = active.map(({ service, environment, frozen_at, reason }) => [
        service ?? 'every',
        environment ?? 'every',
        ago(frozen_at, cli.now()),
        reason,
      ])
      print(cli.out, table(['SERVICE', 'ENVIRONMENT', 'SINCE', 'REASON'], rows))
    })
