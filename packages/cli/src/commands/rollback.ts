import { parseViolationNames, wayOut } from '@roman/constitution'
import type { Rollback, RollbackAnswer, RomanClient, Validation } from '@roman/sdk'
import { Command } from 'commander'
import { type Cli, clientOf, print, printJson } from '../cli.ts'
import { Unsuccessful } from '../errors.ts'
import { rollbackTasks } from '../screen/rollback-tasks.ts'
import { timeline } from '../screen/rollback-view.ts'
import { runTasks } from '../screen/tasks.ts'

interface Options {
  reason: string
  as?: string
  to?: string
  service?: string
  environment?: string
  wait: boolean
  json?: boolean
}

export const rollback = (cli: Cli): Command =>
  new Command('rollback')
    .description('put the last known-good version back, and follow it until it is verified')
    .argument('<deployment>', 'the live one: its uuid, the beginning of it, or a version')
    .requiredOption('--reason <reason>', 'why; it goes on record')
    .option('--as <user>', 'uuid of the known user who asks for it')
    .option('--to <deployment>', 'force this target, known-good or not')
    .option('--service <service>', 'tells equal versions apart')
    .option('--environment <environment>', 'tells equal versions apart')
    .option('--no-wait', 'do not follow it to its end')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExit code 0: it is verified (with --no-wait: it was accepted).')
    .action((deployment: string, options: Options) => run(cli, deployment, options))

async function run(cli: Cli, deployment: string, options: Options): Promise<void> {
  const client = clientOf(cli)
  const answer = await client.executeRollback(
    {
      deployment_id: deployment,
      trigger_reason: options.reason,
      ...(options.as !== undefined && { initiated_by: options.as }),
      ...(options.to !== undefined && { target_deployment_id: options.to }),
      ...(options.service !== undefined && { service: options.service }),
      ...(options.environment !== undefined && { environment: options.environment }),
    },
    { waitSeconds: 0 },
  )
  if (answer.kind === 'rejected' || answer.kind === 'no_target') return refused(cli, answer, options)
  const { event_id } = answer.body
  const running = 'deduplicated' in answer.body && answer.body.deduplicated === true
  if (!options.wait) return accepted(cli, answer, options)

  if (!options.json) print(cli.out, `Rollback ${event_id}${running ? ' runs already' : ''}`)
  const ended = await follow(cli, client, event_id, options.json === true)
  if (options.json) printJson(cli, ended)
  else print(cli.out, `\n${timeline(cli, ended)}\n\n${verdict(cli, ended)}`)
  if (ended.status !== 'success') throw new Unsuccessful()
}

/** With --json the progress goes where it is in nobody's way. */
async function follow(cli: Cli, client: RomanClient, eventId: string, quiet: boolean): Promise<Rollback> {
  const view = rollbackTasks(cli)
  const following = client.followRollback(eventId, { onProgress: view.show })
  following.catch(view.fail)
  // How it ended is the rollback's to say, below; a task that failed is only where it ended.
  await runTasks(cli, quiet ? cli.err : cli.out, view.tasks).catch(() => {})
  return following
}

function verdict(cli: Cli, { event_id, status, target_deployment, validation, detail }: Rollback): string {
  const { colors } = cli
  if (status === 'success') return colors.green(`✔ Rolled back to ${target_deployment?.version} and verified.`)
  if (validation?.compliant !== false) {
    return colors.red(`✖ The rollback ended as ${status}: ${detail ?? 'nobody said why'}`)
  }
  const violations = validation.violations.map((text) => `  ${colors.red('✖')} ${text}`)
  return [colors.red('✖ The constitution refused it:'), ...violations, ...waysOut(event_id, validation)].join('\n')
}

/** The API promises texts; the names that an override needs come along where they were stored. */
function waysOut(eventId: string, validation: Validation): string[] {
  const { names } = parseViolationNames(((validation as { violated?: string[] }).violated ?? []).join(','))
  const ways = names.map((name) => `  → ${wayOut(name)}`)
  if (names.length === 0 || names.includes('no_target')) return ways
  return [...ways, `  roman override ${eventId} --violations ${names.join(',')} --reason "…"`]
}

function accepted(cli: Cli, { body }: RollbackAnswer, { json }: Options): void {
  if (json) printJson(cli, body)
  else
    print(cli.out, `${cli.colors.green('✔')} Rollback ${body.event_id} was accepted. roman history shows how it goes.`)
}

function refused(cli: Cli, { body }: RollbackAnswer, { json }: Options): never {
  if (json) printJson(cli, body)
  else {
    print(cli.err, `${cli.colors.red('Error:')} ${body.error}`)
    for (const violation of body.validation?.violations ?? []) print(cli.err, `  ${cli.colors.red('✖')} ${violation}`)
    print(cli.err, `  It is on record as ${body.event_id}.`)
  }
  throw new Unsuccessful()
}
