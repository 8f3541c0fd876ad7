import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Environment, forgetReaping, reapIfWeDie, waitFor } from '@roman/local-stack'
import { afterThisFile } from './cleanups.ts'

export interface SpawnOptions {
  args?: readonly string[]
  cwd?: string
  /** All that the process sees; nothing is inherited. */
  env: Environment
}

export interface SpawnedProcess {
  pid: number
  /** Standard output and error so far, as they came. */
  output(): string
  /** Resolves when the output so far matches; fails with the whole output when it ends or the bound is reached first. */
  untilPrints(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>
  /** Sends the signal (SIGKILL unless given) and resolves when the process is gone. */
  kill(signal?: NodeJS.Signals): Promise<ProcessEnd>
  exited: Promise<ProcessEnd>
}

export interface ProcessEnd {
  code: number | null
  signal: NodeJS.Signals | null
}

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

/**
 * Runs a TypeScript entry point as a real process, its pid its own, as a spec needs it that kills it in the middle.
 * Killed after the file's last test if it still runs.
 * @param entry absolute path, or `new URL('…', import.meta.url)`.
 */
export function spawnProcess(entryPoint: string | URL, { args = [], cwd, env }: SpawnOptions): SpawnedProcess {
  const entry = entryPoint instanceof URL ? fileURLToPath(entryPoint) : entryPoint
  const child = spawn(process.execPath, ['--import', tsx, entry, ...args], {
    ...(cwd === undefined ? {} : { cwd }),
    env: env as NodeJS.ProcessEnv,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { pid } = child
  if (pid === undefined) throw new Error(`${entry} could not be started.`)
  reapIfWeDie(`spawned:${pid}`, pid, 'SIGTERM')

  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      printed += chunk
    })
  }
  let end: ProcessEnd | undefined
  const exited = new Promise<ProcessEnd>((resolve) => {
    child.once('close', (code, signal) => {
      end = { code, signal }
      forgetReaping(`spawned:${pid}`)
      resolve(end)
    })
  })
  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    if (!end) child.kill(signal)
    return exited
  }
  afterThisFile(() => kill())

  return {
    pid,
    output: () => printed,
    async untilPrints(pattern, timeoutMs = 15_000) {
      const seen = () => pattern.exec(printed)
      const what = `${entry} to print ${pattern}`
      await waitFor(() => seen() ?? end, { timeoutMs, describe: what }).catch((error: Error) => {
        throw new Error(`${error.message} It printed:\n${printed}`)
      })
      const match = seen()
      if (!match)
        throw new Error(`Waited for ${what}, but it ended (${end?.signal ?? end?.code}). It printed:\n${printed}`)
      return match
    },
    kill,
    exited,
  }
}
