import { DEFAULT_THRESHOLDS, DEFAULT_WATCH, type HealthSample, type RollbackEvidence } from '../src/index.ts'

/** Evidence that nothing speaks against, to be changed in the one respect a test is about. */
export const calm: HealthSample = {
  timestamp: '2026-01-05T14:35:00.000Z',
  error_rate_per_minute: 0,
  recent_errors: 0,
  database_connections: 20,
  max_database_connections: 100,
  active_queries: 3,
  p95_response_ms: 120,
  memory_percent: 40,
  unavailable: [],
}

export const sampleOf = (change: Partial<HealthSample> = {}): HealthSample => ({ ...calm, ...change })
export const broken = sampleOf({ error_rate_per_minute: 8.5, recent_errors: 42 })
export const blind = sampleOf({ error_rate_per_minute: null, recent_errors: null, unavailable: ['postgres'] })

export const thresholds = DEFAULT_THRESHOLDS
export const watchPolicy = DEFAULT_WATCH

const failing = { deployment_id: 'bad', version: 'v2.5.3', git_commit: 'b'.repeat(40), git_branch: 'main' }
export const target = {
  deployment_id: 'good',
  version: 'v2.5.2',
  git_commit: 'a7f3b29',
  git_branch: 'main',
  known_good: true,
  quarantined: false,
  entropy: 0.02,
}

export const breached: RollbackEvidence = {
  service: 'storefront',
  environment: 'production',
  deployment: { ...failing, is_replacement: false, automatic_tried: false },
  live: failing,
  running_event_id: null,
  target,
  forced_target: false,
  present: { sample: broken, stable: false },
  migrations: { policy: 'keep', newer: [] },
  database: { state: 'consistent', detail: null },
  checks: [
    { name: 'deployer_able', holds: true },
    { name: 'schema_compatible', holds: true },
    { name: 'record_matches_reality', holds: true },
  ],
  request: { trigger_type: 'automatic', person: false, reason: 'High error rate: 8.5 errors/minute' },
}

export const evidenceOf = (change: Partial<RollbackEvidence> = {}): RollbackEvidence => ({ ...breached, ...change })
export const byPerson = { trigger_type: 'manual', person: true, reason: 'Critical bug in payment flow' } as const
export const byMachine = { trigger_type: 'manual', person: false, reason: 'nightly job' } as const
