import { performance } from 'node:perf_hooks'
import { mayRollBack, type RollbackEvidence } from '../src/index.ts'
import { breached, evidenceOf, target } from '../test/make.ts'

/**
 * What a full rollback decision costs, in JSON round trips of its own input, both measured in turns in one run: the machine's
 * mood is the same for both. Prints one JSON line.
 */
const ROUNDS = 40
const PER_ROUND = 2000

export function decisionCost(): { bench: string; ratio: number; decision_us: number; round_trip_us: number } {
  const cases: RollbackEvidence[] = [
    breached,
    evidenceOf({
      target: { ...target, entropy: 1, known_good: false },
      database: { state: 'inconsistent', detail: 'x' },
    }),
    evidenceOf({ migrations: { policy: 'undo', newer: [{ name: '0002_add', has_rollback_script: false }] } }),
  ]
  const decisions: number[] = []
  const roundTrips: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    decisions.push(timed((evidence) => mayRollBack(evidence), cases))
    roundTrips.push(timed((evidence) => JSON.parse(JSON.stringify(evidence)), cases))
  }
  const [decision, roundTrip] = [median(decisions), median(roundTrips)]
  return {
    bench: 'decision_cost',
    ratio: rounded(decision / roundTrip),
    decision_us: rounded(decision * 1000),
    round_trip_us: rounded(roundTrip * 1000),
  }
}

/** Milliseconds of one call, on average. */
function timed(call: (evidence: RollbackEvidence) => unknown, cases: readonly RollbackEvidence[]): number {
  const from = performance.now()
  for (let turn = 0; turn < PER_ROUND; turn += 1) call(cases[turn % cases.length]!)
  return (performance.now() - from) / PER_ROUND
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}

console.log(JSON.stringify(decisionCost()))
