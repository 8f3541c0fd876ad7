import { EventEmitter } from 'node:events'
import {
  type APIMessage,
  type APIUser,
  ComponentType,
  InteractionResponseType,
  InteractionType,
  MessageFlags,
} from 'discord-api-types/v10'
import { alreadyAcknowledged, unknownInteraction, unknownWebhook } from './errors.ts'
import type { Guild } from './guild.ts'
import type { MessageBody, Messages, Stored } from './messages.ts'
import { snowflake } from './snowflake.ts'

/** Discord's bound for the first answer; after it people read "This interaction failed". */
const ANSWER_WITHIN_MS = 3_000

/** One click and all that the bot answered to it. Grows while the bot goes on answering. */
export interface Click {
  id: string
  member_id: string
  message_id: string
  custom_id: string
  /** The first answer's type; null while there is none, and for good once Discord has given up waiting. */
  answer: InteractionResponseType | null
  failed: boolean
  /** Texts that only the one who clicked sees. */
  whispers: string[]
  /** Texts of answers that everybody sees. */
  replies: string[]
}

interface Live {
  click: Click
  token: string
  channelId: string
  /** What PATCH @original edits. */
  original: Stored | null
}

/** Interactions by components: INTERACTION_CREATE, its callback, and the webhook that follows. */
export class Interactions extends EventEmitter<{ answered: [Click] }> {
  readonly #live = new Map<string, Live>()
  readonly #guild: Guild
  readonly #messages: Messages

  constructor(guild: Guild, messages: Messages) {
    super()
    this.#guild = guild
    this.#messages = messages
  }

  /** The event to dispatch, and the record that its answers go to. Throws where no such button is to be seen. */
  click(memberId: string, messageId: string, customId: string): { click: Click; event: unknown } {
    const { message } = this.#messages.get(messageId)
    const member = this.#guild.member(memberId)
    if (!customIds(message).includes(customId)) {
      throw new Error(
        `Message ${messageId} has no button ${customId}. It has ${customIds(message).join(', ') || 'none'}.`,
      )
    }
    const token = `interaction-${snowflake()}`
    const click: Click = {
      id: snowflake(),
      member_id: memberId,
      message_id: messageId,
      custom_id: customId,
      answer: null,
      failed: false,
      whispers: [],
      replies: [],
    }
    this.#live.set(click.id, { click, token, channelId: message.channel_id, original: null })
    const event = {
      id: click.id,
      application_id: this.#guild.bot.id,
      type: InteractionType.MessageComponent,
      data: { custom_id: customId, component_type: ComponentType.Button, id: 1 },
      guild_id: this.#guild.id,
      guild: { id: this.#guild.id, locale: 'en-US', features: [] },
      guild_locale: 'en-US',
      channel_id: message.channel_id,
      channel: this.#guild.channels.get(message.channel_id),
      member: { user: member.user, ...this.#guild.memberPart(memberId), permissions: '2147568640' },
      token,
      version: 1,
      locale: 'en-US',
      app_permissions: '2147568640',
      message,
      entitlements: [],
      authorizing_integration_owners: { '0': this.#guild.id },
      context: 0,
      attachment_size_limit: 10_485_760,
    }
    return { click, event }
  }

  /** Resolves with the first answer, or with `failed` once Discord would have given up. */
  answered(click: Click): Promise<Click> {
    return new Promise((resolve) => {
      const settle = (answered: Click) => {
        if (answered !== click) return
        clearTimeout(timer)
        this.off('answered', settle)
        resolve(click)
      }
      const timer = setTimeout(() => {
        click.failed = true
        settle(click)
      }, ANSWER_WITHIN_MS)
      this.on('answered', settle)
    })
  }

  /** POST /interactions/:id/:token/callback */
  callback(bot: APIUser, id: string, token: string, body: { type: number; data?: MessageBody }): void {
    const live = this.#live.get(id)
    if (live === undefined || live.token !== token || live.click.failed) throw unknownInteraction()
    if (live.click.answer !== null) throw alreadyAcknowledged()
    if (body.type === InteractionResponseType.ChannelMessageWithSource) {
      live.original = this.#say(bot, live, body.data ?? {})
    } else {
      live.original = this.#messages.get(live.click.message_id)
      if (body.type === InteractionResponseType.UpdateMessage) {
        this.#messages.edit(bot, live.click.message_id, body.data ?? {})
      }
    }
    live.click.answer = body.type
    this.emit('answered', live.click)
  }

  /** PATCH /webhooks/:application/:token/messages/@original */
  editOriginal(bot: APIUser, token: string, body: MessageBody): APIMessage {
    const { original } = this.#byToken(token)
    if (original === null) throw unknownWebhook()
    return this.#messages.edit(bot, original.message.id, body).message
  }

  original(token: string): APIMessage {
    const { original } = this.#byToken(token)
    if (original === null) throw unknownWebhook()
    return original.message
  }

  /** POST /webhooks/:application/:token */
  followUp(bot: APIUser, token: string, body: MessageBody): APIMessage {
    return this.#say(bot, this.#byToken(token), body).message
  }

  #byToken(token: string): Live {
    const live = [...this.#live.values()].find((candidate) => candidate.token === token)
    if (live === undefined) throw unknownWebhook()
    return live
  }

  #say(bot: APIUser, live: Live, body: MessageBody): Stored {
    const whispered = ((body.flags ?? 0) & MessageFlags.Ephemeral) !== 0
    const stored = this.#messages.create(bot, live.channelId, body, { keep: !whispered })
    const texts = whispered ? live.click.whispers : live.click.replies
    texts.push(stored.message.content)
    return stored
  }
}

export const customIds = (message: APIMessage): string[] =>
  (message.components ?? []).flatMap((row) =>
    'components' in row
      ? (row.components as { custom_id?: string; disabled?: boolean }[])
          .filter(({ disabled }) => disabled !== true)
          .flatMap(({ custom_id }) => (custom_id === undefined ? [] : [custom_id]))
      : [],
  )
