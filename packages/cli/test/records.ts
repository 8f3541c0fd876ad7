import type { DeploymentView, FreezeView, RollbackRow, RollbackView } from '@roman/contracts'

export const NOW = new Date('2026-03-01T12:00:00Z')
const past = (seconds: number) => new Date(NOW.getTime() - seconds * 1000).toISOString()
const id = (last: string) => `0191d1a2-0000-7000-8000-${last.padStart(12, '0')}`

export const EVENT = id('e1')

export const live: DeploymentView = {
  id: 3,
  deployment_id: 'c0ffee01-0000-7000-8000-000000000003',
  service: 'storefront',
  environment: 'production',
  version: 'v2.5.3',
  git_commit: 'c41d8e0',
  git_branch: 'main',
  deployed_by: null,
  deployed_at: past(125),
  status: 'in_progress',
  rollback_from: null,
  health_check_passed: false,
  health_check_details: null,
  constitutional_validation: null,
  metadata: null,
  completed_at: null,
  rolled_back_at: null,
  fence: 3,
  unfenced: false,
  live: true,
  health: {
    healthy: true,
    error_rate_per_minute: 0.2,
    recent_errors: 1,
    database_connections: 12,
    active_queries: 1,
    timestamp: past(0),
    database_connection_utilization: 0.12,
    p95_response_ms: null,
    memory_percent: null,
    warnings: [],
    unavailable: [],
  },
  guard: {
    workflow_id: 'guard:c0ffee01-0000-7000-8000-000000000003',
    phase: 'watching',
    verdict: null,
    reason: null,
    started_at: past(124),
    ended_at: null,
    decision: null,
  },
}

export const waiting: DeploymentView = {
  ...live,
  id: 4,
  deployment_id: 'decade02-0000-7000-8000-000000000004',
  service: 'payments',
  version: '2026-02-28.1',
  deployed_at: past(60 * 60 * 5),
  health: { ...live.health!, healthy: false, error_rate_per_minute: 8.5, recent_errors: 42 },
  guard: {
    ...live.guard!,
    phase: 'waiting',
    verdict: 'breach',
    reason: 'High error rate: 8.5 errors/minute',
    decision: {
      decision_id: id('d1'),
      kind: 'rollback',
      reason: 'High error rate: 8.5 errors/minute',
      violations: [],
      asked_at: past(60),
      expires_at: past(-1740),
      event_id: null,
      warning: 'Migrations newer than the target will be undone: 20260228_coupons',
    },
  },
}

export const frozen: FreezeView = {
  freeze_id: id('f1'),
  service: null,
  environment: 'production',
  reason: 'Black Friday',
  frozen_at: past(60 * 60 * 3),
}

const target = {
  deployment_id: 'a7f3b290-0000-7000-8000-000000000002',
  version: 'v2.5.2',
  git_commit: 'a7f3b29',
  deployed_at: past(9000),
  health_check_passed: true,
}

const finding = (law: string, rule: string, observed: string, passed = true) => ({ law, rule, observed, passed })
const compliant = {
  compliant: true,
  violations: [],
  warnings: ['Newer migrations stay: 20260301_coupons'],
  violated: [],
  findings: [
    finding('inhabitance', 'The action must not put data, or those who depend on it, at risk.', 'risk_to_life 0'),
    finding('total_coherence', 'While the system is unstable, it must not be made more disordered.', 'entropy 0.85'),
  ],
}

const row: RollbackRow = {
  id: 1,
  event_id: EVENT,
  deployment_id: live.deployment_id,
  service: 'storefront',
  environment: 'production',
  trigger_type: 'automatic',
  trigger_reason: 'High error rate: 8.5 errors/minute',
  initiated_by: null,
  initiated_at: past(90),
  status: 'success',
  rollback_plan: null,
  rollback_steps: [
    {
      step: 'validate_rollback',
      status: 'completed',
      at: past(89.8),
      detail: 'Approved: every law and precondition holds',
    },
    { step: 'claim_live', status: 'completed', at: past(89.7), detail: 'Fence 4; v2.5.3 is still live' },
    { step: 'deploy_previous_version', status: 'completed', at: past(85.8), detail: 'v2.5.2 is live again.' },
    { step: 'verify_health', status: 'completed', at: past(25), detail: 'Verified: no breach for 60 seconds' },
  ],
  constitutional_validation: compliant,
  completed_at: past(25),
  metadata: null,
}

export const verified: RollbackView = {
  ...row,
  version: 'v2.5.3',
  workflow_id: `rollback:${EVENT}`,
  phase: 'ended',
  steps: row.rollback_steps,
  segments: {
    fault_to_detected_ms: 812,
    detected_to_decided_ms: 120,
    decided_to_dispatched_ms: 260,
    dispatched_to_live_ms: 4200,
    live_to_verified_ms: 60_800,
    detected_to_live_ms: 4580,
  },
  moments: {},
  validation: compliant,
  target_deployment: target,
  replacement_deployment_id: id('5'),
  snapshot_id: id('51'),
  snapshots: {
    deployment: { snapshot_id: id('50'), snapshot_type: 'pre_deployment', created_at: past(130) },
    pre_rollback: { snapshot_id: id('51'), snapshot_type: 'pre_rollback', created_at: past(89) },
    diff: `/v1/snapshots/${id('50')}/diff/${id('51')}`,
  },
  refused_event_id: null,
  detail: 'Verified: no breach for 60 seconds',
  progress: null,
}

export const refused: RollbackView = {
  ...verified,
  status: 'aborted',
  trigger_type: 'manual',
  trigger_reason: 'Feature bug',
  steps: [{ step: 'validate_rollback', status: 'failed', at: past(89.8), detail: 'Refused.' }],
  segments: {
    ...verified.segments,
    fault_to_detected_ms: null,
    dispatched_to_live_ms: null,
    live_to_verified_ms: null,
    decided_to_dispatched_ms: null,
  },
  validation: {
    compliant: false,
    violations: ['Law of Total Coherence violated: Cannot increase entropy when system unstable'],
    warnings: [],
    violated: ['total_coherence'],
  },
  detail: 'Refused.',
}

export const failed: RollbackView = {
  ...verified,
  status: 'failed',
  steps: [
    ...verified.steps.slice(0, 2),
    { step: 'deploy_previous_version', status: 'failed', at: past(80), detail: 'The workflow run ended as failure' },
  ],
  segments: { ...verified.segments, dispatched_to_live_ms: null, live_to_verified_ms: null },
  detail: 'The workflow run ended as failure',
}

export { row }
