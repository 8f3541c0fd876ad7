import { createLogger } from '@roman/runtime'
import { type DiscordStandIn, startDiscord } from '@roman/testing/discord'
import type { DiscordAppConfig } from '../src/config.ts'
import { type DiscordApp, startDiscordApp } from '../src/context.ts'
import type { Pace } from '../src/pace.ts'
import { RomanDouble, StoreDouble } from './roman-double.ts'

export const QUICK: Pace = {
  poll_ms: 10,
  edit_ms: 10,
  retry_ms: 20,
  retry_max_ms: 100,
  patience_ms: 2_000,
  follow_max_ms: 20_000,
}

export const configFor = (discord: DiscordStandIn): DiscordAppConfig => ({
  token: discord.token,
  rest_api_url: discord.apiUrl,
  alert_channel_id: discord.channelId,
  approver_role_ids: [discord.roles.approver],
  override_role_ids: [discord.roles.overrider],
  roman_url: 'http://127.0.0.1:1',
  roman_key: 'unused',
  temporal_address: '127.0.0.1:1',
  namespace: 'default',
  task_queue: 'roman-discord',
})

/** The whole app against the Discord stand-in, with Temporal away: commands need none of it. */
export const startAll = async (
  options: { config?: Partial<DiscordAppConfig>; pace?: Partial<Pace> } = {},
): Promise<{
  discord: DiscordStandIn
  roman: RomanDouble
  members: { approver: string; overrider: string; nobody: string }
  app: DiscordApp
  restart(): Promise<void>
  close(): Promise<void>
}> => {
  const discord = await startDiscord({ rateLimit: { limit: 1_000, per_seconds: 5 } })
  const roman = new RomanDouble()
  const members = {
    approver: discord.addMember({ name: 'Ada', roles: [discord.roles.approver] }),
    overrider: discord.addMember({ name: 'Grace', roles: [discord.roles.overrider] }),
    nobody: discord.addMember({ name: 'Mallory' }),
  }
  const start = () =>
    startDiscordApp(
      { ...configFor(discord), ...options.config },
      {
        api: roman,
        store: new StoreDouble(roman),
        log: createLogger('discord', 'silent'),
        pace: { ...QUICK, ...options.pace },
        connectTemporal: async () => {
          throw new Error('Temporal is away.')
        },
      },
    )
  const all = {
    discord,
    roman,
    members,
    app: start(),
    restart: async () => {
      await all.app.stop()
      all.app = start()
      await all.app.listening
    },
    close: async () => {
      await all.app.stop()
      await discord.close()
    },
  }
  return all
}
