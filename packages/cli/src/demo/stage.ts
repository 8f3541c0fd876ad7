import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import type { DiscordConfig } from '@roman/contracts'
import { endInstances, endRuns, startProxy } from '@roman/deployers'
import { startTraffic, type Traffic } from '@roman/example-storefront/traffic'
import { freePort, type Stack, startStack, temporaryDirectory } from '@roman/local-stack'
import type { RuntimeEnv } from '@roman/runtime'
import { type DiscordStandIn, startDiscord } from '@roman/testing/discord'
import { loadDatabase } from '../database.ts'
import { appProcesses, appsAnswer } from '../stack/app-processes.ts'
import { writeDemoConfig } from './config.ts'
import { reapDeploys } from './reap-deploys.ts'

/** A Discord of people's own, where they gave a token and roman.yaml says which channel. */
export interface OwnDiscord {
  token: string
  apiUrl: string | undefined
  config: DiscordConfig
}

/** Everything the demo runs on: real parts, on free ports, over a directory that goes away with it. */
export interface Stage {
  stack: Stack
  configFile: string
  logFile: string
  /** The end of what everything printed. */
  lastWords(): string[]
  proxyUrl: string
  /** The proxy's admin token by its name, and what else deployers need. */
  deployerEnv: Readonly<Record<string, string | undefined>>
  /** Where the pipeline, which is no part of R.O.M.A.N., keeps its deploys. */
  pipelineDir: string
  /** Null where a real Discord is told. */
  discord: DiscordStandIn | null
  traffic(): Traffic
  /** Ends every process and removes every file. */
  close(): Promise<void>
}

const LAST_WORDS = 15

/** @throws Error that says what could not start; nothing is left then. */
export async function openStage(env: RuntimeEnv, own: OwnDiscord | null, signal: AbortSignal): Promise<Stage> {
  const closes: (() => unknown)[] = []
  const close = async () => {
    for (const closeOne of closes.splice(0).reverse()) await closeOne()
  }
  try {
    const { migrate } = await loadDatabase()
    const directory = temporaryDirectory('roman-demo')
    closes.push(directory.remove)
    const at = (name: string) => join(directory.path, name)

    const logFile = at('demo.log')
    const log = createWriteStream(logFile, { mode: 0o600 })
    closes.push(() => new Promise((resolve) => log.end(resolve)))

    const words: string[] = []

    const discord = own === null ? await startDiscord() : null
    if (discord) closes.push(discord.close)

    const proxyToken = randomBytes(24).toString('base64url')
    const stateFile = at('proxy.json')
    const proxy = await startProxy({ host: '127.0.0.1', port: 0, adminPort: 0, adminToken: proxyToken, stateFile })
    const [configFile, stateDir, pipelineDir] = [at('roman.yaml'), at('state'), at('pipeline')]
    const reaping = reapDeploys([stateDir, pipelineDir])
    closes.push(async () => {
      // The shop's processes outlive worker and proxy on purpose; here they end with the demo.
      await proxy.close()
      await endInstances(stateFile)
      reaping.end()
    })
    // While the proxy still answers: a switch that is under way ends what it has started.
    closes.push(() => Promise.all([endRuns(stateDir), endRuns(pipelineDir)]))

    const healthPort = await freePort()
    const deployerEnv = { ...env.variables, ROMAN_PROXY_TOKEN: proxyToken }
    const stack = await startStack({
      dataDir: at('data'),
      env: env.variables,
      migrate,
      apps(addresses) {
        const { apiUrl, serviceKey } = addresses
        const proxyAdminUrl = proxy.adminUrl
        writeDemoConfig(configFile, { apiUrl, serviceKey, proxyAdminUrl, discord: own?.config ?? channelOf(discord!) })
        return appProcesses({
          addresses,
          variables: deployerEnv,
          configFile,
          stateDir,
          healthPort,
          discord: own ?? { token: discord!.token, apiUrl: discord!.apiUrl },
        })
      },
      isReady: async ({ api_url: apiUrl, service_key: serviceKey }) =>
        (discord === null || discord.connected() > 0) && (await appsAnswer({ apiUrl, serviceKey, healthPort })),
      log(source, line) {
        words.push(`${source} ${line}`)
        if (words.length > LAST_WORDS) words.shift()
        log.write(`${source} ${line}\n`)
      },
      signal,
    })
    closes.push(stack.stop)

    return {
      stack,
      configFile,
      logFile,
      lastWords: () => [...words],
      proxyUrl: proxy.url,
      deployerEnv,
      pipelineDir,
      discord,
      traffic() {
        const traffic = startTraffic({ url: proxy.url, perSecond: 50 })
        closes.push(traffic.stop)
        return traffic
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

const channelOf = ({ channelId, roles }: DiscordStandIn): DiscordConfig => ({
  alert_channel_id: channelId,
  approver_role_ids: [roles.approver],
  override_role_ids: [roles.overrider],
})
