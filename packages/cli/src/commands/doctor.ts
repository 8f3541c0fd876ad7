import { Command } from 'commander'
import { type Cli, print, printJson } from '../cli.ts'
import { checkConfiguration } from '../doctor/configuration.ts'
import type { Finding } from '../doctor/finding.ts'
import { checkNoise } from '../doctor/noise.ts'
import { checkPrograms } from '../doctor/programs.ts'
import { checkApi, checkDatabase, checkTemporalServer } from '../doctor/servers.ts'
import { Unsuccessful } from '../errors.ts'

export const doctor = (cli: Cli): Command =>
  new Command('doctor')
    .description('what is found, what is missing, what to do')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExit code 1: something that is needed does not work.')
    .action(async ({ json }: { json?: boolean }) => {
      const findings = await examine(cli)
      const broken = findings.filter(({ status }) => status === 'broken')
      if (json) printJson(cli, { ok: broken.length === 0, findings })
      else print(cli.out, screen(cli, findings, broken.length))
      if (broken.length > 0) throw new Unsuccessful()
    })

async function examine(cli: Cli): Promise<Finding[]> {
  const env = cli.env()
  const { DATABASE_URL, TEMPORAL_ADDRESS } = env.variables
  const given = { database: DATABASE_URL !== undefined, temporal: TEMPORAL_ADDRESS !== undefined }
  const findings = await Promise.all([
    ...checkPrograms(env.variables, given),
    ...(given.database ? [checkDatabase(env)] : []),
    ...(given.temporal ? [checkTemporalServer(env)] : []),
    checkConfiguration(env),
    checkApi(env),
    checkNoise(env),
  ])
  return findings.flat()
}

function screen({ colors }: Cli, findings: readonly Finding[], broken: number): string {
  const mark = {
    ok: colors.green('✔'),
    missing: colors.dim('–'),
    warning: colors.yellow('!'),
    broken: colors.red('✖'),
  }
  const width = Math.max(...findings.map(({ name }) => name.length))
  const lines = findings.flatMap(({ name, status, found, way_out }) => [
    `${mark[status]} ${name.padEnd(width)}  ${found}`,
    ...(way_out === null ? [] : [`  ${' '.repeat(width)}  ${colors.cyan('→')} ${way_out}`]),
  ])
  const verdict =
    broken === 0 ? colors.green('Nothing that is needed is broken.') : colors.red(`${broken} to repair: see ✖.`)
  return [...lines, '', verdict].join('\n')
}
