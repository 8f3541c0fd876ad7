import type { RollbackView } from '@roman/contracts'
import { hasEnded } from './rollback-state.ts'

export interface FollowOptions {
  poll_ms: number
  follow_max_ms: number
  /** How long reading may fail in a row before the following does. */
  patience_ms: number
  /** Waits between two looks; may throw to end the following. */
  pause(ms: number): Promise<void>
}

/** Thrown when a rollback did not end within the bound; it may well go on. */
export class FollowedTooLong extends Error {
  override readonly name = 'FollowedTooLong'
}

/** Looks at a rollback until it has ended, and yields every look, the last one included. */
export async function* followRollback(
  read: () => Promise<RollbackView | null>,
  options: FollowOptions,
): AsyncGenerator<RollbackView> {
  const deadline = Date.now() + options.follow_max_ms
  let silentSince: number | null = null
  while (Date.now() < deadline) {
    try {
      const view = await read()
      silentSince = null
      if (view !== null) {
        yield view
        if (hasEnded(view)) return
      }
    } catch (error) {
      silentSince ??= Date.now()
      if (Date.now() - silentSince > options.patience_ms) throw error
    }
    await options.pause(options.poll_ms)
  }
  throw new FollowedTooLong(`The rollback did not end within ${Math.round(options.follow_max_ms / 60_000)} minutes.`)
}
