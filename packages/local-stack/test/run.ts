import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { waitFor } from '../src/wait-for.ts'

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

export function fixtureArgv(name: string, ...args: string[]): string[] {
  return [process.execPath, '--import', tsx, fileURLToPath(new URL(`fixtures/${name}`, import.meta.url)), ...args]
}

export interface Running {
  child: ChildProcess
  output(): string
  until(pattern: RegExp): Promise<RegExpExecArray>
  exited: Promise<number | NodeJS.Signals | null>
}

/** Starts a fixture (or a program before it) as a process of its own and collects what it prints. */
export function run(argv: string[], cwd = '/'): Running {
  const child = spawn(argv[0]!, argv.slice(1), { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk) => (printed += chunk))
  let ended = false
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('close', (code, signal) => {
      ended = true
      resolve(signal ?? code)
    })
  })
  return {
    child,
    output: () => printed,
    exited,
    async until(pattern) {
      const describe = `${argv.at(-2)} to print ${pattern}`
      await waitFor(() => pattern.test(printed) || ended, { timeoutMs: 30_000, describe })
      const match = pattern.exec(printed)
      if (!match) throw new Error(`Waited for ${describe}, but it printed:\n${printed}`)
      return match
    },
  }
}
