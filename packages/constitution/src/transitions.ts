/**
 * The one table of legal status changes, read by the gates and by who waits for an end. The database knows which statuses
 * there are, and not their order.
 */

export const DEPLOYMENT_STATUSES = ['pending', 'in_progress', 'success', 'failed', 'rolled_back'] as const
export type DeploymentStatus = (typeof DEPLOYMENT_STATUSES)[number]

export const ROLLBACK_STATUSES = ['pending', 'in_progress', 'success', 'failed', 'aborted'] as const
export type RollbackStatus = (typeof ROLLBACK_STATUSES)[number]

type StatusOf = { deployment: DeploymentStatus; rollback: RollbackStatus }
export type TransitionKind = keyof StatusOf

export const TRANSITIONS: { readonly [K in TransitionKind]: Readonly<Record<StatusOf[K], readonly StatusOf[K][]>> } = {
  deployment: {
    // Live, or its deploy failed before it was.
    pending: ['in_progress', 'failed'],
    in_progress: ['success', 'failed', 'rolled_back'],
    // A late breach can roll back a known-good deployment, or try to.
    success: ['failed', 'rolled_back'],
    // Still live: a person may mark it verified, or a new rollback may replace it. `in_progress` only where it never was
    // live: its deploy was said to have failed, and it is live after all. That is a fact, and a fact is never refused.
    failed: ['in_progress', 'success', 'rolled_back'],
    rolled_back: [],
  },
  rollback: {
    pending: ['in_progress', 'failed', 'aborted'],
    in_progress: ['success', 'failed', 'aborted'],
    success: [],
    failed: [],
    aborted: [],
  },
}

/** Whether a status may follow another. Staying the same is no transition. */
export function canTransition<K extends TransitionKind>(kind: K, from: StatusOf[K], to: StatusOf[K]): boolean {
  return nextStatuses(kind, from).includes(to)
}

/** Whether nothing can follow. Of the deployments only `rolled_back` is; a finished rollback event always is. */
export function isTerminal<K extends TransitionKind>(kind: K, status: StatusOf[K]): boolean {
  return nextStatuses(kind, status).length === 0
}

export function nextStatuses<K extends TransitionKind>(kind: K, from: StatusOf[K]): readonly StatusOf[K][] {
  const table = own(TRANSITIONS, kind)
  return (table && own(table, from)) ?? []
}

/** Neither an inherited name nor what is no name leads anywhere. */
function own<T extends object, Key extends keyof T>(table: T, key: Key): T[Key] | undefined {
  return typeof key === 'string' && Object.hasOwn(table, key) ? table[key] : undefined
}
