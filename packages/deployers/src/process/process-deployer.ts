import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventDirectory, runCommand } from '../command/command-run.ts'
import type { HostDeps, ProcessConfig } from '../config.ts'
import { childEnvironment } from '../host/environment.ts'
import { endGroup } from '../host/processes.mjs'
import { fillPlaceholders } from '../placeholders.ts'
import type { DeployContext, Deployer, DeployRequest, DeployResult, LiveVersion } from '../port.ts'
import type { Instance, ProxyState } from './proxy-state.ts'

const SWITCH = fileURLToPath(new URL('./switch.mjs', import.meta.url))

/** What switch.mjs is told. Each argument is in pieces, between which the port goes. */
interface SwitchSpec extends Pick<DeployRequest, 'event_id' | 'version' | 'git_commit' | 'fence'> {
  argv: string[][]
  cwd: string
  env: Record<string, string>
  health_path: string
  proxy_admin_url: string
  proxy_token: string
  drain_seconds: number
  timeout_ms: number
  log_path: string
  instance_path: string
}

/**
 * For small apps on one host: starts the version on a free port, waits until it is well, and switches a {@link startProxy}
 * proxy over to it. The started processes belong to nobody and outlive worker and proxy.
 */
export function createProcessDeployer(config: ProcessConfig, deps: HostDeps): Deployer {
  const ask = () => askProxy(config, deps.env[config.proxy_token_env])
  return {
    type: 'process',
    async deploy(request, context) {
      const token = deps.env[config.proxy_token_env]
      if (token === undefined) return failed(`${config.proxy_token_env} is not set. Give it the proxy's admin token.`)
      const directory = eventDirectory(deps.stateDir, request.event_id)
      const spec = switchSpec(config, deps, request, { token, directory })
      const result = await runCommand(
        deps.stateDir,
        {
          argv: [process.execPath, SWITCH],
          cwd: '/',
          env: childEnvironment({}),
          input: JSON.stringify(spec),
          // The switch keeps the bound itself and says what it waited for; this one is for a switch that hangs.
          timeoutMs: spec.timeout_ms + 10_000,
          graceMs: 10_000,
        },
        // Running the switch again is harmless: the proxy knows what is live, and refuses a lower fence.
        { idempotent: true },
        request,
        context,
      )
      return result.outcome === 'live' ? result : settle(result, spec, ask, request, context)
    },
    async current(): Promise<LiveVersion | null> {
      const live = (await ask())?.live
      return live ? { version: live.version, git_commit: live.git_commit } : null
    },
    async able() {
      const state = await ask().catch(() => null)
      if (state !== null) return { able: true, detail: `The proxy at ${config.proxy_admin_url} answers.` }
      return {
        able: false,
        detail: `The proxy at ${config.proxy_admin_url} does not answer, or refuses ${config.proxy_token_env}. Start it, or correct the deployer.`,
      }
    },
  }
}

/** The proxy has the last word on what is live; a version that was started and is not is ended. */
async function settle(
  result: Exclude<DeployResult, { outcome: 'live' }>,
  spec: SwitchSpec,
  ask: () => Promise<ProxyState>,
  request: DeployRequest,
  context: DeployContext,
): Promise<DeployResult> {
  const left = startedInstance(spec.instance_path)
  const state = await ask().catch(() => null)
  if (state === null && left !== null) {
    return {
      outcome: 'unknown',
      reason: `${result.reason} The proxy does not answer, so nobody can say what is live. Start it and look.`,
      run: result.run,
    }
  }
  if (state?.live?.event_id === request.event_id) return { outcome: 'live', run: result.run, output_tail: null }
  // One that was live for a moment and is retired already is the proxy's to drain and end.
  if (left !== null && !state?.retired.some((instance) => instance.event_id === request.event_id)) {
    await endGroup(left, 2000)
  }
  if (context.signal.aborted)
    return { outcome: 'aborted', reason: 'It was aborted before the switch.', run: result.run }
  return result.outcome === 'failed' ? result : { ...failed(result.reason), run: result.run }
}

function switchSpec(
  config: ProcessConfig,
  deps: HostDeps,
  request: DeployRequest,
  { token, directory }: { token: string; directory: string },
): SwitchSpec {
  return {
    event_id: request.event_id,
    version: request.version,
    git_commit: request.git_commit,
    fence: request.fence,
    argv: config.argv.map((argument) => argument.split('{port}').map((piece) => fillPlaceholders(piece, request))),
    cwd: resolve(deps.baseDir, config.cwd ?? '.'),
    env: childEnvironment(deps.env, config.env),
    health_path: config.health_path,
    proxy_admin_url: config.proxy_admin_url,
    proxy_token: token,
    drain_seconds: config.drain_seconds,
    timeout_ms: config.timeout_seconds * 1000,
    log_path: join(directory, 'app.log'),
    instance_path: join(directory, 'instance.json'),
  }
}

function startedInstance(path: string): Instance | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Instance
  } catch {
    return null
  }
}

async function askProxy(config: ProcessConfig, token: string | undefined): Promise<ProxyState> {
  const response = await fetch(new URL('/state', config.proxy_admin_url), {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(5000),
  })
  if (!response.ok) throw new Error(`The proxy at ${config.proxy_admin_url} answered ${response.status}.`)
  return (await response.json()) as ProxyState
}

const failed = (reason: string): DeployResult & { outcome: 'failed' } => ({
  outcome: 'failed',
  reason,
  run: null,
  output_tail: null,
})
