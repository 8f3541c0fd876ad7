import { setTimeout as pause } from 'node:timers/promises'
import { judgeSample } from '@roman/constitution'
import { readHealth } from '@roman/control'
import type { Database } from '@roman/db'

export const POLL_EVERY_MS = 10_000

export interface PollingLoop {
  /** When the loop first saw each service in breach, by the database's clock, in milliseconds. */
  seen: ReadonlyMap<string, number>
  ended: Promise<void>
}

/** What a cron job would do: ask for everybody's health every 10 s, judge it, and note the time. */
export const startPollingLoop = (db: Database, ids: string[], signal: AbortSignal): PollingLoop => {
  const seen = new Map<string, number>()
  const look = async (): Promise<void> => {
    const readings = await readHealth(db, ids)
    const { rows } = await db.pool.query<{ at_ms: number }>(
      'SELECT (1000 * extract(epoch FROM clock_timestamp()))::double precision AS at_ms',
    )
    for (const { service, sample, policy } of readings) {
      if (seen.has(service) || judgeSample(sample, policy.thresholds).state !== 'breach') continue
      seen.set(service, rows[0]!.at_ms)
    }
  }
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      const next = performance.now() + POLL_EVERY_MS
      await look()
      await pause(next - performance.now(), undefined, { signal }).catch(() => {})
    }
  }
  return { seen, ended: run() }
}
