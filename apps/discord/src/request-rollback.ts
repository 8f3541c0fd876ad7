import type { ViolationName } from '@roman/constitution'
import { isRomanError, type RollbackView, RomanError } from '@roman/contracts'
import { type FollowOptions, followRollback } from './follow.ts'
import type { ApproveCommand } from './parse-command.ts'
import type { RomanApi } from './ports.ts'
import { hasEnded, stateOf, violatedBy } from './rollback-state.ts'

/** The contract's bound for a name. */
const NAME_MAX = 200
/** Nothing waits any more, or never did: what was typed is then a request of its own. */
const NOTHING_TO_APPROVE = ['nothing_waiting', 'already_decided']

/** Thrown where the constitution refused and the command does not name all it refused for. */
export class NeedsOverride extends Error {
  override readonly name = 'NeedsOverride'
  readonly deploymentId: string
  readonly violated: readonly ViolationName[]

  constructor(deploymentId: string, violated: readonly ViolationName[]) {
    super(`The constitution refused this rollback for ${violated.join(', ')}.`)
    this.deploymentId = deploymentId
    this.violated = violated
  }
}

/**
 * Carries a command out and answers with the id of the rollback that came of it. The same message again is the same
 * request: every call carries a key made of the message's id.
 */
export const requestRollback = async (
  api: RomanApi,
  command: ApproveCommand,
  asker: { message_id: string; id: string; name: string },
  follow: FollowOptions,
): Promise<string> => {
  const { service, environment, reason } = command
  const deployment = await api.showDeployment(command.deployment_id, {
    ...(service === undefined ? {} : { service }),
    ...(environment === undefined ? {} : { environment }),
  })
  const id = deployment.deployment_id
  const waiting = deployment.guard?.decision ?? null
  const discord = { id: asker.id, name: asker.name.slice(0, NAME_MAX) }
  const key = (step: string) => `discord:${asker.message_id}:${step}`

  const start = async () => {
    const body = { deployment_id: id, trigger_reason: reason, discord }
    return (await api.startRollback(body, key('rollback'))).event_id
  }
  const override = async (refusedEventId: string) => {
    const body = { reason, violations: command.override, discord }
    return (await api.override(refusedEventId, body, key('override'))).event_id
  }

  if (command.override.length > 0) {
    if (waiting?.event_id) return await override(waiting.event_id)
    const eventId = await start()
    const judged = await untilJudged(() => api.showRollback(eventId), follow)
    if (stateOf(judged) !== 'refused') return eventId
    // Nothing but what was typed is ever lifted.
    const violated = violatedBy(judged)
    if (violated.some((name) => !command.override.includes(name))) throw new NeedsOverride(id, violated)
    return await override(eventId)
  }

  // Approving a deployment that asks to be verified would keep it live: the opposite of what was typed.
  if (waiting?.kind === 'verify') return await start()
  if (waiting !== null && waiting.violations.length > 0) {
    throw new NeedsOverride(id, waiting.violations as ViolationName[])
  }
  try {
    const { event_id } = await api.approve(id, { reason, discord }, key('approve'))
    if (event_id !== null) return event_id
  } catch (error) {
    if (!isRomanError(error) || !NOTHING_TO_APPROVE.includes(error.code)) throw error
    return await start()
  }
  throw new RomanError('nothing_waiting', 'What was approved starts no rollback. Send it again to start one.')
}

const untilJudged = async (read: () => Promise<RollbackView>, follow: FollowOptions): Promise<RollbackView> => {
  for await (const view of followRollback(read, follow)) {
    if (hasEnded(view) || stateOf(view) !== 'validating') return view
  }
  throw new Error('A rollback that is followed ends with a view.')
}
