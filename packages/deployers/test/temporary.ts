import { mkdtempSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HostDeps } from '../src/index.ts'

/** A directory of the test's own, with a space in its path. */
export function temporaryHost(env: Record<string, string> = {}): { deps: HostDeps; remove(): Promise<void> } {
  const directory = mkdtempSync(join(tmpdir(), 'roman deployers-'))
  return {
    deps: {
      stateDir: join(directory, 'state'),
      baseDir: directory,
      env: { PATH: process.env.PATH, ...env } as HostDeps['env'],
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  }
}

export interface JournalLine {
  pid: number
  event_id: string
  version: string
  git_branch: string
  git_commit: string
}

export function readJournal(path: string): JournalLine[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as JournalLine)
  } catch {
    return []
  }
}
