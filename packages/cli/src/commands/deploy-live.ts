import { Command } from 'commander'
import { type Cli, clientOf, print, printJson } from '../cli.ts'
import { migrationsIn } from '../migrations-folder.ts'

export const deployLive = (cli: Cli): Command =>
  new Command('live')
    .description('say that a deployment recorded as pending is live now; its guard starts')
    .argument('<deployment>', 'its uuid, the beginning of it, or a version')
    .option('--migrations <folder>', "Prisma's folder, whose migrations came along; <name>/down.sql undoes one")
    .option('--json', 'print JSON')
    .action(async (deployment: string, { json, migrations }: { json?: boolean; migrations?: string }) => {
      const recorded = await clientOf(cli).changeDeployment(deployment, {
        status: 'in_progress',
        ...migrationsIn(migrations, cli.cwd),
      })
      if (json) return printJson(cli, recorded)
      const { service, version, environment } = recorded
      print(cli.out, `${cli.colors.green('✔')} ${service} ${version} is live and guarded in ${environment}.`)
      for (const warning of recorded.warnings) print(cli.out, `${cli.colors.yellow('!')} ${warning}`)
    })
