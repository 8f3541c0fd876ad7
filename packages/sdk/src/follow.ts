import { RollbackStillRunningError, RomanApiError, RomanConnectionError } from './errors.ts'
import { type CallOptions, pause } from './transport.ts'
import type { Rollback } from './types.ts'

export interface FollowOptions {
  /** Called with every change, the first and the last state included. */
  onProgress?: ((rollback: Rollback) => void) | undefined
  /** Stops following; the rollback goes on. The promise is rejected with the signal's reason. */
  signal?: AbortSignal | undefined
  /** How long to follow; 20 minutes unless given. */
  timeoutMs?: number | undefined
}

const TIMEOUT_MS = 20 * 60_000
const INTERVAL_MS = 500

/** True once nothing more will happen to the rollback. */
export const hasEnded = ({ status }: { status: Rollback['status'] }): boolean =>
  status === 'success' || status === 'failed' || status === 'aborted'

/**
 * Polls a rollback to its end and resolves to it, whatever the end is. A server that is away meanwhile is waited for.
 * Throws `RollbackStillRunningError` when time runs out, `RomanApiError` when there is no such rollback.
 */
export async function follow(
  show: (eventId: string, options: CallOptions) => Promise<Rollback>,
  eventId: string,
  { onProgress, signal, timeoutMs = TIMEOUT_MS }: FollowOptions = {},
): Promise<Rollback> {
  const startedAt = Date.now()
  let seen = null as { phase: string; text: string } | null
  while (true) {
    signal?.throwIfAborted()
    const leftMs = startedAt + timeoutMs - Date.now()
    if (leftMs <= 0) throw new RollbackStillRunningError(eventId, seen?.phase ?? null, timeoutMs)
    const rollback = await unlessAway(show(eventId, { signal, timeoutMs: Math.min(leftMs, 10_000) }))
    if (rollback) {
      const text = JSON.stringify(rollback)
      if (text !== seen?.text) onProgress?.(rollback)
      seen = { phase: rollback.phase, text }
      if (hasEnded(rollback)) return rollback
    }
    await pause(Math.min(INTERVAL_MS, leftMs), signal)
  }
}

async function unlessAway(answer: Promise<Rollback>): Promise<Rollback | null> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof RomanConnectionError) return null
    if (error instanceof RomanApiError && error.status >= 500) return null
    throw error
  }
}
