import type { Deployment } from '@roman/sdk'
import type { Cli } from '../cli.ts'
import { facts, table } from './table.ts'
import { ago, guardWord, healthWord, shortId, statusWord } from './words.ts'

/** What is live, a line each. */
export function liveTable(cli: Pick<Cli, 'colors' | 'now'>, deployments: readonly Deployment[]): string {
  const head = ['SERVICE', 'ENVIRONMENT', 'VERSION', 'STATUS', 'GUARD', 'HEALTH', 'LIVE SINCE', 'ID']
  const rows = deployments.map((deployment) => [
    deployment.service,
    deployment.environment,
    deployment.version,
    statusWord(cli, deployment.status),
    guardWord(deployment.guard),
    healthWord(cli, deployment.health),
    ago(deployment.deployed_at, cli.now()),
    shortId(deployment.deployment_id),
  ])
  return table(head, rows)
}

/** One deployment, whole. */
export function deploymentScreen(cli: Pick<Cli, 'colors' | 'now'>, deployment: Deployment): string {
  const { colors } = cli
  const { guard, health } = deployment
  const lines = [
    `${colors.bold(`${deployment.service} ${deployment.version}`)} in ${deployment.environment}  ${statusWord(cli, deployment.status)}${deployment.live ? colors.green('  live') : ''}`,
    facts([
      ['id', deployment.deployment_id],
      ['commit', `${deployment.git_commit} (${deployment.git_branch})`],
      ['deployed', deployment.deployed_at && `${deployment.deployed_at} (${ago(deployment.deployed_at, cli.now())})`],
      ['known good', deployment.health_check_passed ? 'yes' : 'no'],
      ['rolled back', deployment.rolled_back_at],
      ['restores from', deployment.rollback_from],
      ['unfenced', deployment.unfenced ? 'yes: it was recorded around a rollback or after a newer one' : null],
      ['guard', guardWord(guard)],
      ['reason', guard?.reason],
      ['health', healthWord(cli, health)],
    ]),
  ]
  const decision = guard?.decision
  if (decision) {
    const violations = decision.violations.length > 0 ? ` It violates ${decision.violations.join(', ')}.` : ''
    lines.push(
      '',
      colors.yellow(`A decision waits for people until ${decision.expires_at}: ${decision.reason}.${violations}`),
      ...(decision.warning ? [colors.yellow(`! ${decision.warning}`)] : []),
      waysOut(deployment, decision),
    )
  }
  return lines.join('\n')
}

function waysOut(
  { deployment_id }: Deployment,
  { violations, event_id }: NonNullable<NonNullable<Deployment['guard']>['decision']>,
) {
  const id = shortId(deployment_id)
  const allow =
    violations.length > 0 && event_id !== null
      ? `roman override ${event_id} --violations ${violations.join(',')} --reason "…"`
      : `roman approve ${id} --reason "…"`
  return `  ${allow}\n  roman reject ${id} --reason "…"`
}
