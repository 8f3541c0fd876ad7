import { isRomanError, type RollbackView } from '@roman/contracts'
import { type Person, type Roles, refusal } from './access.ts'
import { explain } from './explain.ts'
import { followRollback } from './follow.ts'
import { LiveMessage } from './live-message.ts'
import { nonceOf } from './nonce.ts'
import { type Pace, pause, persist } from './pace.ts'
import { parseCommand } from './parse-command.ts'
import { type Chat, isPassing, type MessagePlace, type RomanApi } from './ports.ts'
import { NeedsOverride, requestRollback } from './request-rollback.ts'
import { liveNow, stateOf } from './rollback-state.ts'
import { helpText, misunderstoodText } from './texts/help.ts'
import { fit } from './texts/plain.ts'
import { pendingReply, rollbackReply } from './texts/replies.ts'

/** When the process stops, a reply gets this long for its last words. */
const LAST_WORDS_MS = 3_000

const ROLE_MENTIONED = 'That mentions my role, and Discord shows me only what mentions me: pick the app in the list.'

/** A message that is said to the bot. `text` is what follows the mention. */
export interface Mention {
  message_id: string
  channel_id: string
  person: Person
  /** Null where the bot's role is mentioned instead of the bot: Discord then keeps the text from us. */
  text: string | null
}

export interface ConverseParts {
  chat: Chat
  api: RomanApi
  roles: Roles
  pace: Pace
  botId: string
  /** Aborts when the process stops. */
  signal: AbortSignal
}

/** Answers one mention with one message, which is edited as it goes. The same mention again finds the same message. */
export const converse = async (parts: ConverseParts, mention: Mention): Promise<void> => {
  const { roles, botId, pace, signal } = parts
  const reply = new LiveMessage(replyTo(parts, mention), pace.edit_ms)
  const answer = async (text: string) => {
    const patience = AbortSignal.timeout(signal.aborted ? LAST_WORDS_MS : pace.patience_ms)
    await persist(() => reply.finish(text), { pace, signal: patience, isFinal: (error) => !isPassing(error) })
  }
  if (mention.text === null) return answer(misunderstoodText(ROLE_MENTIONED, botId))
  const command = parseCommand(mention.text)
  if (command.kind === 'help') return answer(helpText(botId))
  if (command.kind === 'misunderstood') return answer(misunderstoodText(command.problem, botId))
  const refused = refusal(mention.person, command.override.length > 0 ? 'override' : 'approve', roles)
  if (refused !== null) return answer(refused)

  const asked = { deployment: command.deployment_id, reason: command.reason }
  let text = pendingReply(asked)
  let started = false
  // What can be shown must not decide what is done: with Discord's REST away the rollback is requested all the same.
  reply.update(text)
  try {
    const follow = { ...pace, pause: (ms: number) => pauseUnlessStopped(ms, signal) }
    const asker = { message_id: mention.message_id, id: mention.person.id, name: mention.person.name }
    const eventId = await requestRollback(parts.api, command, asker, follow)
    started = true
    for await (const view of followRollback(() => parts.api.showRollback(eventId), follow)) {
      text = rollbackReply(asked, view, await liveFor(view, parts.api), botId)
      reply.update(text)
    }
  } catch (error) {
    text = fit([text, '', error instanceof Stopped ? error.message : explain(error, { botId, started })])
    await answer(text)
    // What people were told in full needs no line in the log.
    if (!isExpected(error)) throw error
    return
  }
  await answer(text)
}

/** Makes the reply where there is none yet, and edits it from then on. */
const replyTo = ({ chat }: ConverseParts, mention: Mention) => {
  let place: MessagePlace | null = null
  return async (content: string) => {
    if (place === null) {
      const nonce = nonceOf('reply', mention.message_id)
      const made = await chat.create({ channel_id: mention.channel_id, content, nonce, reply_to: mention.message_id })
      place = { channel_id: made.channel_id, message_id: made.message_id }
      if (made.content === content) return
    }
    await chat.edit(place, content)
  }
}

/** Only an end that went wrong needs to say what serves people now. */
const liveFor = async (view: RollbackView, api: RomanApi) =>
  ['failed', 'aborted'].includes(stateOf(view)) ? await liveNow(view, (id) => api.showDeployment(id)) : 'unknown'

class Stopped extends Error {}

const isExpected = (error: unknown): boolean =>
  error instanceof Stopped || error instanceof NeedsOverride || isRomanError(error)

const pauseUnlessStopped = async (ms: number, signal: AbortSignal): Promise<void> => {
  await pause(ms, signal)
  if (signal.aborted)
    throw new Stopped('⏸️ R.O.M.A.N.’s Discord app restarts. The rollback goes on; the alerts tell how it ends.')
}
