import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { waitFor } from './wait-for.ts'

/** What scripts read to find the stack. A pid is null for what is not ours or not configured. */
export interface ReadyReport {
  api_url: string
  dashboard_url: string
  temporal_address: string
  temporal_ui_url: string | null
  database_url: string
  service_key: string
  pids: {
    dev: number
    worker: number | null
    api: number | null
    discord: number | null
    postgres: number | null
    temporal: number | null
  }
}

/** Readers see the old report or the new one, never half of one. Only its owner may read it: it holds the key. */
export function writeReadyFile(path: string, report: ReadyReport): void {
  const aside = `${path}.${process.pid}`
  writeFileSync(aside, `${JSON.stringify(report, null, 2)}\n`, { mode: 0o600 })
  renameSync(aside, path)
}

export function removeReadyFile(path: string): void {
  rmSync(path, { force: true })
}

const ANSWERS_WITHIN_MS = 90_000

/** Writes the report at once, and again after each restart as soon as everything answers. */
export function startAnnouncing(options: {
  answers: () => Promise<boolean>
  write: () => void
  log: (source: 'dev', line: string) => void
}) {
  const { answers, write, log } = options
  const ended = new AbortController()
  let latest = 0
  write()

  async function announce(): Promise<void> {
    latest += 1
    const mine = latest
    try {
      // A later restart waits in its own turn; this one need not write what is out of date.
      await waitFor(async () => mine !== latest || (await answers()), {
        timeoutMs: ANSWERS_WITHIN_MS,
        intervalMs: 50,
        describe: 'the stack to answer again after a restart',
        signal: ended.signal,
      })
      if (mine === latest && !ended.signal.aborted) write()
    } catch (error) {
      if (!ended.signal.aborted) log('dev', (error as Error).message)
    }
  }
  return { again: () => void announce(), end: () => ended.abort() }
}
