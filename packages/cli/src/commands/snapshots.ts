import { Command } from 'commander'
import { type Cli, clientOf, print, printJson } from '../cli.ts'
import { parseCount } from '../parse.ts'
import { diffScreen, snapshotScreen, snapshotTable } from '../screen/snapshot-view.ts'

interface ListOptions {
  service?: string
  environment?: string
  deployment?: string
  limit: number
  json?: boolean
}

const list = (cli: Cli): Command =>
  new Command('list')
    .description('the latest snapshots, newest first')
    .option('--service <service>', 'of this service only')
    .option('--environment <environment>', 'in this environment only')
    .option('--deployment <deployment>', 'of one deployment: a uuid, the beginning of one, or a version')
    .option('--limit <count>', 'how many, 500 at most', parseCount, 20)
    .option('--json', 'print JSON')
    .action(async ({ json, ...query }: ListOptions) => {
      const snapshots = await clientOf(cli).listSnapshots(query)
      if (json) return printJson(cli, { snapshots })
      if (snapshots.length === 0)
        return print(cli.out, 'There is no snapshot yet. A deployment that is recorded makes one.')
      print(cli.out, snapshotTable(snapshots, cli.now()))
    })

const show = (cli: Cli): Command =>
  new Command('show')
    .description('what one snapshot holds')
    .argument('<snapshot>', 'a uuid, or the beginning of one')
    .option('--json', 'print JSON')
    .action(async (named: string, { json }: { json?: boolean }) => {
      const snapshot = await clientOf(cli).showSnapshot(named)
      if (json) return printJson(cli, snapshot)
      print(cli.out, snapshotScreen(cli, snapshot))
    })

const diff = (cli: Cli): Command =>
  new Command('diff')
    .description('what is different in the second of two snapshots')
    .argument('<before>', 'a uuid, or the beginning of one')
    .argument('<after>', 'the same of the later one')
    .option('--json', 'print JSON')
    .action(async (before: string, after: string, { json }: { json?: boolean }) => {
      const difference = await clientOf(cli).diffSnapshots(before, after)
      if (json) return printJson(cli, difference)
      print(cli.out, diffScreen(cli, difference))
    })

export const snapshots = (cli: Cli): Command => {
  const command = new Command('snapshots').description('the database before and after: what was there, what changed')
  for (const below of [list(cli), show(cli), diff(cli)]) command.addCommand(below)
  return command
}
