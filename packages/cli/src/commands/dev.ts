import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { endRuns } from '@roman/deployers'
import { freePort, listenForStop, type Stack, startStack } from '@roman/local-stack'
import { type RuntimeEnv, readRomanConfig } from '@roman/runtime'
import { Command } from 'commander'
import { CHECKOUT } from '../checkout.ts'
import { type Cli, print } from '../cli.ts'
import { loadDatabase } from '../database.ts'
import { UsageError } from '../errors.ts'
import { parsePort } from '../parse.ts'
import { logLine } from '../screen/log-line.ts'
import { whereToLook } from '../screen/where-to-look.ts'
import { appProcesses, appsAnswer } from '../stack/app-processes.ts'

interface Options {
  config?: string
  data?: string
  fresh?: boolean
  readyFile?: string
  apiPort?: number
  postgresPort?: number
  temporalPort?: number
  temporalUiPort?: number
}

export const dev = (cli: Cli): Command =>
  new Command('dev')
    .description('start the whole stack in the foreground; each process is restarted when it dies')
    .option('--config <file>', 'the services (default: ./roman.yaml)')
    .option('--data <dir>', 'where the data is kept (default: .roman/dev in the checkout)')
    .option('--fresh', 'start from empty; a database that was given is never touched')
    .option('--ready-file <file>', 'write addresses, key and pids there as JSON once everything answers')
    .option('--api-port <port>', 'a free one unless given', parsePort)
    .option('--postgres-port <port>', 'a free one unless given', parsePort)
    .option('--temporal-port <port>', 'a free one unless given', parsePort)
    .option('--temporal-ui-port <port>', 'a free one unless given', parsePort)
    .addHelpText(
      'after',
      '\nDATABASE_URL and TEMPORAL_ADDRESS name servers to use in place of own ones, ROMAN_KEY the key.',
    )
    .action((options: Options) => run(cli, options))

async function run(cli: Cli, options: Options): Promise<void> {
  const env = cli.env()
  const stop = listenForStop()
  const log = (...[source, line]: Parameters<Parameters<typeof startStack>[0]['log']>) =>
    print(cli.out, logLine(cli, source, line))
  const dataDir = options.data === undefined ? join(CHECKOUT, '.roman', 'dev') : resolve(cli.cwd, options.data)
  const stateDir = join(dataDir, 'state')
  let stack: Stack | undefined
  try {
    stack = await start({ cli, env, options, dataDir, stateDir, log, signal: stop.signal })
    print(cli.out, `\n${whereToLook(cli, stack, 'Everything is up. Ctrl-C stops it.')}\n`)
    const reason = await stop.requested
    log('dev', `Stopping (${reason}) …`)
  } catch (error) {
    // Who stops it while it starts gets what they asked for.
    if (!stop.signal.aborted) throw error
  } finally {
    await stack?.stop()
    // Deploys outlive a worker that dies, but not the stack that they belong to.
    if (stack) await endRuns(stateDir)
    stop.dispose()
  }
  log('dev', 'Stopped.')
}

async function start({ cli, env, options, dataDir, stateDir, log, signal }: Start): Promise<Stack> {
  const { variables } = env
  const ports = portsOf(options)
  const readyFile = options.readyFile === undefined ? undefined : writable(resolve(cli.cwd, options.readyFile))
  const configFile = configOf(cli, env, options.config)
  const config = readRomanConfig(configFile)
  const { migrate } = await loadDatabase()
  const healthPort = await freePort()
  const { token, api_url: apiUrl } = env.discord
  if (token !== undefined && config.discord === undefined) {
    log('dev', `DISCORD_TOKEN is set, but ${configFile} has no section "discord", so Discord is left out.`)
  }
  return startStack({
    dataDir,
    fresh: options.fresh === true,
    ...(readyFile === undefined ? {} : { readyFile }),
    ports,
    given: { databaseUrl: variables.DATABASE_URL, temporalAddress: variables.TEMPORAL_ADDRESS },
    serviceKey: env.service_key,
    env: variables,
    migrate,
    apps: (addresses) =>
      appProcesses({
        addresses,
        variables,
        configFile,
        stateDir,
        healthPort,
        discord: token !== undefined && config.discord !== undefined ? { token, apiUrl } : null,
      }),
    isReady: (report) => appsAnswer({ apiUrl: report.api_url, serviceKey: report.service_key, healthPort }),
    log,
    signal,
  })
}

interface Start {
  cli: Cli
  env: RuntimeEnv
  options: Options
  dataDir: string
  stateDir: string
  log: Parameters<typeof startStack>[0]['log']
  signal: AbortSignal
}

function portsOf({
  apiPort: api,
  postgresPort: postgres,
  temporalPort: temporal,
  temporalUiPort: temporalUi,
}: Options) {
  const given = [api, postgres, temporal, temporalUi].filter((port) => port !== undefined)
  const twice = given.find((port, index) => given.indexOf(port) !== index)
  if (twice !== undefined) throw new UsageError(`Port ${twice} is asked for twice. Give each server a port of its own.`)
  return { api, postgres, temporal, temporalUi }
}

/** The file asked for, else ./roman.yaml, else the example that comes with the checkout. */
function configOf(cli: Cli, env: RuntimeEnv, asked: string | undefined): string {
  if (asked !== undefined) return resolve(cli.cwd, asked)
  if (env.variables.ROMAN_CONFIG !== undefined || existsSync(env.config_file)) return env.config_file
  return join(CHECKOUT, 'roman.yaml')
}

/** Found out before anything is started, not when all of it is up. Its folder is made where it is missing. */
function writable(readyFile: string): string {
  const folder = dirname(readyFile)
  try {
    mkdirSync(folder, { recursive: true })
    accessSync(folder, constants.W_OK)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new UsageError(`No file can be written in ${folder} (${code}). Choose another with --ready-file.`, { cause })
  }
  if (statSync(readyFile, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`${readyFile} is a directory. Name a file in it with --ready-file.`)
  }
  return readyFile
}
