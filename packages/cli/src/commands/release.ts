import { Command } from 'commander'
import { type Cli, clientOf, print, printJson } from '../cli.ts'
import { Unsuccessful } from '../errors.ts'

interface Options {
  environment: string
  service?: string
  reason: string
  as?: string
  json?: boolean
}

export const release = (cli: Cli): Command =>
  new Command('release')
    .description('let a commit that was rolled back be deployed again')
    .argument('<commit>', 'the commit, or the beginning of it')
    .requiredOption('--environment <environment>', 'where it may go again')
    .option('--service <service>', 'which service (default: the only one configured)')
    .requiredOption('--reason <reason>', 'why; it goes on record')
    .option('--as <user>', 'uuid of the known user who decides')
    .option('--json', 'print JSON')
    .action(async (commit: string, { environment, service, reason, as, json }: Options) => {
      const answer = await clientOf(cli).releaseQuarantine({
        git_commit: commit,
        environment,
        reason,
        ...(service !== undefined && { service }),
        ...(as !== undefined && { initiated_by: as }),
      })
      const released = answer.released > 0
      const { green, red } = cli.colors
      if (json) printJson(cli, answer)
      else if (released) print(cli.out, `${green('✔')} ${commit} may be deployed to ${environment} again.`)
      else
        print(
          cli.err,
          `${red('Error:')} ${commit} is not quarantined in ${environment}. "roman quarantine" lists what is.`,
        )
      if (!released) throw new Unsuccessful()
    })
