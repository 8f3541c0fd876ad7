import { Argument, Command } from 'commander'
import { type Cli, clientOf, print, printJson } from '../cli.ts'
import { Unsuccessful } from '../errors.ts'
import { table } from '../screen/table.ts'
import { ago } from '../screen/words.ts'

type Kind = 'discord' | 'ci'

const kind = (): Argument => new Argument('<kind>', 'where they are known').choices(['discord', 'ci'])
const IDENTITY = 'a Discord member’s id, or an identity of CI such as github:octocat'

export const listActors = (cli: Cli): Command =>
  new Command('list')
    .description('who is known')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const known = await clientOf(cli).listActors()
      if (json) return printJson(cli, { actors: known })
      if (known.length === 0) return print(cli.out, 'Nobody is known.')
      const rows = known.map((row) => [
        row.kind,
        row.identity,
        row.name ?? '–',
        row.user_id,
        ago(row.added_at, cli.now()),
      ])
      print(cli.out, table(['KIND', 'IDENTITY', 'NAME', 'USER', 'SINCE'], rows))
    })

export const addActor = (cli: Cli): Command =>
  new Command('add')
    .description('say which user somebody is; what they do is done by that user from then on')
    .addArgument(kind())
    .argument('<identity>', IDENTITY)
    .argument('<user>', 'uuid of the user')
    .option('--name <name>', 'for people who read the list')
    .option('--as <user>', 'uuid of the known user who says so')
    .option('--json', 'print JSON')
    .action(
      async (where: Kind, identity: string, user: string, options: { name?: string; as?: string; json?: boolean }) => {
        const added = await clientOf(cli).addActor({
          kind: where,
          identity,
          user_id: user,
          ...(options.name !== undefined && { name: options.name }),
          ...(options.as !== undefined && { initiated_by: options.as }),
        })
        if (options.json) return printJson(cli, added)
        print(cli.out, `${cli.colors.green('✔')} ${added.kind} ${added.identity} acts as ${added.user_id}.`)
      },
    )

export const removeActor = (cli: Cli): Command =>
  new Command('remove')
    .description('let somebody be no user any more')
    .addArgument(kind())
    .argument('<identity>', IDENTITY)
    .option('--as <user>', 'uuid of the known user who says so')
    .option('--json', 'print JSON')
    .action(async (where: Kind, identity: string, { as, json }: { as?: string; json?: boolean }) => {
      const answer = await clientOf(cli).removeActor({
        kind: where,
        identity,
        ...(as !== undefined && { initiated_by: as }),
      })
      if (json) printJson(cli, answer)
      else if (answer.removed > 0) print(cli.out, `${cli.colors.green('✔')} ${where} ${identity} acts as nobody now.`)
      else
        print(
          cli.err,
          `${cli.colors.red('Error:')} ${where} ${identity} is not known. "roman actors list" shows who is.`,
        )
      if (answer.removed === 0) throw new Unsuccessful()
    })
