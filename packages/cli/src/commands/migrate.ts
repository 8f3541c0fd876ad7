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
        const advice = isAboutAccess(cause) ? ' Correct DATABASE_URL, or see that its user may create schemas.' : ''
        const fact = (cause.message || String((cause as { code?: string }).code)).replace(/\.$/, '')
        throw new Error(`${withoutPassword(url)} could not be migrated: ${fact}.${advice}`, { cause })
      })
      if (json) return printJson(cli, { applied })
      for (const name of applied) print(cli.out, `${cli.colors.green('✔')} ${name}`)
      print(cli.out, applied.length === 0 ? 'The database is up to date.' : 'The database is up to date now.')
    })

/** The server does not answer, knows no such database or user, or does not let that user do it. */
const ACCESS = /^(E[A-Z_]+|08...|28...|3D000|42501|57P0.|53300)$/
const isAboutAccess = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false
  const { code } = error as { code?: unknown }
  return (typeof code === 'string' && ACCESS.test(code)) || isAboutAccess(error.cause)
}
