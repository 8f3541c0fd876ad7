import type { RomanConfig } from '@roman/contracts'
import { type RuntimeEnv, taskQueues } from '@roman/runtime'

export interface DiscordAppConfig {
  token: string
  /** Another Discord than discord.com, such as the stand-in. */
  rest_api_url?: string
  alert_channel_id: string
  approver_role_ids: string[]
  override_role_ids: string[]
  roman_url: string
  roman_key: string
  temporal_address: string
  namespace: string
  task_queue: string
}

/** What this process needs of the environment and of roman.yaml. Throws with what is missing and where it goes. */
export const configOf = (
  env: Pick<RuntimeEnv, 'discord' | 'service_key' | 'roman_url' | 'temporal' | 'task_queue_prefix'>,
  { discord }: Pick<RomanConfig, 'discord'>,
): DiscordAppConfig => {
  if (env.discord.token === undefined)
    throw new Error('DISCORD_TOKEN is not set. Set it to the bot token of your Discord app.')
  if (env.service_key === undefined) throw new Error('ROMAN_KEY is not set. Set it to the service key of the API.')
  if (discord === undefined) {
    throw new Error('roman.yaml has no section "discord". Add one with alert_channel_id and approver_role_ids.')
  }
  return {
    token: env.discord.token,
    ...(env.discord.api_url === undefined ? {} : { rest_api_url: env.discord.api_url }),
    ...discord,
    roman_url: env.roman_url,
    roman_key: env.service_key,
    temporal_address: env.temporal.address,
    namespace: env.temporal.namespace,
    task_queue: taskQueues(env).discord,
  }
}
