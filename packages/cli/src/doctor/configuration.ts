import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { RomanConfig } from '@roman/contracts'
import { createDeployer } from '@roman/deployers'
import { noticesSilence, type RuntimeEnv, readRomanConfig } from '@roman/runtime'
import { type Finding, messageOf, not, ok } from './finding.ts'

type EnvironmentConfig = RomanConfig['services'][string]['environments'][string]

/** roman.yaml, and of each environment in it whether it could be rolled back and how much its health sources see. */
export async function checkConfiguration(env: RuntimeEnv): Promise<Finding[]> {
  const file = env.config_file
  if (!existsSync(file) && env.variables.ROMAN_CONFIG === undefined) {
    return [
      not(
        'missing',
        'Configuration',
        `${file} does not exist`,
        'Describe your services in it; "roman dev" uses an example until then.',
      ),
    ]
  }
  let config: RomanConfig
  try {
    config = readRomanConfig(file)
  } catch (error) {
    return [not('broken', 'Configuration', messageOf(error), `Correct ${file}.`)]
  }
  const environments = Object.entries(config.services).flatMap(([service, { environments }]) =>
    Object.entries(environments).map(([name, environment]) => ({ name: `${service} in ${name}`, environment })),
  )
  const findings = await Promise.all(
    environments.map(async ({ name, environment }) => [
      await checkDeployer(env, name, environment),
      checkEvidence(name, environment),
    ]),
  )
  return [ok('Configuration', file), ...findings.flat(), checkDiscord(env, config)]
}

async function checkDeployer(env: RuntimeEnv, name: string, { deployer }: EnvironmentConfig): Promise<Finding> {
  const baseDir = dirname(env.config_file)
  const answer = await createDeployer(deployer, { stateDir: env.state_dir, baseDir, env: env.variables }).able?.()
  const title = `Deployer of ${name}`
  if (answer?.able === false) return not('broken', title, `${deployer.type}: not able`, answer.detail)
  return ok(title, `${deployer.type}${answer ? `: ${answer.detail}` : ''}`)
}

function checkEvidence(name: string, { health }: EnvironmentConfig): Finding {
  const title = `Evidence of ${name}`
  const types = health.map(({ type }) => type).join(', ')
  if (noticesSilence({ health })) return ok(title, types)
  return not(
    'warning',
    title,
    `errors_only (${types}): a crashed service, which sends no errors, would look healthy`,
    'Add a source that sees silence: health: [{ type: postgres }, { type: http, url: "https://…/healthz" }].',
  )
}

function checkDiscord({ discord: { token } }: RuntimeEnv, { discord }: RomanConfig): Finding {
  const nobody = discord !== undefined && discord.approver_role_ids.length === 0
  if (token !== undefined && discord !== undefined) {
    return nobody
      ? not('warning', 'Discord', 'nobody may approve', 'Name roles in discord.approver_role_ids.')
      : ok('Discord', `DISCORD_TOKEN is set, alerts go to channel ${discord.alert_channel_id}`)
  }
  if (discord !== undefined)
    return not('broken', 'Discord', 'DISCORD_TOKEN is not set', 'Set it to the token of your Discord app.')
  const found = token === undefined ? 'not configured' : 'DISCORD_TOKEN is set, but roman.yaml has no section "discord"'
  return not(
    token === undefined ? 'missing' : 'warning',
    'Discord',
    found,
    'For alerts, set DISCORD_TOKEN and add "discord: { alert_channel_id: … }" to roman.yaml.',
  )
}
