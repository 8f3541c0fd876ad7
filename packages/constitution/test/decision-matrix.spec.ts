import { expect, it } from 'vitest'
import { type HealthSample, isStable, judgeSample, mayRollBack } from '../src/index.ts'
import { byPerson, evidenceOf, sampleOf, thresholds } from './make.ts'

const consistent = { state: 'consistent', detail: null } as const
const failedMigration = { state: 'inconsistent', detail: 'migration 0004_pay failed' } as const

type Answer = 'yes' | 'no' | 'with override'
type Row = [scenario: string, sample: Partial<HealthSample>, database: object, automatic: Answer, manual: Answer]

/** The promised matrix, a row each. A person always can; where data is at risk, by naming what is overridden. */
const MATRIX: Row[] = [
  ['Error rate > 5/min', { error_rate_per_minute: 8 }, consistent, 'yes', 'yes'],
  ['Error rate 1-5/min', { error_rate_per_minute: 3 }, consistent, 'no', 'yes'],
  ['Feature bug (no errors)', {}, consistent, 'no', 'yes'],
  ['Security vulnerability', {}, consistent, 'no', 'yes'],
  ['Performance degradation', { p95_response_ms: 9000 }, consistent, 'no', 'yes'],
  ['Database migration issue', { error_rate_per_minute: 8 }, failedMigration, 'no', 'with override'],
]

it.each(MATRIX)('%s', (_scenario, change, database, automatic, manual) => {
  const sample = sampleOf(change)
  const stable = isStable(sample, thresholds, { breached_recently: false })
  const evidence = evidenceOf({ present: { sample, stable }, database: database as typeof consistent })

  const triggered = judgeSample(sample, thresholds).state === 'breach'
  expect(triggered && mayRollBack(evidence).allowed ? 'yes' : 'no').toBe(automatic)

  const asked = { ...evidence, request: byPerson }
  const decision = mayRollBack(asked)
  const { violated } = decision.validation
  const override = { deployment_id: 'bad', violations: violated, reason: 'restored by hand', authorised: true }
  const overridden = mayRollBack(asked, override).allowed ? 'with override' : 'no'
  expect(decision.allowed ? 'yes' : overridden).toBe(manual)
})
