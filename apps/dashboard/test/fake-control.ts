import { type DeploymentView, type RollbackView, RomanError } from '@roman/contracts'
import type { Control } from '@roman/control'

export const HOSTILE = '"><img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'

const id = (last: number) => `0191d1a2-0000-7000-8000-${String(last).padStart(12, '0')}`
export const eventId = id(900)
const past = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString()

const health = {
  healthy: true,
  error_rate_per_minute: 0,
  recent_errors: 0,
  database_connections: 12,
  active_queries: 1,
  timestamp: past(0),
  database_connection_utilization: 0.12,
  p95_response_ms: null,
  memory_percent: null,
  warnings: [],
  unavailable: [],
}
const guard = {
  workflow_id: `guard:${id(1)}`,
  phase: 'watching',
  verdict: null,
  reason: 'System healthy',
  started_at: past(100),
  ended_at: null,
  decision: null,
}
const live: DeploymentView = {
  id: 1,
  deployment_id: id(1),
  service: 'storefront',
  environment: 'production',
  version: 'v2.5.3',
  git_commit: 'c0ffee1234567',
  git_branch: 'main',
  deployed_by: null,
  deployed_at: past(100),
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
  health,
  guard,
}
const asking: DeploymentView = {
  ...live,
  id: 2,
  deployment_id: id(2),
  service: 'payments',
  version: HOSTILE,
  git_commit: 'deadbeef00',
  unfenced: true,
  health: {
    ...health,
    healthy: false,
    error_rate_per_minute: 8.5,
    recent_errors: 42,
    p95_response_ms: 5600,
    warnings: ['P95 response time 5600 ms is above 5000 ms'],
    unavailable: ['memory_percent'],
  },
  guard: {
    ...guard,
    phase: 'waiting',
    verdict: 'breach',
    reason: 'High error rate: 8.5 errors/minute',
    decision: {
      decision_id: id(70),
      kind: 'rollback',
      reason: 'High error rate: 8.5 errors/minute',
      violations: ['structural_integrity'],
      asked_at: past(20),
      expires_at: past(-1780),
      event_id: eventId,
    },
  },
}
const settled: DeploymentView = {
  ...live,
  id: 3,
  deployment_id: id(3),
  environment: 'staging',
  version: 'v2.5.4-rc.1',
  status: 'success',
  health_check_passed: true,
  health_check_details: { evidence: 'errors_only' },
  guard: { ...guard, phase: 'ended', verdict: 'healthy', reason: null },
}

const steps = [
  { step: 'validate_rollback', status: 'completed' as const, at: past(76), detail: 'All four laws passed' },
  { step: 'create_snapshot', status: 'warning' as const, at: past(75), detail: 'Took longer than 10 s, left out' },
  { step: 'deploy_previous_version', status: 'completed' as const, at: past(72), detail: 'v2.5.2 is live' },
  { step: 'verify_health', status: 'completed' as const, at: past(10), detail: 'Clean for 60 s' },
]
const law = (name: string, rule: string, observed: string, passed = true) => ({
  law: name,
  rule,
  passed,
  observed,
  required: '',
  message: observed,
})
const rollback: RollbackView = {
  id: 9,
  event_id: eventId,
  deployment_id: id(1),
  service: 'storefront',
  environment: 'production',
  trigger_type: 'automatic',
  trigger_reason: `High error rate: 8.5 errors/minute ${HOSTILE}`,
  initiated_by: null,
  initiated_at: past(77),
  status: 'success',
  rollback_plan: null,
  rollback_steps: steps,
  constitutional_validation: null,
  completed_at: past(10),
  metadata: null,
  version: 'v2.5.3',
  workflow_id: `rollback:${eventId}`,
  phase: 'ended',
  steps,
  segments: {
    fault_to_detected_ms: 812,
    detected_to_decided_ms: 96,
    decided_to_dispatched_ms: 240,
    dispatched_to_live_ms: 4200,
    live_to_verified_ms: 61_300,
    detected_to_live_ms: 4536,
  },
  moments: {},
  validation: {
    compliant: true,
    violations: [],
    warnings: ['1 newer migration stays: 20251215_add_carts'],
    findings: [
      law('inhabitance', 'A rollback may endanger nothing that lives or is stored.', 'risk_to_life 0'),
      law('harmonic_attraction', 'Heal by going back to what was known to be good.', 'harmonic_resonance at 7.83 Hz'),
      law(
        'total_coherence',
        'An unstable system may not be made less stable.',
        'entropy_increase -0.85 at entropy 0.85',
      ),
      law('structural_integrity', 'The plan must hold together.', 'geometric_ratio 1.618'),
    ],
    preconditions: [
      {
        precondition: 'stable_system',
        rule: 'A stable system is left alone.',
        passed: true,
        observed: 'entropy 0.85',
        message: '',
      },
    ],
  },
  target_deployment: {
    deployment_id: id(5),
    version: 'v2.5.2',
    git_commit: 'a7f3b29',
    deployed_at: past(90_000),
    health_check_passed: true,
  },
  replacement_deployment_id: id(6),
  snapshot_id: null,
  snapshots: { deployment: null, pre_rollback: null, diff: null },
  refused_event_id: null,
  detail: 'Verified healthy',
  progress: null,
}

/** What the page shows; a test changes `errors` and sees the page follow. */
export function pageControl() {
  const state = { errors: 0, away: false, empty: false }
  const unlessAway = <Value>(value: Value): Promise<Value> =>
    state.away
      ? Promise.reject(
          new RomanError('database_unavailable', 'PostgreSQL does not answer. Try again in a few seconds.'),
        )
      : Promise.resolve(value)
  const control: Partial<Control> = {
    summary: () =>
      unlessAway({
        active_deployments: 3,
        recent_rollbacks: 2,
        rollback_success_rate: 0.957,
        average_rollback_ms: 72_400,
        constitutional_approval_rate: 0.8,
        timestamp: past(0),
      }),
    listDeployments: () =>
      unlessAway({
        deployments: state.empty
          ? []
          : [
              asking,
              { ...live, health: { ...health, error_rate_per_minute: state.errors, timestamp: past(0) } },
              settled,
            ],
      }),
    history: () =>
      unlessAway({
        rollbacks: state.empty
          ? []
          : [
              rollback,
              {
                ...rollback,
                event_id: id(901),
                status: 'aborted',
                trigger_type: 'manual',
                trigger_reason: 'Critical bug in payment flow',
                initiated_at: past(7200),
                completed_at: past(7199),
              },
              {
                ...rollback,
                event_id: id(902),
                status: 'failed',
                trigger_reason: 'Too many recent errors: 61 in last 5 minutes',
                initiated_at: past(200_000),
                completed_at: past(199_600),
              },
            ],
      }),
    showRollback: (event) =>
      event === eventId
        ? unlessAway(rollback)
        : Promise.reject(new RomanError('rollback_not_found', `There is no rollback ${event}.`)),
  }
  return { state, control: control as Control }
}
