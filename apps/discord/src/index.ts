export { configOf, type DiscordAppConfig } from './config.ts'
export { type DiscordApp, type DiscordAppParts, startDiscordApp } from './context.ts'
export type { AnnouncementStore, RomanApi } from './ports.ts'
