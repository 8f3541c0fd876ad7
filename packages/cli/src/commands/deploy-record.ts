import { Command, Option } from 'commander'
import { type Cli, clientOf, print, printJson } from '../cli.ts'
import { currentBranch, currentCommit } from '../git.ts'
import { migrationsIn } from '../migrations-folder.ts'

interface Options {
  service?: string
  environment: string
  version: string
  commit?: string
  branch?: string
  status: 'pending' | 'in_progress'
  id?: string
  deployedBy?: string
  ci?: string
  migrations?: string
  json?: boolean
}

export const deployRecord = (cli: Cli): Command =>
  new Command('record')
    .description('record a deployment; its guard starts when it is live')
    .requiredOption('--environment <environment>', 'where it goes')
    .requiredOption('--version <version>', 'what goes there')
    .option('--service <service>', 'which service (default: the only one configured)')
    .option('--commit <sha>', 'default: GITHUB_SHA, else the HEAD of the repository here')
    .option('--branch <branch>', 'default: GITHUB_REF_NAME, else the branch of the repository here')
    .addOption(
      new Option('--status <status>', 'pending: about to be switched; in_progress: live')
        .choices(['pending', 'in_progress'])
        .default('in_progress'),
    )
    .option('--id <uuid>', 'an id of your own, so that the same recording again is the same deployment')
    .option('--deployed-by <user>', 'uuid of a known user')
    .option('--ci <identity>', 'who ran the pipeline, as "roman actors" knows them (such as github:octocat)')
    .option('--migrations <folder>', "Prisma's folder, whose migrations came along; <name>/down.sql undoes one")
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const { variables } = cli.env()
      const recorded = await clientOf(cli).recordDeployment({
        environment: options.environment,
        version: options.version,
        git_commit: options.commit ?? currentCommit(variables, cli.cwd),
        git_branch: options.branch ?? currentBranch(variables, cli.cwd),
        status: options.status,
        ...(options.service !== undefined && { service: options.service }),
        ...(options.id !== undefined && { deployment_id: options.id }),
        ...(options.deployedBy !== undefined && { deployed_by: options.deployedBy }),
        ...(options.ci !== undefined && { ci: { identity: options.ci } }),
        ...migrationsIn(options.migrations, cli.cwd),
      })
      if (options.json) return printJson(cli, recorded)
      const { service, version, environment, deployment_id: id } = recorded
      const pending = recorded.status === 'pending'
      const verb = pending ? 'is about to go live' : 'is live and guarded'
      print(cli.out, `${cli.colors.green('✔')} ${service} ${version} ${verb} in ${environment}: ${id}`)
      if (pending) print(cli.out, `  After the switch: roman deploy live ${id}`)
      for (const warning of recorded.warnings) print(cli.out, `${cli.colors.yellow('!')} ${warning}`)
    })
