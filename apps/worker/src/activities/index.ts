import { isRomanError } from '@roman/contracts'
import type { ControlContext } from '@roman/control'
import { isDatabaseUnavailable } from '@roman/db'
import { ApplicationFailure } from '@temporalio/common'
import type { DeployerSource } from '../deployer-source.ts'
import type { Sampler } from '../sampler/sampler.ts'
import { createGuardSteps, type GuardSteps } from './guard-steps.ts'
import { createMonitorActivities, type MonitorActivities } from './monitor-activities.ts'
import { createRollbackSteps, type RollbackSteps } from './rollback-steps.ts'

/** Activities of the main queue: short transactions, and the deploy. */
export const createMainActivities = (context: ControlContext, deployers: DeployerSource): GuardSteps & RollbackSteps =>
  translated({ ...createGuardSteps(context), ...createRollbackSteps(context, deployers) })

/** Activities of the monitor queue: the long watches. */
export const createWatchActivities = (context: ControlContext, sampler: Sampler): MonitorActivities =>
  translated(createMonitorActivities(context, sampler))

/** A refusal is final and keeps its code; PostgreSQL being away is retried, and says no more than that. */
const translated = <T extends object>(activities: T): T =>
  Object.fromEntries(
    Object.entries(activities).map(([name, activity]) => [
      name,
      async (...args: unknown[]) => {
        try {
          return await activity(...args)
        } catch (error) {
          if (isRomanError(error)) {
            throw ApplicationFailure.create({
              message: error.message,
              type: error.code,
              nonRetryable: error.status < 500,
              ...(error.details === undefined ? {} : { details: [error.details] }),
            })
          }
          if (isDatabaseUnavailable(error)) {
            throw ApplicationFailure.create({
              message: 'PostgreSQL does not answer',
              type: 'database_unavailable',
              nonRetryable: false,
            })
          }
          throw error
        }
      },
    ]),
  ) as T
