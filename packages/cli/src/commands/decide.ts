import type { CommandOptions, Decision, Reason, RomanClient, Verified } from '@roman/sdk'
import { Command } from 'commander'
import { type Cli, clientOf, print, printJson } from '../cli.ts'

interface Options {
  reason: string
  as?: string
  json?: boolean
}

type Decide<Answer> = (client: RomanClient) => (id: string, body: Reason, options?: CommandOptions) => Promise<Answer>

/** approve, reject and verify: a deployment, a reason, and what is said when it is done. */
function deciding<Answer>(
  name: string,
  description: string,
  decide: Decide<Answer>,
  done: (answer: Answer, deployment: string) => string,
): (cli: Cli) => Command {
  return (cli) =>
    new Command(name)
      .description(description)
      .argument('<deployment>', 'a uuid, the beginning of one, or a version')
      .requiredOption('--reason <reason>', 'why; it goes on record')
      .option('--as <user>', 'uuid of the known user who decides')
      .option('--json', 'print JSON')
      .action(async (deployment: string, { reason, as, json }: Options) => {
        const answer = await decide(clientOf(cli))(deployment, {
          reason,
          ...(as !== undefined && { initiated_by: as }),
        })
        if (json) return printJson(cli, answer)
        print(cli.out, `${cli.colors.green('✔')} ${done(answer, deployment)}`)
      })
}

export const approve = deciding<Decision>(
  'approve',
  'approve the rollback that waits for a decision',
  (client) => client.approve,
  ({ event_id }) => `Approved${event_id === null ? '.' : `: rollback ${event_id} runs.`}`,
)

export const reject = deciding<Decision>(
  'reject',
  'refuse the rollback that waits for a decision; the version stays',
  (client) => client.reject,
  (_, deployment) => `Rejected: ${deployment} stays live.`,
)

export const verify = deciding<Verified>(
  'verify',
  'mark a deployment known-good that no clean window proved',
  (client) => client.verify,
  ({ deployment_id }) => `${deployment_id} is known-good now: rollbacks may go back to it.`,
)
