import type { AppProcess, Environment, StackAddresses } from '@roman/local-stack'
import { CHECKOUT } from '../checkout.ts'

export interface AppSettings {
  addresses: StackAddresses
  /** What the operator's environment holds, such as deployers' tokens. */
  variables: Environment
  configFile: string
  stateDir: string
  /** Where the worker answers GET /healthz. */
  healthPort: number
  discord: { token: string; apiUrl?: string | undefined } | null
}

/** How worker, API and Discord are started from a checkout. What the stack decides comes before the operator's variables. */
export function appProcesses(settings: AppSettings) {
  const { addresses, healthPort, discord } = settings
  const env = { ...settings.variables, ...stackVariables(settings) }
  return {
    worker: app('worker', { ...env, ROMAN_HEALTH_PORT: String(healthPort) }),
    api: app('api', env),
    discord:
      discord === null
        ? null
        : app('discord', {
            ...env,
            ROMAN_URL: addresses.apiUrl,
            DISCORD_TOKEN: discord.token,
            ...(discord.apiUrl === undefined ? {} : { DISCORD_API_URL: discord.apiUrl }),
          }),
  }
}

function app(name: string, env: Environment): AppProcess {
  return { argv: [process.execPath, '--import', 'tsx', `apps/${name}/src/main.ts`], cwd: CHECKOUT, env }
}

function stackVariables({ addresses, configFile, stateDir }: AppSettings): Environment {
  return {
    DATABASE_URL: addresses.databaseUrl,
    TEMPORAL_ADDRESS: addresses.temporalAddress,
    // A server of our own knows nothing of the namespaces and keys of another.
    ...(addresses.temporalUiUrl === null
      ? {}
      : { TEMPORAL_NAMESPACE: undefined, TEMPORAL_API_KEY: undefined, TEMPORAL_TLS: undefined }),
    ROMAN_CONFIG: configFile,
    ROMAN_STATE_DIR: stateDir,
    ROMAN_KEY: addresses.serviceKey,
    ROMAN_API_HOST: '127.0.0.1',
    ROMAN_API_PORT: String(addresses.apiPort),
    ROMAN_HEALTH_PORT: undefined,
  }
}

/** Whether the API has all it needs and a worker is at work. Asked often: each answer is waited for briefly. */
export async function appsAnswer({
  apiUrl,
  serviceKey,
  healthPort,
}: {
  apiUrl: string
  serviceKey: string
  healthPort: number
}) {
  const ok = async (url: string, headers: Record<string, string> = {}) => {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(3000) })
    await response.arrayBuffer()
    return response.ok
  }
  const answers = await Promise.all([
    ok(`${apiUrl}/readyz`, { authorization: `Bearer ${serviceKey}` }),
    ok(`http://127.0.0.1:${healthPort}/healthz`),
  ])
  return answers.every(Boolean)
}
