import type { Announcement } from '@roman/control'
import { decisionButtons } from './decision-buttons.ts'
import { followRollback } from './follow.ts'
import { LiveMessage } from './live-message.ts'
import { nonceOf } from './nonce.ts'
import type { Pace } from './pace.ts'
import type { AnnouncementStore, Button, Chat, MessagePlace } from './ports.ts'
import { hasEnded, liveNow, stateOf } from './rollback-state.ts'
import { initiatedAlert, outcomeAlert } from './texts/alerts.ts'
import { noticeText } from './texts/notices.ts'

export interface AnnounceParts {
  chat: Chat
  store: AnnouncementStore
  channel_id: string
  botId: string
  pace: Pace
  /** Waits; throws when this attempt is to end. */
  pause(ms: number): Promise<void>
}

/** Thrown where there is nothing to announce, and never will be. */
export class NoSuchAnnouncement extends Error {
  override readonly name = 'NoSuchAnnouncement'
}

/**
 * Tells people about one fact, however often it is tried: what was posted is on record, and between posting and recording a
 * nonce keeps Discord from making it twice (for the few minutes that Discord remembers it). Throws `ChatError`.
 */
export const announce = async (parts: AnnounceParts, announcementId: string): Promise<void> => {
  const announcement = await parts.store.readAnnouncement(announcementId)
  if (announcement === null) throw new NoSuchAnnouncement(`There is no announcement ${announcementId}.`)
  if (announcement.kind === 'rollback') await announceRollback(parts, announcement)
  else await announceNotice(parts, announcement)
}

/** Posts that a rollback was initiated, keeps its progress, and posts how it ended. A refused one only has an end. */
const announceRollback = async (parts: AnnounceParts, announcement: Announcement): Promise<void> => {
  const { store, pace } = parts
  const eventId = announcement.event_id
  if (eventId === null) throw new NoSuchAnnouncement(`Announcement ${announcement.announcement_id} names no rollback.`)
  let alert: LiveMessage | null = null
  const follow = { ...pace, pause: parts.pause }
  for await (const view of followRollback(() => store.readRollback(eventId), follow)) {
    const state = stateOf(view)
    if (state !== 'validating' && state !== 'refused') {
      alert ??= await openAlert(parts, announcement, initiatedAlert(view, 'none'))
      if (!hasEnded(view)) alert.update(initiatedAlert(view, 'shown'))
    }
    if (!hasEnded(view)) continue
    await alert?.finish(initiatedAlert(view, 'shown'))
    const live = await liveNow(view, (id) => store.readDeployment(id))
    await postOnce(parts, announcement, 'outcome', outcomeAlert(view, live, parts.botId))
  }
}

const openAlert = async (parts: AnnounceParts, announcement: Announcement, text: string): Promise<LiveMessage> => {
  const place = await postOnce(parts, announcement, 'initiated', text)
  return new LiveMessage((content) => parts.chat.edit(place, content), parts.pace.edit_ms)
}

const announceNotice = async (parts: AnnounceParts, announcement: Announcement): Promise<void> => {
  const { deployment_id: deploymentId } = announcement
  const deployment = deploymentId === null ? null : await parts.store.readDeployment(deploymentId)
  await postOnce(
    parts,
    announcement,
    'notice',
    noticeText(announcement, deployment, parts.botId),
    buttonsFor(announcement),
  )
}

/** What the constitution refused takes a reason to override, so that is typed; everything else is a click. */
const buttonsFor = (announcement: Announcement): Button[] | undefined => {
  const { kind, decision_id: decisionId, deployment_id: deploymentId, payload } = announcement
  if (kind !== 'decision' || decisionId === null || deploymentId === null) return undefined
  return decisionButtons(decisionId, deploymentId, payload.violations?.length ? ['reject'] : ['approve', 'reject'])
}

const postOnce = async (
  { chat, store, channel_id }: AnnounceParts,
  { announcement_id }: Announcement,
  part: 'initiated' | 'outcome' | 'notice',
  content: string,
  buttons?: Button[],
): Promise<MessagePlace> => {
  const posted = await store.readMessage(announcement_id, part)
  if (posted !== null) return posted
  const nonce = nonceOf(announcement_id, part)
  const { message_id } = await chat.create({
    channel_id,
    content,
    nonce,
    ...(buttons === undefined ? {} : { buttons }),
  })
  await store.keepMessage({ announcement_id, part, channel_id, message_id })
  return { channel_id, message_id }
}
