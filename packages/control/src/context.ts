import type { Database } from '@roman/db'
import type { Logger, RomanConfigSource } from '@roman/runtime'
import type { RollbackWaiter } from './rollback-waiter.ts'
import type { Snapshots } from './snapshots/create-snapshots.ts'
import type { TemporalGateway } from './temporal-gateway.ts'

/** What the use-cases need. Built once per process; tests replace parts. */
export interface ControlContext {
  db: Database
  temporal: TemporalGateway
  config: RomanConfigSource
  log: Logger
  rollbacks: RollbackWaiter
  snapshots: Snapshots
  /** For values that roman.yaml names by their variable. */
  secret(name: string): string | undefined
}
