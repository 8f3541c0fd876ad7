import { access, constants } from 'node:fs/promises'
import { delimiter, resolve } from 'node:path'
import type { CommandConfig, HostDeps } from '../config.ts'
import { childEnvironment } from '../host/environment.ts'
import { fillPlaceholders } from '../placeholders.ts'
import type { Deployer } from '../port.ts'
import { runCommand } from './command-run.ts'

/** Runs the configured argv, without a shell, once for each event. Exit 0 is "live". */
export function createCommandDeployer(config: CommandConfig, deps: HostDeps): Deployer {
  const cwd = resolve(deps.baseDir, config.cwd ?? '.')
  const env = childEnvironment(deps.env, config.env)
  return {
    type: 'command',
    deploy: (request, context) =>
      runCommand(
        deps.stateDir,
        {
          argv: config.argv.map((argument) => fillPlaceholders(argument, request)),
          cwd,
          env,
          input: null,
          timeoutMs: config.timeout_seconds * 1000,
          graceMs: config.grace_seconds * 1000,
        },
        { idempotent: config.idempotent },
        request,
        context,
      ),
    able: () => ableToRun(config.argv[0] as string, cwd, env.PATH),
  }
}

/** Whether the command is there and may be executed. A name with a placeholder can only be judged when it is filled. */
async function ableToRun(command: string, cwd: string, path = ''): Promise<{ able: boolean; detail: string }> {
  if (command.includes('{')) return { able: true, detail: `${command} is known when it is filled.` }
  const candidates = command.includes('/')
    ? [resolve(cwd, command)]
    : path.split(delimiter).map((directory) => resolve(directory, command))
  for (const candidate of candidates) {
    const runnable = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (runnable) return { able: true, detail: `Runs ${candidate}.` }
  }
  return {
    able: false,
    detail: `${command} is not an executable file ${command.includes('/') ? `in ${cwd}` : 'on the PATH'}. Create it, or correct argv or cwd of the deployer.`,
  }
}
