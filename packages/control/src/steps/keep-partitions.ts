import { maintainPartitions } from '@roman/db'
import type { ControlContext } from '../context.ts'

/** Keeps partitions a week ahead, and lets go of those whose rows are older than `retention` in roman.yaml. */
export const keepPartitions = async ({ db, config, log }: ControlContext): Promise<void> => {
  for (const { partition, change } of await maintainPartitions(db.pool, config.current().retention)) {
    if (change === 'postponed')
      log.warn({ partition }, 'A partition is in use; it is created or dropped within the hour')
    else log.info({ partition }, `A partition was ${change}`)
  }
}
