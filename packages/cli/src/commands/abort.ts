import type { Aborted } from '@roman/sdk'
import { Command } from 'commander'
import { type Cli, clientOf, print, printJson } from '../cli.ts'

interface Options {
  reason: string
  as?: string
  json?: boolean
}

export const abort = (cli: Cli): Command =>
  new Command('abort')
    .description('stop a rollback, until the previous version is live')
    .argument('<event>', 'the rollback: its event id, or the beginning of it')
    .requiredOption('--reason <reason>', 'why; it goes on record')
    .option('--as <user>', 'uuid of the known user who aborts')
    .option('--json', 'print JSON')
    .action(async (event: string, { reason, as, json }: Options) => {
      const answer = await clientOf(cli).abort(event, { reason, ...(as !== undefined && { initiated_by: as }) })
      if (json) return printJson(cli, answer)
      print(cli.out, `${cli.colors.green('✔')} Rollback ${answer.event_id} ${saidOf(answer.status)}.`)
    })

/** Once its deploy has begun, nobody but the deployer can tell how far that came: such a rollback has failed. */
function saidOf(status: Aborted['status']): string {
  if (status === 'aborted') return 'is aborted before anything was changed'
  if (status === 'failed') return 'is aborted in the middle of its deploy, and counts as failed'
  return 'is being aborted'
}
