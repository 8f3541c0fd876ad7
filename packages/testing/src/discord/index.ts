import type { AddressInfo } from 'node:net'
import {
  type APIAllowedMentions,
  type APIMessageReference,
  GatewayDispatchEvents,
  GatewayIntentBits,
} from 'discord-api-types/v10'
import { type ConversationLine, messageLine } from './conversation.ts'
import { Gateway } from './gateway.ts'
import { Guild } from './guild.ts'
import { type Click, customIds, Interactions } from './interactions.ts'
import { Messages, type Stored } from './messages.ts'
import { Outage } from './outage.ts'
import { type RateLimit, RateLimits, USUAL_LIMIT } from './rate-limits.ts'
import { createRest } from './rest.ts'

export type { ConversationLine } from './conversation.ts'
export type { Click } from './interactions.ts'
export type { RestFault } from './outage.ts'
export type { RateLimit } from './rate-limits.ts'

export interface DiscordOptions {
  /** A free one when left out. */
  port?: number
  token?: string
  botName?: string
  heartbeatIntervalMs?: number
  /** Of every route, for each channel. */
  rateLimit?: RateLimit
}

/** A message as it stands, with how it came to be. */
export interface SeenMessage {
  id: string
  channel_id: string
  author: { id: string; name: string; bot: boolean }
  content: string
  /** Every content it had, oldest first; the last is `content`. */
  history: string[]
  /** Buttons that can be clicked. */
  custom_ids: string[]
  reply_to: string | null
  allowed_mentions: APIAllowedMentions | null
  /** Whom it really reached. */
  mentioned: { users: string[]; roles: string[]; everyone: boolean }
  nonce: string | number | null
  flags: number
}

/** A Discord of one guild with a bot, a channel and two roles, over real HTTP and a real WebSocket on 127.0.0.1. */
export interface DiscordStandIn {
  /** For discord.js: `rest: { api: apiUrl }`. */
  apiUrl: string
  token: string
  guildId: string
  channelId: string
  botId: string
  /** `approver` and `overrider` are what configuration may name; `bot` is the bot's own managed role. */
  roles: { approver: string; overrider: string; bot: string }
  addRole(name: string): string
  addChannel(name: string): string
  /** Answers with the member's id. */
  addMember(member: { id?: string; name: string; roles?: string[] }): string
  /** A member writes: `@<bot name>` becomes a mention of the bot. MESSAGE_CREATE goes out; answers with the message's id. */
  say(memberId: string, content: string, options?: { channelId?: string }): string
  /** The gateway delivers a message once more. */
  redeliver(messageId: string): void
  /** Resolves with the bot's first answer, or `failed` after Discord's three seconds. */
  click(memberId: string, messageId: string, customId: string): Promise<Click>
  /** Oldest first; the first channel's when left out. */
  messages(channelId?: string): SeenMessage[]
  message(id: string): SeenMessage
  /** A moderator removes a message. */
  deleteMessage(id: string): void
  /** Resolves with the first message that fits, now or once it does. */
  waitForMessage(fits: (message: SeenMessage) => boolean, timeoutMs?: number): Promise<SeenMessage>
  /** What people in the guild would see, as it happens. Answers with how to stop listening. */
  conversation(listener: (line: ConversationLine) => void): () => void
  /** Gateway connections that are up. */
  connected(): number
  outage: Pick<Outage, 'rest' | 'gateway' | 'denyChannel' | 'restore'>
  close(): Promise<void>
}

