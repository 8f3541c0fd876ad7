import { isRomanError } from '@roman/contracts'
import { type Person, type Roles, refusal } from './access.ts'
import { explain } from './explain.ts'
import type { Button, RomanApi } from './ports.ts'
import { fit, plain } from './texts/plain.ts'

type Verb = 'approve' | 'reject'

/** The contract's bound for a name. */
const NAME_MAX = 200

/** `roman:1:approve:<decision_id>:<deployment_id>`: all a click needs, so that buttons outlive this process. */
const PATTERN = /^roman:1:(approve|reject):([0-9a-f-]{36}):([0-9a-f-]{36})$/

export const decisionButtons = (decisionId: string, deploymentId: string, verbs: Verb[]): Button[] =>
  verbs.map((verb) => ({
    custom_id: `roman:1:${verb}:${decisionId}:${deploymentId}`,
    label: verb === 'approve' ? 'Approve rollback' : 'Reject',
    style: verb === 'approve' ? 'success' : 'danger',
  }))

/** A click on a button of ours, and the ways to answer it. */
export interface ButtonClick {
  interaction_id: string
  custom_id: string
  person: Person
  /** What the message says now. */
  content: string
  /** Says something to the one who clicked, alone. */
  whisper(text: string): Promise<void>
  /** Tells Discord, within its three seconds, that an answer comes. */
  acknowledge(): Promise<void>
  /** Replaces the message and takes its buttons away. */
  close(text: string): Promise<void>
}

/** Carries a click out. Buttons that are not ours are left alone. Throws what is no refusal, after saying so. */
export const handleClick = async (
  parts: { api: RomanApi; roles: Roles; botId: string },
  click: ButtonClick,
): Promise<void> => {
  const [, verb, decisionId, deploymentId] = PATTERN.exec(click.custom_id) ?? []
  if (verb === undefined || decisionId === undefined || deploymentId === undefined) return
  const refused = refusal(click.person, 'approve', parts.roles)
  if (refused !== null) return await click.whisper(refused)
  await click.acknowledge()
  const said = await decide(parts, click, { verb: verb as Verb, decisionId, deploymentId })
  if (said.line !== undefined) await click.close(fit([click.content, '', said.line]))
  if (said.whisper !== undefined) await click.whisper(said.whisper)
  if (said.error !== undefined) throw said.error
}

const OVER = '⌛ This decision is over.'
const OVER_CODES = ['already_decided', 'nothing_waiting', 'superseded', 'deployment_not_live']

/** `line` ends the message; `whisper` is for the one who clicked; `error` is for the log. */
type Said = { line?: string; whisper?: string; error?: unknown }

const decide = async (
  { api, botId }: { api: RomanApi; botId: string },
  click: ButtonClick,
  { verb, decisionId, deploymentId }: { verb: Verb; decisionId: string; deploymentId: string },
): Promise<Said> => {
  const name = click.person.name.slice(0, NAME_MAX)
  const done = verb === 'approve' ? 'Approved' : 'Rejected'
  try {
    // The API decides about a deployment, and a deployment may be asked about twice: an old button must not answer the
    // newer question.
    const deployment = await api.showDeployment(deploymentId)
    if (deployment.guard?.decision?.decision_id !== decisionId) {
      return { line: OVER, whisper: `${OVER} Nothing was done.` }
    }
    const body = { reason: `${done} in Discord by ${name}`, discord: { id: click.person.id, name } }
    await api[verb](deploymentId, body, `discord:${click.interaction_id}:${verb}`)
    return { line: `${verb === 'approve' ? '✅' : '🛑'} ${done} by ${plain(name, 80)}` }
  } catch (error) {
    const whisper = explain(error, { botId, started: false })
    if (!isRomanError(error)) return { whisper, error }
    return { whisper, ...(OVER_CODES.includes(error.code) ? { line: OVER } : {}) }
  }
}
