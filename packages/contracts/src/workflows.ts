import type { GuardPolicy, Validation } from '@roman/constitution'

/**
 * Who acted, as far as it was authenticated. `user_id` is a row of auth.users; `discord_id` a Discord member,
 * `ci_identity` an identity of CI, whose user ops.actors may know.
 */
export interface Actor {
  kind: 'system' | 'service_key' | 'user' | 'discord' | 'ci'
  user_id: string | null
  discord_id?: string
  ci_identity?: string
  name?: string
}

/** Bounds the worker hands to workflows, which may not read configuration themselves. Milliseconds. */
export interface WorkflowTimings {
  /** A watch whose worker died is taken over after this long. */
  heartbeat_ms: number
  /** First pause between attempts of a step. */
  retry_initial_ms: number
  /** Longest pause between attempts of a step. */
  retry_max_ms: number
}

export interface WorkflowEnvironment {
  task_queues: { main: string; monitor: string; discord: string }
  timings: WorkflowTimings
  /** False where the search attributes could not be registered. */
  search_attributes: boolean
}

export interface GuardInput extends WorkflowEnvironment {
  deployment_id: string
  service: string
  environment: string
  version: string
  policy: GuardPolicy
}

export type GuardPhase = 'queued' | 'watching' | 'deciding' | 'waiting' | 'rolling_back' | 'standing_by' | 'ended'

/** Why a guard ended. */
export type GuardOutcome =
  | { kind: 'healthy' }
  | { kind: 'inconclusive'; reason: string }
  | { kind: 'superseded' }
  /** The deployment's row was deleted under its guard. */
  | { kind: 'deleted' }
  | { kind: 'rolled_back'; event_id: string; status: string }
  | { kind: 'observed'; reason: string }
  | { kind: 'refused'; event_id: string | null }
  | { kind: 'rejected'; reason: string }
  | { kind: 'undecided'; reason: string }

export interface GuardProgress {
  deployment_id: string
  version: string
  phase: GuardPhase
  verdict: string | null
  reason: string | null
  decision_id: string | null
  event_id: string | null
  violations: string[]
}

export interface RollbackInput extends WorkflowEnvironment {
  event_id: string
  deployment_id: string
  service: string
  environment: string
  version: string
  trigger_type: 'automatic' | 'manual' | 'constitutional_violation'
  trigger_reason: string
  /** Longest a deployer may take before its activity is given up, in milliseconds. */
  deploy_timeout_ms: number
  verify_timeout_ms: number
}

export type RollbackPhase =
  | 'queued'
  | 'validating'
  | 'snapshotting'
  | 'claiming'
  | 'deploying'
  | 'switching'
  | 'undoing'
  | 'verifying'
  | 'ended'

export type RollbackStatus = 'pending' | 'in_progress' | 'success' | 'failed' | 'aborted'

export interface RollbackOutcome {
  event_id: string
  status: RollbackStatus
  detail: string
}

export interface RollbackProgress {
  event_id: string
  deployment_id: string
  phase: RollbackPhase
  status: RollbackStatus
  target: { deployment_id: string; version: string; git_commit: string } | null
  validation: Validation | null
  /** What the deployer last said. */
  deploy: { percent: number | null; text: string } | null
  detail: string | null
}

export interface RollbackEnded {
  event_id: string
  status: RollbackStatus
  /** The request was refused by the constitution, not by a person or a fault. */
  refused: boolean
}

export interface AnnounceInput extends WorkflowEnvironment {
  announcement_id: string
}

/** Payload of approve, reject and override on a guard. */
export interface DecisionRequest {
  deployment_id: string
  reason: string
  actor: Actor
  /** Override only: every violation it lifts. */
  violations?: string[]
}

export interface DecisionAnswer {
  decision_id: string
  status: 'approved' | 'rejected' | 'overridden'
  /** The rollback that approval or override started. */
  event_id: string | null
}

/** Payload of abort on a rollback. */
export interface AbortRequest {
  event_id: string
  reason: string
  actor: Actor
}

export interface AbortAnswer {
  event_id: string
  accepted: true
}
