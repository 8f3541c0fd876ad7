import { EventEmitter } from 'node:events'
import {
  AllowedMentionsTypes,
  type APIAllowedMentions,
  type APIMessage,
  type APIUser,
  ChannelType,
  type MessageFlags,
  MessageType,
  type RESTPostAPIChannelMessageJSONBody,
} from 'discord-api-types/v10'
import { emptyMessage, invalidForm, othersMessage, unknownMessage } from './errors.ts'
import { snowflake } from './snowflake.ts'

const CONTENT_MAX = 2_000
const NONCE_MAX = 25
const NONCE_REMEMBERED_MS = 5 * 60_000
const CUSTOM_ID_MAX = 100

export type MessageBody = Pick<
  RESTPostAPIChannelMessageJSONBody,
  'content' | 'nonce' | 'enforce_nonce' | 'allowed_mentions' | 'message_reference' | 'components' | 'embeds' | 'flags'
>

export interface Stored {
  message: APIMessage
  /** Every content it had, oldest first; the last is what people see. */
  history: string[]
  allowed_mentions: APIAllowedMentions | null
  nonce: string | number | null
}

/** All messages of the guild, with what Discord checks before it takes one. Emits `create` and `edit` with a `Stored`. */
export class Messages extends EventEmitter<{ create: [Stored]; edit: [Stored] }> {
  readonly #stored = new Map<string, Stored>()
  readonly #users: (id: string) => APIUser | undefined

  constructor(users: (id: string) => APIUser | undefined) {
    super()
    this.#users = users
  }

  /** With `enforce_nonce`, the message that the same author made with that nonce lately, instead of a second one. */
  create(author: APIUser, channelId: string, body: MessageBody, options: { keep?: boolean } = {}): Stored {
    check(body)
    if (!body.content && !body.embeds?.length && !body.components?.length) throw emptyMessage()
    const nonce = body.nonce ?? null
    const twin = body.enforce_nonce === true && nonce !== null ? this.#byNonce(author.id, channelId, nonce) : undefined
    if (twin !== undefined) return twin
    const replied = this.#replied(body)
    const content = body.content ?? ''
    const stored: Stored = {
      message: {
        id: snowflake(),
        channel_id: channelId,
        author,
        content,
        timestamp: new Date().toISOString(),
        edited_timestamp: null,
        tts: false,
        mentions: [],
        mention_everyone: false,
        mention_roles: [],
        attachments: [],
        embeds: [],
        pinned: false,
        type: replied === undefined ? MessageType.Default : MessageType.Reply,
        flags: (body.flags ?? 0) as MessageFlags,
        components: (body.components ?? []) as NonNullable<APIMessage['components']>,
        channel_type: ChannelType.GuildText,
        ...(nonce === null ? {} : { nonce }),
        ...(replied === undefined
          ? {}
          : { message_reference: { channel_id: channelId, message_id: replied.id }, referenced_message: replied }),
      } as APIMessage,
      history: [content],
      allowed_mentions: body.allowed_mentions ?? null,
      nonce,
    }
    Object.assign(stored.message, this.#mentions(content, body.allowed_mentions))
    if (options.keep !== false) this.#stored.set(stored.message.id, stored)
    this.emit('create', stored)
    return stored
  }

  edit(author: APIUser, id: string, body: MessageBody): Stored {
    const stored = this.get(id)
    if (stored.message.author.id !== author.id) throw othersMessage()
    check(body)
    if (body.content !== undefined) {
      stored.message.content = body.content ?? ''
      stored.history.push(stored.message.content)
      Object.assign(stored.message, this.#mentions(stored.message.content, body.allowed_mentions))
    }
    if (body.components !== undefined) {
      stored.message.components = body.components as NonNullable<APIMessage['components']>
    }
    if (body.flags !== undefined) stored.message.flags = body.flags as MessageFlags
    if (body.allowed_mentions !== undefined) stored.allowed_mentions = body.allowed_mentions
    stored.message.edited_timestamp = new Date().toISOString()
    this.emit('edit', stored)
    return stored
  }

  get(id: string): Stored {
    const stored = this.#stored.get(id)
    if (stored === undefined) throw unknownMessage()
    return stored
  }

  delete(id: string): void {
    this.#stored.delete(id)
  }

  /** Oldest first. */
  in(channelId: string): Stored[] {
    return [...this.#stored.values()].filter(({ message }) => message.channel_id === channelId)
  }

  #byNonce(authorId: string, channelId: string, nonce: string | number): Stored | undefined {
    const since = Date.now() - NONCE_REMEMBERED_MS
    return this.in(channelId).find(
      ({ message, nonce: used }) =>
        used === nonce && message.author.id === authorId && Date.parse(message.timestamp) >= since,
    )
  }

  #replied(body: MessageBody): APIMessage | undefined {
    const reference = body.message_reference
    if (reference?.message_id === undefined) return undefined
    const stored = this.#stored.get(reference.message_id)
    if (stored === undefined && reference.fail_if_not_exists !== false) {
      throw invalidForm('message_reference', 'REPLIES_UNKNOWN_MESSAGE', 'Unknown message')
    }
    return stored?.message
  }

  /** Whom a text really reaches: everything it names, unless `allowed_mentions` says less. */
  #mentions(content: string, allowed: APIAllowedMentions | undefined) {
    const parses = (type: AllowedMentionsTypes) => allowed?.parse?.includes(type) ?? allowed === undefined
    const users = parses(AllowedMentionsTypes.User) ? ids(content, /<@!?(\d+)>/g) : (allowed?.users ?? [])
    const roles = parses(AllowedMentionsTypes.Role) ? ids(content, /<@&(\d+)>/g) : (allowed?.roles ?? [])
    return {
      mentions: users.map((id) => this.#users(id)).filter((user) => user !== undefined),
      mention_roles: roles,
      mention_everyone: parses(AllowedMentionsTypes.Everyone) && /@(everyone|here)\b/.test(content),
    }
  }
}

const ids = (content: string, pattern: RegExp): string[] => [
  ...new Set([...content.matchAll(pattern)].map((match) => String(match[1]))),
]

const check = (body: MessageBody): void => {
  if ((body.content?.length ?? 0) > CONTENT_MAX) {
    throw invalidForm('content', 'BASE_TYPE_MAX_LENGTH', `Must be ${CONTENT_MAX} or fewer in length.`)
  }
  if (typeof body.nonce === 'string' && body.nonce.length > NONCE_MAX) {
    throw invalidForm('nonce', 'NONCE_TYPE_TOO_LONG', `Must be ${NONCE_MAX} or fewer in length.`)
  }
  const seen = new Set<string>()
  for (const [row, container] of (body.components ?? []).entries()) {
    const buttons = ('components' in container ? container.components : []) as { custom_id?: string; label?: string }[]
    if (buttons.length < 1 || buttons.length > 5) {
      throw invalidForm(`components.${row}.components`, 'BASE_TYPE_BAD_LENGTH', 'Must be between 1 and 5 in length.')
    }
    for (const [index, { custom_id: customId = '' }] of buttons.entries()) {
      const path = `components.${row}.components.${index}.custom_id`
      if (customId.length > CUSTOM_ID_MAX) {
        throw invalidForm(path, 'BASE_TYPE_MAX_LENGTH', `Must be ${CUSTOM_ID_MAX} or fewer in length.`)
      }
      if (seen.has(customId)) {
        throw invalidForm(path, 'COMPONENT_CUSTOM_ID_DUPLICATED', 'Component custom id cannot be duplicated')
      }
      seen.add(customId)
    }
  }
}
