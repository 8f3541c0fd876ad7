import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { processFacts } from './process-table.ts'
import { reaperPid } from './reaper.ts'
import { waitFor } from './wait-for.ts'

/** Says that `dev` made the directory, and may therefore empty it. */
const MARKER = 'made-by-roman-dev'
const LOCK = 'dev.lock'

interface Holder {
  pid: number
  started_at: string
  reaper_pid: number | null
}

export interface DataDirectory {
  path: string
  release(): void
}

/**
 * Makes the directory where needed and takes it for this process alone, until `release()` or the process's end.
 * @throws Error when another `dev` holds it (naming its pid), or when it holds what `dev` did not put there.
 */
export async function takeDataDirectory(
  path: string,
  options: { fresh?: boolean | undefined; signal?: AbortSignal | undefined } = {},
): Promise<DataDirectory> {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    assertOurs(path)
    writeFileSync(join(path, MARKER), 'Data of "roman dev". It may be deleted while no dev runs on it.\n')
  } catch (cause) {
    if (!['EACCES', 'EPERM', 'EROFS'].includes((cause as NodeJS.ErrnoException).code ?? '')) throw cause
    throw new Error(`${path} can't be written by this user. Choose another directory with --data DIR.`, { cause })
  }
  const release = await lock(path, options.signal)
  if (options.fresh) {
    for (const entry of readdirSync(path)) {
      if (entry !== MARKER && entry !== LOCK) rmSync(join(path, entry), { recursive: true, force: true, maxRetries: 3 })
    }
  }
  return { path, release }
}

function assertOurs(path: string): void {
  if (statSync(join(path, MARKER), { throwIfNoEntry: false })) return
  if (readdirSync(path).length === 0) return
  throw new Error(
    `${path} holds files that "dev" did not make, and is left alone. Choose an empty directory with --data DIR.`,
  )
}

async function lock(path: string, signal: AbortSignal | undefined): Promise<() => void> {
  const file = join(path, LOCK)
  const startedAt = processFacts(process.pid)?.startedAt ?? ''
  const claim = `${file}.${process.pid}`
  writeFileSync(
    claim,
    JSON.stringify({ pid: process.pid, started_at: startedAt, reaper_pid: reaperPid() } satisfies Holder),
  )
  try {
    const outcome = await waitFor(() => tryLock(claim, file), {
      timeoutMs: 60_000,
      describe: `what an earlier dev left running on ${path} to end`,
      signal,
    })
    if (outcome !== 'ours') {
      throw new Error(
        `Another dev (pid ${outcome.pid}) runs on ${path}. Stop it (kill ${outcome.pid}), or give this one a directory of its own with --data DIR.`,
      )
    }
  } finally {
    rmSync(claim, { force: true })
  }
  return () => {
    if (readHolder(file)?.pid === process.pid) rmSync(file, { force: true })
  }
}

/** `ours`, or the live holder, or null: to be tried again. */
function tryLock(claim: string, file: string): 'ours' | Holder | null {
  // A link to a whole file: nobody reads half a lock, and of two who try, one succeeds.
  if (tryLink(claim, file)) return 'ours'
  const holder = readHolder(file)
  if (holder && isAlive(holder)) return holder
  // Its dev was killed, and the reaper may still be ending what that dev had started on this data.
  if (holder?.reaper_pid && processFacts(holder.reaper_pid)?.command.includes('reaper.mjs')) return null
  removeStale(file, holder)
  return null
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function isAlive({ pid, started_at }: Holder): boolean {
  return processFacts(pid)?.startedAt === started_at
}

function readHolder(file: string): Holder | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder
  } catch {
    return null
  }
}

/** Two may find the same stale lock: each moves it aside first, and puts back what turns out to be somebody's new one. */
function removeStale(file: string, seen: Holder | null): void {
  const aside = `${file}.stale.${process.pid}`
  try {
    renameSync(file, aside)
  } catch {
    return
  }
  const moved = readHolder(aside)
  if (moved && (moved.pid !== seen?.pid || moved.started_at !== seen.started_at)) tryLink(aside, file)
  rmSync(aside, { force: true })
}
