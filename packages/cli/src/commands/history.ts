import { Command } from 'commander'
import { type Cli, clientOf, print, printJson } from '../cli.ts'
import { parseCount } from '../parse.ts'
import { table } from '../screen/table.ts'
import { ago, duration, statusWord } from '../screen/words.ts'

interface Options {
  service?: string
  environment?: string
  limit: number
  json?: boolean
}

export const history = (cli: Cli): Command =>
  new Command('history')
    .description('the latest rollbacks, newest first')
    .option('--service <service>', 'of this service only')
    .option('--environment <environment>', 'in this environment only')
    .option('--limit <count>', 'how many, 500 at most', parseCount, 10)
    .option('--json', 'print JSON')
    .action(async ({ json, ...query }: Options) => {
      const rollbacks = await clientOf(cli).history(query)
      if (json) return printJson(cli, { rollbacks })
      if (rollbacks.length === 0) return print(cli.out, 'There was no rollback yet.')
      const head = ['WHEN', 'SERVICE', 'ENVIRONMENT', 'STATUS', 'TOOK', 'TRIGGER', 'REASON', 'EVENT']
      const rows = rollbacks.map((row) => [
        ago(row.initiated_at, cli.now()),
        row.service,
        row.environment,
        statusWord(cli, row.status),
        row.completed_at === null ? '–' : duration(Date.parse(row.completed_at) - Date.parse(row.initiated_at)),
        row.trigger_type.replaceAll('_', ' '),
        row.trigger_reason,
        row.event_id,
      ])
      print(cli.out, table(head, rows))
    })
