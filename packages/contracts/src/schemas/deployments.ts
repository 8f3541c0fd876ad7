import { z } from 'zod'
import {
  anyJson,
  ciActor,
  deploymentStatus,
  discordActor,
  environmentName,
  freeText,
  gitBranch,
  gitCommit,
  health,
  metadata,
  pastTimestamp,
  serviceName,
  text,
  timestamp,
  uuid,
  version,
} from './common.ts'

const noNul = (value: string): boolean => !value.includes('\u0000')

/** One migration of the service, as it was applied to its database. */
export const recordedMigration = z.strictObject({
  name: text(255),
  /** SHA-256 of its SQL, as Prisma's checksum. */
  hash: text(128),
  /** SQL that undoes it; run whole, in one transaction, where `migrations: undo` is configured. */
  rollback_script: z.string().max(65_536).refine(noNul, 'must not contain a NUL character').optional(),
  execution_time_ms: z.number().int().min(0).max(2_147_483_647).optional(),
  /** When it was applied; when it is recorded, unless given. */
  applied_at: pastTimestamp.optional(),
  /** It failed. */
  error_message: text(10_000).optional(),
})
export type RecordedMigrationInput = z.infer<typeof recordedMigration>

const migrationsGiven = {
  /** Oldest first. Those that are recorded already stay with the deployment they first came with. */
  migrations: z
    .array(recordedMigration)
    .max(500)
    .refine((list) => new Set(list.map(({ name }) => name)).size === list.length, 'names a migration twice')
    .optional(),
  /** The list is a whole Prisma folder; what of it was applied is read from the service's `_prisma_migrations`. */
  migrations_tool: z.literal('prisma').optional(),
}

/** `POST /v1/deployments`. */
export const recordDeploymentRequest = z.strictObject({
  deployment_id: uuid.optional(),
  service: serviceName.optional(),
  environment: environmentName,
  version,
  git_commit: gitCommit,
  git_branch: gitBranch,
  status: z.enum(['pending', 'in_progress']).default('in_progress'),
  deployed_by: uuid.optional(),
  /** Who ran the pipeline; the user it is known as is `deployed_by` unless that is given. */
  ci: ciActor.optional(),
  /** What the deployment says of itself; judged by the four laws when it is recorded. */
  action_profile: anyJson.optional(),
  metadata: metadata.optional(),
  ...migrationsGiven,
})
export type RecordDeploymentRequest = z.infer<typeof recordDeploymentRequest>

export const recordDeploymentResponse = z.object({
  deployment_id: uuid,
  service: z.string(),
  environment: z.string(),
  version: z.string(),
  git_commit: z.string(),
  git_branch: z.string(),
  status: deploymentStatus,
  fence: z.number().int(),
  workflow_id: z.string(),
  /** The guard's phase; `queued` until Temporal has it, null for an intent. */
  phase: z.string().nullable(),
  unfenced: z.boolean(),
  warnings: z.array(z.string()),
})
export type RecordDeploymentResponse = z.infer<typeof recordDeploymentResponse>

/** `PATCH /v1/deployments/:id`. */
export const changeDeploymentRequest = z.strictObject({
  status: z.enum(['in_progress', 'failed']),
  reason: text(2000).optional(),
  ci: ciActor.optional(),
  ...migrationsGiven,
})
export type ChangeDeploymentRequest = z.infer<typeof changeDeploymentRequest>

export const guardView = z.object({
  workflow_id: z.string(),
  phase: z.string(),
  verdict: z.string().nullable(),
  reason: z.string().nullable(),
  started_at: timestamp.nullable(),
  ended_at: timestamp.nullable(),
  /** The decision that waits for people, if any. */
  decision: z
    .object({
      decision_id: uuid,
      kind: z.enum(['rollback', 'late_breach', 'verify']),
      reason: z.string(),
      violations: z.array(z.string()),
      asked_at: timestamp,
      expires_at: timestamp,
      event_id: uuid.nullable(),
      /** Which migrations the rollback would undo. */
      warning: z.string().nullable().optional(),
    })
    .nullable(),
})
export type GuardView = z.infer<typeof guardView>

export const deploymentRow = z.object({
  id: z.number().int(),
  deployment_id: uuid,
  service: z.string(),
  environment: z.string(),
  version: z.string(),
  git_commit: z.string(),
  git_branch: z.string(),
  deployed_by: uuid.nullable(),
  deployed_at: timestamp.nullable(),
  status: deploymentStatus,
  rollback_from: uuid.nullable(),
  health_check_passed: z.boolean(),
  health_check_details: z.json().nullable(),
  constitutional_validation: z.json().nullable(),
  metadata: z.json().nullable(),
  completed_at: timestamp.nullable(),
  rolled_back_at: timestamp.nullable(),
  fence: z.number().int(),
  unfenced: z.boolean(),
  live: z.boolean(),
})
export type DeploymentRow = z.infer<typeof deploymentRow>

/** `GET /v1/deployments/:id`. */
export const deploymentView = deploymentRow.extend({ health: health.nullable(), guard: guardView.nullable() })
export type DeploymentView = z.infer<typeof deploymentView>

/** `GET /v1/deployments`. */
export const listDeploymentsQuery = z.strictObject({
  service: serviceName.optional(),
  environment: environmentName.optional(),
  status: deploymentStatus.optional(),
  live: z.stringbool().optional(),
  limit: z.coerce.number().int().min(1).max(200).default(20),
})
export type ListDeploymentsQuery = z.infer<typeof listDeploymentsQuery>
export const listDeploymentsResponse = z.object({ deployments: z.array(deploymentView) })
export type ListDeploymentsResponse = z.infer<typeof listDeploymentsResponse>

/** `POST /v1/deployments/:id/approve`, `…/reject`, `…/verify`. */
export const reasonRequest = z.strictObject({
  reason: text(2000),
  initiated_by: uuid.optional(),
  discord: discordActor.optional(),
})
export type ReasonRequest = z.infer<typeof reasonRequest>

export const decisionResponse = z.object({
  success: z.literal(true),
  decision_id: uuid,
  status: z.enum(['approved', 'rejected', 'overridden']),
  event_id: uuid.nullable(),
})
export type DecisionResponse = z.infer<typeof decisionResponse>

export const verifyResponse = z.object({ success: z.literal(true), deployment_id: uuid, status: deploymentStatus })
export type VerifyResponse = z.infer<typeof verifyResponse>

/** One row of `POST /v1/errors`. */
export const errorRow = z.strictObject({
  service: serviceName.optional(),
  environment: environmentName,
  severity: z.enum(['debug', 'info', 'warning', 'error', 'critical']),
  message: freeText(10_000),
  deployment_id: uuid.optional(),
  version: version.optional(),
  source: text(200).optional(),
  occurred_at: pastTimestamp.optional(),
  idempotency_key: text(200).optional(),
  metadata: metadata.optional(),
})
export type ErrorRow = z.infer<typeof errorRow>

/** `POST /v1/errors`: the rows are judged one by one, so that a bad one does not lose the others. */
export const ingestErrorsRequest = z.object({ errors: z.array(z.unknown()).min(1).max(5000) })
export const ingestErrorsResponse = z.object({
  accepted: z.number().int(),
  duplicates: z.number().int(),
  rejected: z.array(z.object({ index: z.number().int(), error: z.string() })),
})
export type IngestErrorsResponse = z.infer<typeof ingestErrorsResponse>
