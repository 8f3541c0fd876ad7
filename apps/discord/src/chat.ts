import {
  type APIActionRowComponent,
  type APIButtonComponent,
  type APIMessage,
  type APIUser,
  ButtonStyle,
  ComponentType,
  DiscordAPIError,
  MessageFlags,
  RateLimitError,
  REST,
  RESTJSONErrorCodes,
  Routes,
} from 'discord.js'
import { type Button, type Chat, ChatError, type MessagePlace } from './ports.ts'

/** Longer than this we do not hold a request back for a rate limit: the caller comes back instead. */
const RATE_LIMIT_WAIT_MAX_MS = 15_000
const REQUEST_TIMEOUT_MS = 15_000

/** Text from people and programs never reaches anybody it names. */
const NO_MENTIONS = { parse: [] }
const FLAGS = MessageFlags.SuppressEmbeds

/**
 * Writing over Discord's REST API. It needs no gateway connection: announcements go out as soon as REST answers, and after
 * a restart messages are edited by their ids alone.
 */
export const createChat = (options: { token: string; rest_api_url?: string }): Chat => {
  const rest = new REST({
    ...(options.rest_api_url === undefined ? {} : { api: options.rest_api_url }),
    timeout: REQUEST_TIMEOUT_MS,
    rejectOnRateLimit: ({ retryAfter, timeToReset }) => Math.max(retryAfter, timeToReset) > RATE_LIMIT_WAIT_MAX_MS,
  }).setToken(options.token)

  return {
    identify: () =>
      translated('its own identity', async () => {
        const { id, username } = (await rest.get(Routes.user())) as APIUser
        return { bot_id: id, name: username }
      }),
    create: ({ channel_id, content, nonce, reply_to, buttons }) =>
      translated(`channel ${channel_id}`, async () => {
        const message = (await rest.post(Routes.channelMessages(channel_id), {
          body: {
            content,
            nonce,
            enforce_nonce: true,
            flags: FLAGS,
            allowed_mentions: NO_MENTIONS,
            ...(reply_to === undefined
              ? {}
              : { message_reference: { message_id: reply_to, fail_if_not_exists: false } }),
            ...(buttons === undefined ? {} : { components: [row(buttons)] }),
          },
        })) as APIMessage
        return { channel_id, message_id: message.id, content: message.content }
      }),
    edit: ({ channel_id, message_id }: MessagePlace, content) =>
      translated(`message ${message_id} in channel ${channel_id}`, async () => {
        try {
          const body = { content, flags: FLAGS, allowed_mentions: NO_MENTIONS }
          await rest.patch(Routes.channelMessage(channel_id, message_id), { body })
        } catch (error) {
          if (!isDeleted(error)) throw error
        }
      }),
  }
}

const isDeleted = (error: unknown): boolean =>
  error instanceof DiscordAPIError && error.code === RESTJSONErrorCodes.UnknownMessage

const row = (buttons: Button[]): APIActionRowComponent<APIButtonComponent> => ({
  type: ComponentType.ActionRow,
  components: buttons.map(({ custom_id, label, style }) => ({
    type: ComponentType.Button,
    custom_id,
    label,
    style: style === 'success' ? ButtonStyle.Success : ButtonStyle.Danger,
  })),
})

const WAYS_OUT: Record<number, string> = {
  [RESTJSONErrorCodes.UnknownChannel]:
    'Set discord.alert_channel_id in roman.yaml to a channel of the server that the bot is in.',
  [RESTJSONErrorCodes.MissingAccess]: 'Give the bot "View Channel" there.',
  [RESTJSONErrorCodes.MissingPermissions]: 'Give the bot "Send Messages" and "View Channel" there.',
}

const translated = async <T>(where: string, call: () => Promise<T>): Promise<T> => {
  try {
    return await call()
  } catch (error) {
    throw toChatError(error, where)
  }
}

const toChatError = (cause: unknown, where: string): ChatError => {
  if (cause instanceof RateLimitError) {
    const retryAfterMs = Math.max(cause.retryAfter, cause.timeToReset)
    return new ChatError('rate_limited', `Discord's rate limit holds for ${retryAfterMs} ms.`, { cause, retryAfterMs })
  }
  if (!(cause instanceof DiscordAPIError)) {
    return new ChatError('unavailable', `Discord does not answer for ${where}.`, { cause })
  }
  const wayOut = WAYS_OUT[Number(cause.code)]
  const said = `Discord refuses ${where}: ${cause.message} (${cause.code}).${wayOut === undefined ? '' : ` ${wayOut}`}`
  if (cause.status === 401) {
    return new ChatError('token', 'Discord does not take the bot token. Set DISCORD_TOKEN to a valid one.', { cause })
  }
  if (cause.status === 403) return new ChatError('forbidden', said, { cause })
  if (cause.status === 404) return new ChatError('unknown', said, { cause })
  return new ChatError('rejected', said, { cause })
}
