import { type MissedTick, readMissedTicks } from '@roman/control'
import type { Database } from '@roman/db'
import type { Tick } from '../sampler/sampler.ts'

/** Where errors come late all the time, a watch looks back no more often than this. */
const LOOK_BACK_EVERY_MS = 5_000

/** The moments that a tick's late errors touch, to be judged again; mostly none. */
export type LookBack = (tick: Pick<Tick, 'at_ms' | 'late'>) => Promise<MissedTick[]>

/**
 * Errors that came late re-judge the moments they touch: what was calm without them may be a breach with them. Looking back
 * reads a whole window many times over, so of all watches in a process one does it at a time; the others go on judging the
 * present, and look back at a later tick. What is remembered of it is lost with the process: the next one looks back anew.
 */
export const createLookBacks = (db: Pick<Database, 'pool'>): ((deploymentId: string) => LookBack) => {
  let taken = false
  return (deploymentId) => {
    let last = { key: '', at_ms: Number.NEGATIVE_INFINITY }
    return async ({ at_ms, late }) => {
      if (late === null || late.key === last.key || at_ms - last.at_ms < LOOK_BACK_EVERY_MS || taken) return []
      taken = true
      try {
        const moments: MissedTick[] = []
        for await (const moment of readMissedTicks(db, deploymentId, late.from_ms - 1, { counted: false }))
          moments.push(moment)
        last = { key: late.key, at_ms }
        return moments
      } finally {
        taken = false
      }
    }
  }
}
