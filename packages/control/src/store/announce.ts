import { randomUUID } from 'node:crypto'
import { announceWorkflowId } from '@roman/contracts'
import type { Tx } from '@roman/db'
import type { AnnouncementKind } from '../announcements.ts'
import { json } from './audit.ts'
import { enqueue } from './outbox.ts'

export interface NewAnnouncement {
  kind: AnnouncementKind
  /** The same key again is the same announcement. */
  dedupe_key: string
  service: string
  environment: string
  deployment_id: string | null
  event_id?: string | null
  decision_id?: string | null
  payload?: Record<string, unknown>
}

/** Promises, in the transaction of the fact, that people will be told of it once. Returns the workflow to deliver. */
export const announce = async (tx: Tx, announcement: NewAnnouncement): Promise<string> => {
  const created = await tx.announcements.createManyAndReturn({
    data: [
      {
        announcement_id: randomUUID(),
        kind: announcement.kind,
        dedupe_key: announcement.dedupe_key,
        service: announcement.service,
        environment: announcement.environment,
        deployment_id: announcement.deployment_id,
        event_id: announcement.event_id ?? null,
        decision_id: announcement.decision_id ?? null,
        payload: json(announcement.payload),
      },
    ],
    skipDuplicates: true,
  })
  const row =
    created[0] ?? (await tx.announcements.findUniqueOrThrow({ where: { dedupe_key: announcement.dedupe_key } }))
  const workflowId = announceWorkflowId(row.announcement_id)
  await enqueue(tx, { kind: 'announce', workflow_id: workflowId, input: { announcement_id: row.announcement_id } })
  return workflowId
}
