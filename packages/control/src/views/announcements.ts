import type { Database } from '@roman/db'
import type { Announcement, AnnouncementKind } from '../announcements.ts'

export const readAnnouncement = async (db: Pick<Database, 'prisma'>, id: string): Promise<Announcement | null> => {
  const row = await db.prisma.announcements.findUnique({ where: { announcement_id: id } })
  if (row === null) return null
  return {
    announcement_id: row.announcement_id,
    kind: row.kind as AnnouncementKind,
    service: row.service,
    environment: row.environment,
    deployment_id: row.deployment_id,
    event_id: row.event_id,
    decision_id: row.decision_id,
    payload: row.payload as Announcement['payload'],
    created_at: row.created_at.toISOString(),
  }
}

/** Where a part of an announcement was posted. */
export interface PostedMessage {
  announcement_id: string
  part: string
  channel_id: string
  message_id: string
}

export const readMessage = async (
  db: Pick<Database, 'prisma'>,
  announcementId: string,
  part: string,
): Promise<PostedMessage | null> => {
  const row = await db.prisma.announcement_messages.findUnique({
    where: { announcement_id_part: { announcement_id: announcementId, part } },
  })
  return row === null
    ? null
    : { announcement_id: row.announcement_id, part: row.part, channel_id: row.channel_id, message_id: row.message_id }
}

export const keepMessage = async (db: Pick<Database, 'prisma'>, message: PostedMessage): Promise<void> => {
  await db.prisma.announcement_messages.createMany({ data: [message], skipDuplicates: true })
}
