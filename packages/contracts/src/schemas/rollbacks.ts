import { z } from 'zod'
import {
  deploymentRef,
  discordActor,
  environmentName,
  health,
  rollbackStatus,
  serviceName,
  text,
  timestamp,
  triggerType,
  uuid,
  validation,
} from './common.ts'
import { rollbackSnapshots } from './snapshots.ts'

/** `POST /auto-rollback`. */
export const executeRollbackRequest = z.object({
  deployment_id: deploymentRef,
  trigger_reason: text(2000),
  initiated_by: uuid.optional(),
  service: serviceName.optional(),
  /** Needed only where `deployment_id` is a version. */
  environment: environmentName.optional(),
  /** Forces a target that need not be known-good. */
  target_deployment_id: deploymentRef.optional(),
  discord: discordActor.optional(),
})
export type ExecuteRollbackRequest = z.infer<typeof executeRollbackRequest>

export const targetDeployment = z.object({
  deployment_id: uuid,
  version: z.string(),
  git_commit: z.string(),
  deployed_at: timestamp.nullable(),
  health_check_passed: z.boolean(),
})
export type TargetDeployment = z.infer<typeof targetDeployment>

/** 200 when verified, 202 while it runs, 502 when it failed within the wait. */
export const executeRollbackResponse = z.object({
  success: z.boolean(),
  event_id: uuid,
  status: rollbackStatus,
  phase: z.string(),
  target_deployment: targetDeployment.nullable(),
  snapshot_id: uuid.nullable(),
  validation: validation.nullable(),
  deduplicated: z.boolean().optional(),
  error: z.string().optional(),
  code: z.string().optional(),
  details: z.record(z.string(), z.json()).optional(),
})
export type ExecuteRollbackResponse = z.infer<typeof executeRollbackResponse>

/** 403: the seed's body with the event's id. */
export const rejectedRollbackResponse = z.object({
  success: z.literal(false),
  error: z.string(),
  code: z.string(),
  event_id: uuid,
  validation: validation.nullable(),
  details: z.record(z.string(), z.json()).optional(),
})
export type RejectedRollbackResponse = z.infer<typeof rejectedRollbackResponse>

/** `POST /auto-rollback/check`. */
export const checkRequest = z.object({
  deployment_id: deploymentRef,
  service: serviceName.optional(),
  environment: environmentName.optional(),
})
export type CheckRequest = z.infer<typeof checkRequest>
export const checkResponse = z.object({
  should_rollback: z.boolean(),
  reason: z.string(),
  health,
  /** Which migrations a rollback of it would undo; absent where there are none. */
  warnings: z.array(z.string()).optional(),
})
export type CheckResponse = z.infer<typeof checkResponse>

export const rollbackStep = z.object({
  step: z.string(),
  status: z.enum(['started', 'completed', 'warning', 'failed', 'aborted']),
  at: timestamp,
  detail: z.string().nullable(),
})
export type RollbackStep = z.infer<typeof rollbackStep>

/** Measured milliseconds between the moments of a rollback; null where a moment was not reached or not known. */
export const segments = z.object({
  fault_to_detected_ms: z.number().nullable(),
  detected_to_decided_ms: z.number().nullable(),
  decided_to_dispatched_ms: z.number().nullable(),
  dispatched_to_live_ms: z.number().nullable(),
  live_to_verified_ms: z.number().nullable(),
  detected_to_live_ms: z.number().nullable(),
})
export type Segments = z.infer<typeof segments>

export const rollbackRow = z.object({
  id: z.number().int(),
  event_id: uuid,
  deployment_id: uuid.nullable(),
  service: z.string(),
  environment: z.string(),
  trigger_type: triggerType,
  trigger_reason: z.string(),
  initiated_by: uuid.nullable(),
  initiated_at: timestamp,
  status: rollbackStatus,
  rollback_plan: z.json().nullable(),
  rollback_steps: z.array(rollbackStep),
  constitutional_validation: z.json().nullable(),
  completed_at: timestamp.nullable(),
  metadata: z.json().nullable(),
})
export type RollbackRow = z.infer<typeof rollbackRow>

/** `GET /v1/rollbacks/:event_id`. */
export const rollbackView = rollbackRow.extend({
  version: z.string().nullable(),
  workflow_id: z.string(),
  phase: z.string(),
  steps: z.array(rollbackStep),
  segments,
  moments: z.record(z.string(), timestamp.nullable()),
  validation: validation.nullable(),
  target_deployment: targetDeployment.nullable(),
  replacement_deployment_id: uuid.nullable(),
  snapshot_id: uuid.nullable(),
  snapshots: rollbackSnapshots,
  refused_event_id: uuid.nullable(),
  detail: z.string().nullable(),
  progress: z.object({ percent: z.number().nullable(), text: z.string() }).nullable(),
})
export type RollbackView = z.infer<typeof rollbackView>

/** `GET /auto-rollback/history`. */
export const historyQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(10),
  service: serviceName.optional(),
  environment: environmentName.optional(),
  before: uuid.optional().describe('The event_id of the last rollback you have: those before it follow'),
})
export type HistoryQuery = z.infer<typeof historyQuery>
export const historyResponse = z.object({ rollbacks: z.array(rollbackRow) })
export type HistoryResponse = z.infer<typeof historyResponse>

/** `POST /v1/rollbacks/:event_id/override`. */
export const overrideRequest = z.strictObject({
  reason: text(2000),
  violations: z.array(text(100)).min(1).max(20),
  initiated_by: uuid.optional(),
  discord: discordActor.optional(),
})
export type OverrideRequest = z.infer<typeof overrideRequest>

/** `POST /v1/rollbacks/:event_id/abort`. */
export const abortRequest = z.strictObject({
  reason: text(2000),
  initiated_by: uuid.optional(),
  discord: discordActor.optional(),
})
export type AbortRollbackRequest = z.infer<typeof abortRequest>
export const abortResponse = z.object({ success: z.literal(true), event_id: uuid, status: rollbackStatus })
export type AbortRollbackResponse = z.infer<typeof abortResponse>

/** `GET /v1/summary`: the dashboard's five metrics and its live list. */
export const summaryResponse = z.object({
  active_deployments: z.number().int(),
  recent_rollbacks: z.number().int(),
  /** Share of finished rollbacks of the last 30 days that succeeded, 0 to 1; null when there was none. */
  rollback_success_rate: z.number().nullable(),
  /** Mean time from request to verified over the last 30 days' successes. */
  average_rollback_ms: z.number().nullable(),
  /** Share of judged rollback requests of the last 30 days that the constitution approved, 0 to 1. */
  constitutional_approval_rate: z.number().nullable(),
  timestamp,
})
export type SummaryResponse = z.infer<typeof summaryResponse>
