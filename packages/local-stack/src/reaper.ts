import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * One small process beside ours that ends what we started, should we die without ending it ourselves.
 * Neither a parent's death signal nor a pipe that children watch would do: PostgreSQL and Temporal know neither.
 */
let reaper: ChildProcess | undefined

function tell(message: object): void {
  if (!reaper || reaper.exitCode !== null || reaper.signalCode !== null) reaper = spawnReaper()
  reaper.stdin?.write(`${JSON.stringify(message)}\n`)
}

function spawnReaper(): ChildProcess {
  const child = spawn(process.execPath, [fileURLToPath(new URL('reaper.mjs', import.meta.url))], {
    // A session of its own: what is sent to our process group must not end it before its work is done.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: {},
    cwd: '/',
  })
  child.on('error', () => {})
  child.stdin.on('error', () => {})
  child.unref()
  // It must not keep us alive: our end is what it waits for.
  ;(child.stdin as unknown as { unref(): void }).unref()
  return child
}

/** Its pid, once anything is watched. A data directory is free only when this process has ended too. */
export function reaperPid(): number | null {
  if (!reaper) reaper = spawnReaper()
  return reaper.pid ?? null
}

/** Has `pid` (leader of its own group) ended if we die first. The same `id` again replaces the pid, keeping its place. */
export function reapIfWeDie(id: string, pid: number, signal: NodeJS.Signals): void {
  tell({ watch: { id, pid, signal } })
}

export function forgetReaping(id: string): void {
  tell({ forget: id })
}

export interface TemporaryDirectory {
  path: string
  remove(): void
}

/** A new directory under the system's temporary one, removed by `remove()`, or when this process ends without it. */
export function temporaryDirectory(prefix: string): TemporaryDirectory {
  const path = realpathSync(mkdtempSync(join(tmpdir(), `${prefix}-`)))
  tell({ directory: path })
  return {
    path,
    remove() {
      rmSync(path, { recursive: true, force: true, maxRetries: 5 })
      tell({ keep: path })
    },
  }
}
