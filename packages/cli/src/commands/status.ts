import { Command } from 'commander'
import { type Cli, clientOf, print, printJson } from '../cli.ts'
import { deploymentScreen, liveTable } from '../screen/deployment-view.ts'
import { freezeLine, freezesAt } from '../screen/freeze-view.ts'
import { rollbackScreen } from '../screen/rollback-view.ts'

interface Options {
  service?: string
  environment?: string
  json?: boolean
}

export const status = (cli: Cli): Command =>
  new Command('status')
    .description('what is live; or one deployment, with its latest rollback')
    .argument('[deployment]', 'a uuid, the beginning of one, or a version')
    .option('--service <service>', 'of this service only')
    .option('--environment <environment>', 'in this environment only')
    .option('--json', 'print JSON')
    .action((deployment: string | undefined, options: Options) =>
      deployment === undefined ? showLive(cli, options) : showOne(cli, deployment, options),
    )

async function showLive(cli: Cli, { json, ...where }: Options): Promise<void> {
  const client = clientOf(cli)
  const [deployments, allFreezes] = await Promise.all([
    client.listDeployments({ ...where, live: 'true', limit: 200 }),
    client.listFreezes(),
  ])
  const freezes = freezesAt(allFreezes, where)
  if (json) return printJson(cli, { deployments, freezes })
  for (const freeze of freezes) print(cli.out, freezeLine(cli, freeze))
  if (deployments.length === 0)
    return print(cli.out, 'Nothing is live yet. Record a deployment with "roman deploy record".')
  print(cli.out, liveTable(cli, deployments))
  const waiting = deployments.filter(({ guard }) => guard?.decision)
  for (const { deployment_id, service, version } of waiting) {
    print(cli.out, `\n${service} ${version} waits for a decision: roman status ${deployment_id.slice(0, 8)}`)
  }
}

/** History is asked for this many rollbacks back. */
const LOOK_BACK = 100

async function showOne(cli: Cli, named: string, { json, ...where }: Options): Promise<void> {
  const client = clientOf(cli)
  const deployment = await client.showDeployment(named, where)
  const { service, environment, deployment_id } = deployment
  const rows = await client.history({ service, environment, limit: LOOK_BACK })
  const latest = rows.find((row) => row.deployment_id === deployment_id)
  const rollback = latest === undefined ? null : await client.showRollback(latest.event_id)
  if (json) return printJson(cli, { deployment, rollback })
  print(cli.out, deploymentScreen(cli, deployment))
  if (rollback) print(cli.out, `\n${rollbackScreen(cli, rollback)}`)
}
