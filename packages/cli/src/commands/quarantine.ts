import { Command } from 'commander'
import { type Cli, clientOf, print, printJson } from '../cli.ts'
import { table } from '../screen/table.ts'
import { ago } from '../screen/words.ts'

export const quarantine = (cli: Cli): Command =>
  new Command('quarantine')
    .description('commits that were rolled back and may not be deployed again')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const held = await clientOf(cli).listQuarantine()
      if (json) return printJson(cli, { quarantine: held })
      if (held.length === 0) return print(cli.out, 'No commit is in quarantine.')
      const rows = held.map((row) => [
        ago(row.created_at, cli.now()),
        row.service,
        row.environment,
        row.git_commit,
        row.status === 'hold' ? 'held by its rollback, which runs' : 'quarantined',
        row.event_id,
      ])
      print(cli.out, table(['WHEN', 'SERVICE', 'ENVIRONMENT', 'COMMIT', 'STATUS', 'ROLLBACK'], rows))
    })
