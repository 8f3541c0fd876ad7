import { count, finite, flag, record } from './malformed.ts'

/** How well a watch could see, as it goes. All times in milliseconds of the database's clock. */
export type Attention = {
  last_at: number
  last_sighted_at: number
  blind_ms: number
  blind_announced: boolean
}

/** People are told once when nothing could be seen for this long. */
const BLIND_ANNOUNCED_AFTER_MS = 30_000

/** A watch that was blind for more than this share of its time proves nothing. */
export const BLIND_SHARE_MAX = 1 / 5

export const ATTENTION = record<Attention>({
  last_at: finite,
  last_sighted_at: finite,
  blind_ms: count,
  blind_announced: flag,
})

export function startAttention(at: number): Attention {
  return { last_at: at, last_sighted_at: at, blind_ms: 0, blind_announced: false }
}

/**
 * Counts the time since the last tick. A blind tick makes all of it blind. A tick that sees looks back one rate window, so
 * of a longer gap (a worker was dead, and nothing is stored) only what lies before that window is blind.
 * A tick from the past adds no time.
 */
export function attend(
  before: Attention,
  at: number,
  blind: boolean,
  rateWindowMs: number,
): { attention: Attention; announce: boolean } {
  const passed = Math.max(0, at - before.last_at)
  const blindMs = blind ? passed : Math.max(0, passed - rateWindowMs)
  const announce = blind && !before.blind_announced && at - before.last_sighted_at >= BLIND_ANNOUNCED_AFTER_MS
  const attention = {
    last_at: Math.max(before.last_at, at),
    last_sighted_at: blind ? before.last_sighted_at : Math.max(before.last_sighted_at, at),
    blind_ms: before.blind_ms + blindMs,
    blind_announced: before.blind_announced || announce,
  }
  return { attention, announce }
}
