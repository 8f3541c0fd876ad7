export {
  type CommandOptions,
  createRomanClient,
  type ExecuteOptions,
  type RollbackAnswer,
  type RomanClient,
  type RomanClientOptions,
} from './client.ts'
export { RollbackStillRunningError, RomanApiError, RomanConnectionError } from './errors.ts'
export { type FollowOptions, hasEnded } from './follow.ts'
export {
  default,
  default as RollbackService,
  type ExecuteServiceOptions,
  outcomeOf,
  type RollbackOutcome,
} from './rollback-service.ts'
export type { CallOptions } from './transport.ts'
export type * from './types.ts'
