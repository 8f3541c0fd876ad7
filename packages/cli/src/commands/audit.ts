import path from 'node:path'
import type { AuditVerification } from '@roman/contracts'
import { Command } from 'commander'
import { type Cli, print, printJson } from '../cli.ts'
import { loadAudit, withDatabase } from '../database.ts'
import { Unsuccessful, UsageError } from '../errors.ts'
import { auditScreen } from '../screen/audit-view.ts'

/** Reads the database itself: a server that is in doubt is not asked whether it can be trusted. */
export function audit(cli: Cli): Command {
  const command = new Command('audit').description('prove that the audit trail is as it was written')
  for (const below of [verify(cli), anchor(cli), exported(cli)]) command.addCommand(below)
  return command
}

interface VerifyOptions {
  anchor?: string
  file?: string
  json?: boolean
}

const verify = (cli: Cli): Command =>
  new Command('verify')
    .description('hold every event against the chain, in the database at DATABASE_URL or in an exported file')
    .option('--anchor <anchor>', 'what "roman audit anchor" printed earlier; without one, a cut-off end is not noticed')
    .option('--file <file>', 'an export, instead of the database')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExit code 1: something was found.')
    .action(async (options: VerifyOptions) => {
      const verification = await verified(cli, options)
      if (options.json) printJson(cli, verification)
      else print(cli.out, auditScreen(cli, verification))
      if (!verification.valid) throw new Unsuccessful()
    })

async function verified(cli: Cli, options: VerifyOptions): Promise<AuditVerification> {
  const { parseAnchor, verifyDatabase, verifyFile } = await loadAudit()
  const anchor = options.anchor === undefined ? null : asUsage(() => parseAnchor(options.anchor!))
  if (options.file !== undefined) return verifyFile(path.resolve(cli.cwd, options.file), anchor)
  return withDatabase(cli.env(), (db) => verifyDatabase(db, { anchor }))
}

function asUsage<T>(parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause })
  }
}

const anchor = (cli: Cli): Command =>
  new Command('anchor')
    .description('the head of the chain on one line, to be kept where nobody can change it together with the database')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const { readAnchor } = await loadAudit()
      const head = await withDatabase(cli.env(), readAnchor)
      if (json) printJson(cli, head)
      else print(cli.out, head.anchor)
    })

const exported = (cli: Cli): Command =>
  new Command('export')
    .description('write the trail and its seals to a file that verifies without the database')
    .argument('<file>', 'a new file; compressed where its name ends in .gz')
    .option('--json', 'print JSON')
    .action(async (name: string, { json }: { json?: boolean }) => {
      const { exportAudit } = await loadAudit()
      const file = path.resolve(cli.cwd, name)
      const { seals, events, head } = await withDatabase(cli.env(), (db) => exportAudit(db, file))
      if (json) return printJson(cli, { file, seals, events, head })
      print(cli.out, `${cli.colors.green('✔')} ${events} events and ${seals} seals are in ${file}`)
      print(cli.out, `  To verify it: roman audit verify --file ${name} --anchor ${head.anchor}`)
    })
