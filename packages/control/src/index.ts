export type { Announcement, AnnouncementKind } from './announcements.ts'
export type { Call, Control, RollbackAnswer } from './port.ts'
