import { VIOLATIONS } from '@roman/constitution'
import { Command } from 'commander'
import { type Cli, clientOf, print, printJson } from '../cli.ts'

interface Options {
  reason: string
  violations: string
  as?: string
  json?: boolean
}

export const override = (cli: Cli): Command =>
  new Command('override')
    .description('let a refused rollback run all the same; audited as critical')
    .argument('<event>', 'the refused rollback: its event id, or the beginning of it')
    .requiredOption('--reason <reason>', 'why; it goes on record')
    .requiredOption('--violations <names>', `every violation, by name, with commas: ${VIOLATIONS.join(', ')}`)
    .option('--as <user>', 'uuid of the known user who overrides')
    .option('--json', 'print JSON')
    .action(async (event: string, { reason, violations, as, json }: Options) => {
      const names = violations.split(/[\s,]+/).filter((name) => name !== '')
      const answer = await clientOf(cli).override(event, {
        reason,
        violations: names,
        ...(as !== undefined && { initiated_by: as }),
      })
      if (json) return printJson(cli, answer)
      print(cli.out, `${cli.colors.green('✔')} Overridden: rollback ${answer.event_id} runs.`)
    })
