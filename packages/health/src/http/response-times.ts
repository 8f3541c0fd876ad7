const WINDOW_MS = 60_000
/** Ten a second; a source that asks more often is judged by the latest of these. */
const KEPT_MAX = 600

/** The response times of the last minute. */
export interface ResponseTimes {
  add(ms: number): void
  /** Nearest rank, in whole milliseconds; null where the last minute has none. */
  p95(): number | null
}

export function createResponseTimes(now: () => number = () => performance.now()): ResponseTimes {
  const kept: { at: number; ms: number }[] = []
  const forget = () => {
    while (kept.length > KEPT_MAX || (kept[0] && kept[0].at <= now() - WINDOW_MS)) kept.shift()
  }
  return {
    add(ms) {
      kept.push({ at: now(), ms })
      forget()
    },
    p95() {
      forget()
      const sorted = kept.map(({ ms }) => ms).sort((a, b) => a - b)
      const rank = sorted[Math.ceil(sorted.length * 0.95) - 1]
      return rank === undefined ? null : Math.round(rank)
    },
  }
}
