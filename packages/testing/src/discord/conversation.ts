import type { Guild } from './guild.ts'
import type { Stored } from './messages.ts'

/** One thing that people in the channel would see happen. */
export interface ConversationLine {
  kind: 'message' | 'edit' | 'click'
  message_id: string
  author: string
  bot: boolean
  /** As people read it: mentions by name, Markdown escapes gone. */
  text: string
  at: Date
}

export const messageLine = (guild: Guild, kind: 'message' | 'edit', { message }: Stored): ConversationLine => ({
  kind,
  message_id: message.id,
  author: message.author.username,
  bot: message.author.bot === true,
  text: readable(guild, message.content),
  at: new Date(message.edited_timestamp ?? message.timestamp),
})

const readable = (guild: Guild, content: string): string =>
  content
    .replace(/<@!?(\d+)>/g, (mention, id: string) => {
      const member = guild.members.get(id)
      return member === undefined ? mention : `@${member.user.username}`
    })
    .replace(/\\([\\`*_~|<>@#[\]()-])/g, '$1')