export const startDiscord = async (options: DiscordOptions = {}): Promise<DiscordStandIn> => {
  const token = options.token ?? 'MTIzNDU2Nzg5MDEyMzQ1Njc4.stand-in.token-of-a-local-discord'
  const guild = new Guild(options.botName ?? 'R.O.M.A.N.')
  const channelId = guild.addChannel('deployments')
  const roles = {
    approver: guild.addRole('approver'),
    overrider: guild.addRole('overrider'),
    bot: guild.botRoleId,
  }
  const messages = new Messages((id) => guild.members.get(id)?.user)
  const interactions = new Interactions(guild, messages)
  const gateway = new Gateway({
    token,
    heartbeatIntervalMs: options.heartbeatIntervalMs ?? 41_250,
    identity: () => ({ user: guild.bot, application: { id: guild.bot.id, flags: 0 }, guilds: [guild.snapshot()] }),
  })
  const outage = new Outage(gateway)
  const rest = createRest({
    token,
    gatewayUrl: () => gateway.url,
    guild,
    messages,
    interactions,
    limits: new RateLimits(options.rateLimit ?? USUAL_LIMIT),
    outage,
  })
  gateway.attach(rest.server)
  await rest.listen({ host: '127.0.0.1', port: options.port ?? 0 })
  const { port } = rest.server.address() as AddressInfo
  gateway.url = `ws://127.0.0.1:${port}`

  const listeners = new Set<(line: ConversationLine) => void>()
  const tell = (line: ConversationLine) => {
    for (const listener of listeners) listener(line)
  }
  const dispatch = (event: GatewayDispatchEvents, { message }: Stored) =>
    gateway.dispatch(event, (intents) => messageEvent(guild, message, intents), GatewayIntentBits.GuildMessages)
  // What only one member sees is no news to the guild.
  const isPublic = ({ message }: Stored) => ((message.flags ?? 0) & EPHEMERAL) === 0
  messages.on('create', (stored) => {
    if (!isPublic(stored)) return
    dispatch(GatewayDispatchEvents.MessageCreate, stored)
    tell(messageLine(guild, 'message', stored))
  })
  messages.on('edit', (stored) => {
    dispatch(GatewayDispatchEvents.MessageUpdate, stored)
    tell(messageLine(guild, 'edit', stored))
  })

  const all = () => [...guild.channels.keys()].flatMap((id) => messages.in(id)).map(seen)
  return {
    apiUrl: `http://127.0.0.1:${port}/api`,
    token,
    guildId: guild.id,
    channelId,
    botId: guild.bot.id,
    roles,
    addRole: (name) => guild.addRole(name),
    addChannel: (name) => guild.addChannel(name),
    addMember: ({ roles: given = [], ...member }) => guild.addMember({ ...member, roles: given }),
    say: (memberId, content, { channelId: channel = channelId } = {}) => {
      const text = content.replaceAll(`@${guild.bot.username}`, `<@${guild.bot.id}>`)
      return messages.create(guild.member(memberId).user, channel, { content: text }).message.id
    },
    redeliver: (messageId) => dispatch(GatewayDispatchEvents.MessageCreate, messages.get(messageId)),
    click: (memberId, messageId, customId) => {
      const { click, event } = interactions.click(memberId, messageId, customId)
      tell({
        kind: 'click',
        message_id: messageId,
        author: guild.member(memberId).user.username,
        bot: false,
        text: customId,
        at: new Date(),
      })
      const answered = interactions.answered(click)
      gateway.dispatch(GatewayDispatchEvents.InteractionCreate, () => event)
      return answered
    },
    messages: (channel = channelId) => messages.in(channel).map(seen),
    message: (id) => seen(messages.get(id)),
    deleteMessage: (id) => messages.delete(id),
    waitForMessage: (fits, timeoutMs = 5_000) => waitForMessage(messages, all, fits, timeoutMs),
    conversation: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    connected: () => gateway.connected,
    outage,
    close: async () => {
      gateway.close()
      rest.server.closeAllConnections()
      await rest.close()
    },
  }
}

const EPHEMERAL = 64

/** A message as the gateway carries it. Its text is empty for a bot that is neither its author nor mentioned. */
const messageEvent = (guild: Guild, message: Stored['message'], intents: number): unknown => {
  const mayRead =
    (intents & GatewayIntentBits.MessageContent) !== 0 ||
    message.author.id === guild.bot.id ||
    message.mentions.some(({ id }) => id === guild.bot.id)
  return {
    ...message,
    ...(mayRead ? {} : { content: '', components: [], embeds: [], attachments: [] }),
    guild_id: guild.id,
    member: guild.memberPart(message.author.id),
    mentions: message.mentions.map((user) => ({ ...user, member: guild.memberPart(user.id) })),
  }
}

const seen = ({ message, history, allowed_mentions, nonce }: Stored): SeenMessage => ({
  id: message.id,
  channel_id: message.channel_id,
  author: { id: message.author.id, name: message.author.username, bot: message.author.bot === true },
  content: message.content,
  history: [...history],
  custom_ids: customIds(message),
  reply_to: (message.message_reference as APIMessageReference | undefined)?.message_id ?? null,
  allowed_mentions,
  mentioned: {
    users: message.mentions.map(({ id }) => id),
    roles: message.mention_roles,
    everyone: message.mention_everyone,
  },
  nonce,
  flags: message.flags ?? 0,
})

const waitForMessage = (
  messages: Messages,
  all: () => SeenMessage[],
  fits: (message: SeenMessage) => boolean,
  timeoutMs: number,
): Promise<SeenMessage> =>
  new Promise((resolve, reject) => {
    const look = () => {
      const found = all().find(fits)
      if (found === undefined) return
      stop()
      resolve(found)
    }
    const timer = setTimeout(() => {
      stop()
      const texts = all().map(({ author, content }) => `${author.name}: ${content}`)
      reject(new Error(`No message fits after ${timeoutMs} ms. There are:\n${texts.join('\n---\n')}`))
    }, timeoutMs)
    const stop = () => {
      clearTimeout(timer)
      messages.off('create', look).off('edit', look)
    }
    messages.on('create', look).on('edit', look)
    look()
  })
