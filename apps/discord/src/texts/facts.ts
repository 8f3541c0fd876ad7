import type { Actor, RollbackView, TargetDeployment } from '@roman/contracts'
import type { LiveNow } from '../rollback-state.ts'
import { plain } from './plain.ts'

/** `4.2 seconds` */
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} seconds`

export const shortCommit = (commit: string): string => plain(commit.slice(0, 7))

/** Versions may be long, and a message has several. */
const NAME_MAX = 100

/** `v2.5.3 (abc-123)` */
export const deploymentName = (version: string | null, id: string | null): string =>
  version === null ? plain(id ?? 'unknown') : `${plain(version, NAME_MAX)} (${plain(id ?? 'unknown')})`

/** `v2.5.2 (a7f3b29)` */
export const targetName = (target: TargetDeployment | null): string =>
  target === null ? 'none' : `${plain(target.version, NAME_MAX)} (${shortCommit(target.git_commit)})`

/** `Automatic`, `Manual, by Ada`, `Constitutional violation` */
export const triggerName = (view: RollbackView): string => {
  if (view.trigger_type === 'automatic') return 'Automatic'
  if (view.trigger_type === 'constitutional_violation') return 'Constitutional violation'
  const name = initiatorName(view.metadata)
  return name === null ? 'Manual' : `Manual, by ${plain(name, 80)}`
}

/** An alert gives the number in parentheses: `High error rate: 8.5 errors/minute` → `High error rate (8.5 errors/minute)`. */
export const reasonText = (view: Pick<RollbackView, 'trigger_type' | 'trigger_reason'>): string => {
  const measured = view.trigger_type === 'automatic' ? /^([^:]+): (.+)$/s.exec(view.trigger_reason) : null
  return plain(measured === null ? view.trigger_reason : `${measured[1]} (${measured[2]})`)
}

export const liveText = (view: RollbackView, live: LiveNow): string => {
  const failing = deploymentName(view.version, view.deployment_id)
  if (live === 'failing') return `${failing}, the deployment that was to be rolled back`
  if (live === 'replacement') return `${targetName(view.target_deployment)}, put back by this rollback`
  if (live === 'other') return 'another deployment than the two of this rollback'
  return `not known; see the deployments of ${plain(view.environment)}`
}

/** Small print that names the service and the event, so that a message can be found again. */
export const footer = (service: string, eventId: string | null): string =>
  `-# ${plain(service)}${eventId === null ? '' : ` · rollback ${plain(eventId)}`}`

/** The event keeps who asked, as far as it was authenticated. */
const initiatorName = (metadata: RollbackView['metadata']): string | null => {
  const actor = (metadata as { actor?: Partial<Actor> } | null)?.actor
  return typeof actor?.name === 'string' && actor.name !== '' ? actor.name : null
}
