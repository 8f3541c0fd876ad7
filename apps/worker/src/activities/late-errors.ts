import { observe, type WatchState } from '@roman/constitution'
import { type MissedTick, readMissedTicks } from '@roman/control'
import type { Database } from '@roman/db'
import type { Logger } from '@roman/runtime'
import type { Tick } from '../sampler/sampler.ts'

/** Where errors come late all the time, a watch looks back no more often than this. */
const LOOK_BACK_EVERY_MS = 5_000

/** A breach that late errors made of a moment that was calm without them. */
interface LateBreach {
  tick: MissedTick
  seen: ReturnType<typeof observe>
}

/** Judges the moments again that a tick's late errors touch; null where there is no breach among them, and mostly at once. */
export type LookBack = (state: WatchState, tick: Pick<Tick, 'at_ms' | 'late'>) => Promise<LateBreach | null>

/**
 * Errors that came late re-judge the moments they touch. It is done beside the watch, whose own state goes on as if nothing
 * had been looked at: of those moments nothing but errors is stored, and a breach is all that they may say.
 *
 * Looking back reads a whole window many times over, so of all watches in a process one does it at a time, and the others
 * look back at a later tick. What is remembered of it is lost with the process: the next one looks back anew.
 */
export const createLookBacks = (db: Pick<Database, 'pool'>, log: Logger): ((deploymentId: string) => LookBack) => {
  let taken = false
  return (deploymentId) => {
    let last = { key: '', at_ms: Number.NEGATIVE_INFINITY }
    return async (state, { at_ms, late }) => {
      if (late === null || late.key === last.key || at_ms - last.at_ms < LOOK_BACK_EVERY_MS || taken) return null
      taken = true
      const begunAt = performance.now()
      try {
        let past: WatchState = { ...state, breaching_since: null }
        for await (const tick of readMissedTicks(db, deploymentId, late.from_ms - 1, { counted: false })) {
          const seen = observe(past, { ...tick, at: tick.at_ms })
          if (seen.verdict?.kind === 'breach') return { tick, seen }
          past = { ...seen.state, verdict: null }
        }
        last = { key: late.key, at_ms: at_ms + performance.now() - begunAt }
      } catch (error) {
        // Not remembered as done: the next one tries again.
        last = { ...last, at_ms: at_ms + performance.now() - begunAt }
        log.warn({ deployment_id: deploymentId, reason: (error as Error).message }, 'Late errors could not be judged')
      } finally {
        taken = false
      }
      return null
    }
  }
}
