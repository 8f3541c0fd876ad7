import { blind, type HealthSource, type LatestReading, type SourceReading } from './port.ts'

/** A source that is read on its own interval until it is closed. */
export interface PolledSource {
  /** The last reading; everything it supplies is unavailable where there is none, or only one that is too old. */
  latest(): LatestReading
  close(): Promise<void>
}

/** A reading is too old after so many intervals and one timeout. */
const STALE_INTERVALS = 3

/** From how old on a reading of a source is none. */
export const staleAfterMs = ({ interval_ms, timeout_ms }: HealthSource): number =>
  STALE_INTERVALS * interval_ms + timeout_ms

export interface PollOptions {
  /** Where in its interval the source is read, from 0 to 1. */
  phase: number
  onReading(reading: SourceReading): void
}

/**
 * Reads at once, then once per interval of the wall clock, all processes in the same part of it: a failure seen by two
 * of them has one idempotency key. One read at a time; a read that took longer than the interval is followed at once.
 */
export function pollSource(source: HealthSource, { phase, onReading }: PollOptions): PolledSource {
  const { interval_ms: intervalMs } = source
  const closing = new AbortController()
  let last: { reading: LatestReading; at: number } | null = null
  let timer: NodeJS.Timeout | undefined

  /** A timer may be early by a trifle, so what is due within a quarter of the interval is what was just done. */
  const delayMs = (startedAt: number): number => {
    const next = (Math.floor(startedAt / intervalMs + 0.25 - phase) + 1 + phase) * intervalMs
    // The clock may have been set meanwhile.
    return Math.min(2 * intervalMs, Math.max(0, next - Date.now()))
  }

  const poll = async (): Promise<void> => {
    const startedAt = Date.now()
    const reading = await source.read(closing.signal).catch(() => blind(source.supplies))
    if (closing.signal.aborted) return
    last = { reading, at: performance.now() }
    onReading(reading)
    timer = setTimeout(start, delayMs(startedAt))
  }
  let polling = Promise.resolve()
  const start = () => {
    polling = poll()
  }
  start()

  return {
    latest() {
      if (last === null) return blind(source.supplies)
      const ageMs = performance.now() - last.at
      return ageMs > staleAfterMs(source) ? blind(source.supplies) : last.reading
    },
    async close() {
      closing.abort()
      clearTimeout(timer)
      await source.close()
      await polling
    },
  }
}
