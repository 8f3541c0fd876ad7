import { withoutPassword } from '@roman/runtime'
import { Command } from 'commander'
import { type Cli, print, printJson } from '../cli.ts'
import { loadDatabase } from '../database.ts'

export const migrate = (cli: Cli): Command =>
  new Command('migrate')
    .description('bring the database at DATABASE_URL up to this version')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const { database_url: url } = cli.env()
      const database = await loadDatabase()
      const onNotice = (notice: string): void => print(cli.err, `${cli.colors.yellow('!')} ${notice}`)
      const applied = await database.migrate(url, { onNotice }).catch((cause: Error) => {
        if (cause instanceof database.SchemaRefused) throw cause
        throw new Error(
          `${withoutPassword(url)} could not be migrated: ${cause.message || (cause as { code?: string }).code}. Correct DATABASE_URL, or see that its user may create schemas.`,
          { cause },
        )
      })
      if (json) return printJson(cli, { applied })
      for (const name of applied) print(cli.out, `${cli.colors.green('✔')} ${name}`)
      print(cli.out, applied.length === 0 ? 'The database is up to date.' : 'The database is up to date now.')
    })
