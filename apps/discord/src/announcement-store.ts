import { keepMessage, readAnnouncement, readDeployment, readMessage, readRollback } from '@roman/control'
import type { Database } from '@roman/db'
import type { AnnouncementStore } from './ports.ts'

/** What people are told, in the ops database. */
export const createAnnouncementStore = (db: Database): AnnouncementStore => ({
  readAnnouncement: (id) => readAnnouncement(db, id),
  readRollback: (eventId) => readRollback(db, eventId),
  readDeployment: (id) => readDeployment(db, id),
  readMessage: (id, part) => readMessage(db, id, part),
  keepMessage: (message) => keepMessage(db, message),
})
