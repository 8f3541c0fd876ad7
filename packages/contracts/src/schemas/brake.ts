import { z } from 'zod'
import { discordActor, environmentName, gitCommit, serviceName, text, timestamp, uuid } from './common.ts'

/** `POST /v1/freezes` and `POST /v1/unfreeze`. Left out, service or environment means all of them. */
export const freezeRequest = z.strictObject({
  service: serviceName.optional(),
  environment: environmentName.optional(),
  reason: text(2000),
  initiated_by: uuid.optional(),
  discord: discordActor.optional(),
})
export type FreezeRequest = z.infer<typeof freezeRequest>

export const freezeView = z.object({
  freeze_id: uuid,
  service: z.string().nullable(),
  environment: z.string().nullable(),
  reason: z.string(),
  frozen_at: timestamp,
})
export type FreezeView = z.infer<typeof freezeView>

/** `warnings`: what the freeze means for people, or which one stands already. */
export const freezeResponse = freezeView.extend({ warnings: z.array(z.string()) })
export type FreezeResponse = z.infer<typeof freezeResponse>

export const listFreezesResponse = z.object({ freezes: z.array(freezeView) })
export type ListFreezesResponse = z.infer<typeof listFreezesResponse>

export const unfreezeResponse = z.object({
  success: z.literal(true),
  unfrozen: z.number().int(),
  warnings: z.array(z.string()),
})
export type UnfreezeResponse = z.infer<typeof unfreezeResponse>

/** `POST /v1/deployments/:id/label`: whether what the guard did about it was right. */
export const labelRequest = z.strictObject({
  label: z.enum(['right', 'false_alarm', 'missed']),
  reason: text(2000).optional(),
  initiated_by: uuid.optional(),
  discord: discordActor.optional(),
})
export type LabelRequest = z.infer<typeof labelRequest>
export const labelResponse = z.object({ success: z.literal(true), deployment_id: uuid, label: z.string() })
export type LabelResponse = z.infer<typeof labelResponse>

/** `POST /v1/quarantine/release`. */
export const releaseRequest = z.strictObject({
  service: serviceName.optional(),
  environment: environmentName,
  git_commit: gitCommit,
  reason: text(2000),
  initiated_by: uuid.optional(),
  discord: discordActor.optional(),
})
export type ReleaseRequest = z.infer<typeof releaseRequest>
export const releaseResponse = z.object({ success: z.literal(true), released: z.number().int() })
export type ReleaseResponse = z.infer<typeof releaseResponse>

/** `GET /v1/quarantine`. */
export const quarantineView = z.object({
  service: z.string(),
  environment: z.string(),
  git_commit: z.string(),
  status: z.enum(['hold', 'quarantined']),
  event_id: uuid,
  created_at: timestamp,
})
export const listQuarantineResponse = z.object({ quarantine: z.array(quarantineView) })
export type ListQuarantineResponse = z.infer<typeof listQuarantineResponse>
