import { performance } from 'node:perf_hooks'
import { mayRollBack, type RollbackEvidence } from '@roman/constitution'
import { type Benchmark, median, round } from './report.ts'

const AIM = '< 10'
const RATIO_MAX = 10
const ROUNDS = 40
const PER_ROUND = 2000

const failing = { deployment_id: 'bad', version: 'v2.5.3', git_commit: 'b'.repeat(40), git_branch: 'main' }
const lawful: RollbackEvidence = {
  service: 'storefront',
  environment: 'production',
  deployment: { ...failing, is_replacement: false, automatic_tried: false },
  live: failing,
  running_event_id: null,
  target: {
    deployment_id: 'good',
    version: 'v2.5.2',
    git_commit: 'a'.repeat(40),
    git_branch: 'main',
    known_good: true,
    quarantined: false,
    entropy: 0.02,
  },
  forced_target: false,
  present: {
    sample: {
      timestamp: '2026-01-05T14:35:00.000Z',
      error_rate_per_minute: 8.5,
      recent_errors: 42,
      database_connections: 20,
      max_database_connections: 100,
      active_queries: 3,
      p95_response_ms: 120,
      memory_percent: 40,
      unavailable: [],
    },
    stable: false,
  },
  migrations: { policy: 'keep', newer: [] },
  database: { state: 'consistent', detail: null },
  checks: [
    { name: 'deployer_able', holds: true },
    { name: 'schema_compatible', holds: true },
    { name: 'record_matches_reality', holds: null },
  ],
  request: { trigger_type: 'automatic', person: false, reason: 'High error rate: 8.5 errors/minute' },
}
const CASES: RollbackEvidence[] = [
  lawful,
  // Refused by every law: each violation is found, traced and worded.
  {
    ...lawful,
    target: { ...lawful.target!, known_good: false, entropy: 1 },
    database: { state: 'inconsistent', detail: 'migration 0004_pay failed' },
    checks: [{ name: 'deployer_able', holds: false }],
  },
  { ...lawful, migrations: { policy: 'undo', newer: [{ name: '0002_add', has_rollback_script: false }] } },
]

/**
 * What a whole rollback decision costs, in JSON round trips of its own evidence. Both are measured in turns in one run, so
 * that the machine's mood is the same for both; medians over the rounds.
 */
export const decisionCost: Benchmark = async () => {
  const decisions: number[] = []
  const roundTrips: number[] = []
  for (let turn = 0; turn < ROUNDS; turn += 1) {
    decisions.push(timed((evidence) => mayRollBack(evidence)))
    roundTrips.push(timed((evidence) => JSON.parse(JSON.stringify(evidence))))
  }
  const [decision, roundTrip] = [median(decisions), median(roundTrips)]
  const ratio = round(decision / roundTrip, 2)
  return {
    aim: AIM,
    met: ratio < RATIO_MAX,
    runs: ROUNDS * PER_ROUND,
    ratio,
    decision_us: round(decision * 1000, 2),
    round_trip_us: round(roundTrip * 1000, 2),
  }
}

/** Milliseconds of one call, on average over all cases. */
const timed = (call: (evidence: RollbackEvidence) => unknown): number => {
  const from = performance.now()
  for (let turn = 0; turn < PER_ROUND; turn += 1) call(CASES[turn % CASES.length]!)
  return (performance.now() - from) / PER_ROUND
}
