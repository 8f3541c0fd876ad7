import type { Logger } from '@roman/runtime'
import {
  type ButtonInteraction,
  Client,
  DiscordjsErrorCodes,
  Events,
  GatewayIntentBits,
  type Message,
  MessageFlags,
} from 'discord.js'
import type { Mention } from './converse.ts'
import type { ButtonClick } from './decision-buttons.ts'
import { type Pace, pause, persist } from './pace.ts'

export interface GatewayParts {
  token: string
  rest_api_url?: string
  pace: Pace
  log: Logger
  /** Aborts when the process stops. */
  signal: AbortSignal
  onMention(mention: Mention): Promise<void>
  onClick(click: ButtonClick): Promise<void>
}

/** Thrown where no retry helps: the token is wrong, or the bot asks for what it may not have. */
class GatewayRefused extends Error {
  override readonly name = 'GatewayRefused'
}

/** A gateway that accepts connections and then says nothing must not hold a login for ever. */
const LOGIN_MAX_MS = 90_000
/** Close codes after which Discord wants no reconnect: bad token, shard, version or intents. */
const FINAL_CLOSES = new Set([4004, 4010, 4011, 4012, 4013, 4014])
const REFUSALS = /Authentication failed|Used disallowed intents|Used invalid intents|invalid token/i

/**
 * Listens on Discord's gateway until `signal` aborts: logs in with patience, and lets discord.js resume what breaks later.
 * Needs no privileged intent: a message that mentions the bot carries its text. Rejects with `GatewayRefused`.
 */
export const listen = async (parts: GatewayParts, onReady: () => void): Promise<void> => {
  const { log, signal, pace } = parts
  const client = await persist(() => login(parts), {
    pace,
    signal,
    isFinal: (error) => error instanceof GatewayRefused,
    onFailure: (error, tries) => log.warn({ reason: (error as Error).message, tries }, 'Waiting for Discord'),
  })
  if (client === undefined) return
  onReady()
  try {
    await ended(client, signal)
  } finally {
    await client.destroy()
  }
}

const login = async (parts: GatewayParts): Promise<Client<true>> => {
  // A client that failed to log in has given up its token and its connections: each attempt has a new one.
  const client = new Client({
    intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages],
    ...(parts.rest_api_url === undefined ? {} : { rest: { api: parts.rest_api_url } }),
    allowedMentions: { parse: [] },
  })
  client.on(Events.Error, (error) => parts.log.warn({ reason: error.message }, 'Discord connection'))
  client.on(Events.ShardError, (error) => parts.log.warn({ reason: error.message }, 'Discord connection'))
  client.on(Events.MessageCreate, (message) => {
    const mention = toMention(message)
    if (mention !== null) contained(parts.log, parts.onMention(mention))
  })
  client.on(Events.InteractionCreate, (interaction) => {
    if (interaction.isButton()) contained(parts.log, parts.onClick(toClick(interaction)))
  })
  const done = new AbortController()
  const tooLong = pause(LOGIN_MAX_MS, AbortSignal.any([parts.signal, done.signal])).then(() => {
    throw new Error(`Discord's gateway did not let us in within ${LOGIN_MAX_MS / 1000} s.`)
  })
  try {
    await Promise.race([client.login(parts.token), tooLong])
    return client as Client<true>
  } catch (error) {
    await client.destroy()
    throw isRefusal(error) ? new GatewayRefused(refusalText(error), { cause: error }) : error
  } finally {
    done.abort()
    tooLong.catch(() => {})
  }
}

/** Resolves when the process stops, rejects when Discord wants no reconnect. */
const ended = (client: Client, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
    client.on(Events.ShardDisconnect, ({ code }) => {
      if (FINAL_CLOSES.has(code)) reject(new GatewayRefused(`Discord closed the connection for good (${code}).`))
    })
  })

const isRefusal = (error: unknown): boolean =>
  error instanceof Error &&
  ((error as { code?: unknown }).code === DiscordjsErrorCodes.TokenInvalid || REFUSALS.test(error.message))

const refusalText = (error: unknown): string =>
  /intents/i.test((error as Error).message)
    ? `Discord refuses the connection: ${(error as Error).message}.`
    : 'Discord does not take the bot token. Set DISCORD_TOKEN to a valid one.'

/** An error in one conversation ends that one; the process lives on. */
const contained = (log: Logger, work: Promise<void>): void => {
  work.catch((error) => log.error({ err: error }, 'A conversation failed'))
}

/** Null where the message is not for us: it must begin with our mention, as the command form does. */
const toMention = (message: Message): Mention | null => {
  const me = message.client.user.id
  const said = /^\s*<@!?(\d+)>([\s\S]*)$/.exec(message.content)
  const toUs = said !== null && said[1] === me
  // Our role has our name, and stands beside us in the list that Discord offers for "@".
  const toRole = message.mentions.roles.some((role) => role.tags?.botId === me)
  if (message.author.bot || (!toUs && !toRole)) return null
  return {
    message_id: message.id,
    channel_id: message.channelId,
    person: {
      id: message.author.id,
      name: message.member?.displayName ?? message.author.displayName,
      role_ids: [...(message.member?.roles.cache.keys() ?? [])],
    },
    text: toUs ? (said[2] ?? '') : null,
  }
}

const toClick = (interaction: ButtonInteraction): ButtonClick => {
  const { member } = interaction
  const whisper = { flags: MessageFlags.Ephemeral, allowedMentions: { parse: [] } } as const
  return {
    interaction_id: interaction.id,
    custom_id: interaction.customId,
    content: interaction.message.content,
    person: {
      id: interaction.user.id,
      name: (member !== null && 'displayName' in member ? member.displayName : null) ?? interaction.user.displayName,
      role_ids: member === null ? [] : Array.isArray(member.roles) ? member.roles : [...member.roles.cache.keys()],
    },
    whisper: async (content) => {
      if (interaction.deferred || interaction.replied) await interaction.followUp({ content, ...whisper })
      else await interaction.reply({ content, ...whisper })
    },
    acknowledge: async () => {
      await interaction.deferUpdate()
    },
    close: async (content) => {
      await interaction.editReply({ content, components: [], allowedMentions: { parse: [] } })
    },
  }
}
