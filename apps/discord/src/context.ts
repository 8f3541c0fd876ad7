import { SchemaRefused } from '@roman/db'
import { createLogger, type Logger } from '@roman/runtime'
import { NativeConnection } from '@temporalio/worker'
import { createActivities } from './activities.ts'
import { serveAnnouncements } from './announcer.ts'
import { createChat } from './chat.ts'
import type { DiscordAppConfig } from './config.ts'
import { converse } from './converse.ts'
import { handleClick } from './decision-buttons.ts'
import { listen } from './gateway.ts'
import { type Pace, pause, persist, USUAL_PACE } from './pace.ts'
import { type AnnouncementStore, type Chat, ChatError, type RomanApi } from './ports.ts'
import { createRomanApi } from './roman-api.ts'

/** What the app is made of; tests and main replace or hand in parts. */
export interface DiscordAppParts {
  store: AnnouncementStore
  /** Throws `SchemaRefused` where the store's database is not for this version. */
  checkSchema?: () => Promise<void>
  api?: RomanApi
  chat?: Chat
  log?: Logger
  pace?: Partial<Pace>
  /** How Temporal is reached, where an address alone is not enough. */
  connectTemporal?: () => Promise<NativeConnection>
}

export interface DiscordApp {
  /** Resolves once mentions and buttons are heard. */
  listening: Promise<void>
  /** Resolves once announcements are served. */
  announcing: Promise<void>
  /** Resolves when the app has stopped; rejects with what no waiting can mend, such as a wrong token or a newer schema. */
  finished: Promise<void>
  stop(): Promise<void>
}

/** A promise that is resolved from outside. */
const gate = () => {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}

/** How long conversations get to say that the app stops. */
const GOODBYE_MS = 4_000

/**
 * Starts at once and waits in the background for whatever is away: commands need Discord's gateway and the API,
 * announcements need Discord's REST, PostgreSQL and Temporal, and neither waits for the other.
 */
export const startDiscordApp = (config: DiscordAppConfig, parts: DiscordAppParts): DiscordApp => {
  const log = parts.log ?? createLogger('discord')
  const pace = { ...USUAL_PACE, ...parts.pace }
  const api = parts.api ?? createRomanApi({ url: config.roman_url, key: config.roman_key })
  const chat = parts.chat ?? createChat(config)
  const stopping = new AbortController()
  const { signal } = stopping
  const talks = new Set<Promise<void>>()
  const listening = gate()
  const announcing = gate()

  const during = (talk: Promise<void>): Promise<void> => {
    talks.add(talk)
    return talk.finally(() => talks.delete(talk))
  }

  const run = async (): Promise<void> => {
    const identity = await persist(() => chat.identify(), {
      pace,
      signal,
      isFinal: (error) => error instanceof ChatError && error.fault === 'token',
      onFailure: (error, tries) => log.warn({ reason: (error as Error).message, tries }, 'Waiting for Discord'),
    })
    if (identity === undefined) return
    const botId = identity.bot_id
    const connected = { ...config, pace, log, signal }
    const announceFromNowOn = async (): Promise<void> => {
      await persist(async () => parts.checkSchema?.(), {
        pace,
        signal,
        isFinal: (error) => error instanceof SchemaRefused,
        onFailure: (error, tries) => log.warn({ reason: (error as Error).message, tries }, 'Waiting for PostgreSQL'),
      })
      if (signal.aborted) return
      await serveAnnouncements(
        {
          ...connected,
          connect: parts.connectTemporal ?? (() => NativeConnection.connect({ address: config.temporal_address })),
          activities: createActivities({ chat, store: parts.store, channel_id: config.alert_channel_id, botId, pace }),
        },
        () => {
          log.info({ task_queue: config.task_queue }, 'Announcing in Discord')
          announcing.open()
        },
      )
    }
    await Promise.all([
      listen(
        {
          ...connected,
          onMention: (mention) => during(converse({ chat, api, roles: config, pace, signal, botId }, mention)),
          onClick: (click) => during(handleClick({ api, roles: config, botId }, click)),
        },
        () => {
          log.info({ bot: identity.name }, 'Listening on Discord')
          listening.open()
        },
      ),
      announceFromNowOn(),
    ])
  }

  const finished = run().catch((error) => {
    // What is left of the two ends too: a process that does half its work looks as if it did all of it.
    stopping.abort()
    throw error
  })
  const stop = async (): Promise<void> => {
    stopping.abort()
    await Promise.race([Promise.allSettled([...talks]), pause(GOODBYE_MS, new AbortController().signal)])
    await finished.catch(() => {})
  }
  return { listening: listening.opened, announcing: announcing.opened, finished, stop }
}
