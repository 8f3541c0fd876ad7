import {
  type APIGuildMember,
  type APIRole,
  type APITextChannel,
  type APIUser,
  ChannelType,
  type GatewayGuildCreateDispatchData,
  GuildDefaultMessageNotifications,
  GuildExplicitContentFilter,
  GuildMemberFlags,
  GuildMFALevel,
  GuildNSFWLevel,
  GuildPremiumTier,
  GuildSystemChannelFlags,
  GuildVerificationLevel,
  Locale,
} from 'discord-api-types/v10'
import { snowflake } from './snowflake.ts'

const JOINED_AT = '2026-01-01T00:00:00.000000+00:00'
/** View channels, send messages, embed links, read history, use application commands. */
const EVERYDAY_PERMISSIONS = '2147568640'

export interface Member {
  user: APIUser
  roles: string[]
}

/** Who and what there is: one guild with its roles, members and text channels, in Discord's shapes. */
export class Guild {
  readonly id = snowflake()
  readonly bot: APIUser
  readonly botRoleId: string
  readonly members = new Map<string, Member>()
  readonly channels = new Map<string, APITextChannel>()
  readonly #roles = new Map<string, APIRole>()

  constructor(botName: string) {
    this.#roles.set(this.id, role(this.id, '@everyone', 0))
    this.bot = user(snowflake(), botName, true)
    this.botRoleId = this.addRole(botName, { bot_id: this.bot.id })
    this.members.set(this.bot.id, { user: this.bot, roles: [this.botRoleId] })
  }

  addRole(name: string, tags?: APIRole['tags']): string {
    const made = role(snowflake(), name, this.#roles.size, tags)
    this.#roles.set(made.id, made)
    return made.id
  }

  addChannel(name: string): string {
    const id = snowflake()
    this.channels.set(id, {
      id,
      type: ChannelType.GuildText,
      guild_id: this.id,
      name,
      position: this.channels.size,
      permission_overwrites: [],
      nsfw: false,
      topic: null,
      last_message_id: null,
      parent_id: null,
      rate_limit_per_user: 0,
    })
    return id
  }

  addMember(member: { id?: string; name: string; roles: string[] }): string {
    const unknown = member.roles.find((id) => !this.#roles.has(id))
    if (unknown !== undefined) throw new Error(`There is no role ${unknown}. Make it with addRole first.`)
    const id = member.id ?? snowflake()
    this.members.set(id, { user: user(id, member.name, false), roles: member.roles })
    return id
  }

  member(id: string): Member {
    const found = this.members.get(id)
    if (found === undefined) throw new Error(`There is no member ${id}. Make it with addMember first.`)
    return found
  }

  /** A member as events carry it, without its user. */
  memberPart(id: string): Omit<APIGuildMember, 'user'> {
    return {
      nick: null,
      roles: this.member(id).roles,
      joined_at: JOINED_AT,
      deaf: false,
      mute: false,
      flags: GuildMemberFlags.StartedOnboarding,
    }
  }

  /** The whole guild, as GUILD_CREATE gives it to a client that may see its own member only. */
  snapshot(): GatewayGuildCreateDispatchData {
    return {
      id: this.id,
      name: 'R.O.M.A.N. stand-in',
      icon: null,
      splash: null,
      discovery_splash: null,
      owner_id: this.bot.id,
      region: 'deprecated',
      afk_channel_id: null,
      afk_timeout: 300,
      verification_level: GuildVerificationLevel.None,
      default_message_notifications: GuildDefaultMessageNotifications.OnlyMentions,
      explicit_content_filter: GuildExplicitContentFilter.Disabled,
      roles: [...this.#roles.values()],
      emojis: [],
      stickers: [],
      features: [],
      mfa_level: GuildMFALevel.None,
      application_id: null,
      system_channel_id: null,
      system_channel_flags: GuildSystemChannelFlags.SuppressJoinNotifications,
      rules_channel_id: null,
      vanity_url_code: null,
      description: null,
      banner: null,
      premium_tier: GuildPremiumTier.None,
      premium_progress_bar_enabled: false,
      preferred_locale: Locale.EnglishUS,
      public_updates_channel_id: null,
      nsfw_level: GuildNSFWLevel.Default,
      hub_type: null,
      safety_alerts_channel_id: null,
      incidents_data: null,
      joined_at: JOINED_AT,
      large: false,
      unavailable: false,
      member_count: this.members.size,
      voice_states: [],
      members: [{ user: this.bot, ...this.memberPart(this.bot.id) }],
      channels: [...this.channels.values()],
      threads: [],
      presences: [],
      stage_instances: [],
      guild_scheduled_events: [],
      soundboard_sounds: [],
    } as unknown as GatewayGuildCreateDispatchData
  }
}

const user = (id: string, name: string, bot: boolean): APIUser => ({
  id,
  username: name,
  discriminator: bot ? '0001' : '0',
  global_name: bot ? null : name,
  avatar: null,
  ...(bot ? { bot: true } : {}),
})

const role = (id: string, name: string, position: number, tags?: APIRole['tags']): APIRole =>
  ({
    id,
    name,
    color: 0,
    colors: { primary_color: 0, secondary_color: null, tertiary_color: null },
    hoist: false,
    icon: null,
    unicode_emoji: null,
    position,
    permissions: EVERYDAY_PERMISSIONS,
    managed: tags !== undefined,
    mentionable: false,
    flags: 0,
    ...(tags === undefined ? {} : { tags }),
  }) as unknown as APIRole
