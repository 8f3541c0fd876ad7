import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as analysis from '../src/analysis.ts'
import * as face from '../src/index.ts'
import { breached, broken, byPerson, calm, evidenceOf, sampleOf, target, thresholds, watchPolicy } from './make.ts'

/** Whatever the package exports is total, also what is exported tomorrow: the list is not kept by hand. */

const T0 = 1_700_000_000_000
const LATER = '2026-01-05T14:00:00Z'
const plan = {
  phase: 'window',
  deployed_at: T0,
  thresholds: { ...thresholds, evidence: 'sequential', for_seconds: 5 },
  watch: { ...watchPolicy, warm_up_seconds: 5 },
  baseline_breached: ['recent_errors'],
  clean_window: false,
} as const
const watchTick = {
  at: T0 + 300_000,
  sample: calm,
  errors_in_window: 0,
  errors_since_deployed: 0,
  superseded: false,
  rollback_open: false,
}
const watching = face.observe(face.startWatch(plan), { ...watchTick, at: T0 + 20_000 }).state
const verified = { deployed_at: T0, thresholds, watch: watchPolicy }
const verifyTick = { at: T0 + 20_000, sample: calm, errors_total: 1, superseded: false }
const verifying = face.observeVerification(face.startVerification(verified), verifyTick).state
const candidate = {
  deployment_id: 'good',
  service: 'storefront',
  environment: 'production',
  version: 'v1',
  git_commit: 'a7f3b29',
  status: 'success',
  health_check_passed: true,
  deployed_at: '2026-01-05T13:00:00Z',
  quarantined: false,
}
const failing = { ...candidate, deployment_id: 'bad', git_commit: 'b7', deployed_at: LATER }
const override = { deployment_id: 'bad', violations: ['inhabitance'], reason: 'checked', authorised: true }
const waiting = {
  deployment_id: 'd1',
  live_deployment_id: 'd1',
  waiting: { violated: ['inhabitance'] },
  decided: null,
  authorised: true,
}
const freezing = { where: 'storefront in production', frozen: null, reason: 'an incident', authorised: true }
const migrations = { policy: 'undo', newer: [{ name: '0002_add', has_rollback_script: true, obstacle: 'it changed' }] }
const profile = {
  method_type: 'harmonic_resonance',
  risk_to_life: 0,
  entropy_increase: 0,
  geometric_ratio: 1.618,
  target_frequency: 7.83,
  description: 'a deployment',
}
const life = {
  deployment_id: 'd1',
  deployed_at: T0,
  replaced_at: T0 + 8_000,
  observed_until: T0 + 8_000,
  errors: [T0 + 1000, T0 + 2000],
  samples: [sampleOf({ timestamp: new Date(T0 + 1000).toISOString(), requests_per_minute: 9 })],
  baseline_breached: ['recent_errors'],
  label: 'right',
  rolled_back: true,
}
const rules = {
  mode: 'auto',
  thresholds: { ...thresholds, rate_window_seconds: 30, min_requests: 5, error_percent: 5 },
  // Short, since it is replayed many times.
  watch: { ...watchPolicy, window_seconds: 3, auto_rollback_within_seconds: 6 },
}
const patient = { ...thresholds, for_seconds: 30 }
const briefly = { window_seconds: 60, auto_rollback_within_seconds: 90 }
const steady = { errors_per_minute: 3, requests_per_minute: 90 }
const story = {
  service: 'storefront',
  environment: 'production',
  deployment: { deployment_id: 'bad', version: 'v2', git_commit: 'b7', deployed_at: LATER },
  policy: rules,
  baseline_breached: ['recent_errors'],
  samples: [{ at: LATER, phase: 'window', state: 'breach', reason: 'High error rate' }],
  verdicts: [
    {
      at: LATER,
      phase: 'window',
      kind: 'breach',
      reason: 'High error rate',
      signals: face.judgeSample(broken, thresholds).signals,
      fault_at: LATER,
    },
  ],
  decisions: [
    {
      asked_at: LATER,
      reason: 'High error rate',
      detail: 'mode is ask',
      violations: ['inhabitance'],
      status: 'approved',
      decided_at: LATER,
      decided_by: 'ana',
      decision_reason: 'go',
    },
  ],
  observed: [{ at: LATER, detail: 'mode is observe' }],
  rollbacks: [
    {
      event_id: 'e1',
      initiated_at: LATER,
      initiated_by: 'ana',
      trigger_type: 'automatic',
      trigger_reason: 'High error rate',
      status: 'success',
      detail: 'done',
      completed_at: LATER,
      target: { version: 'v1', git_commit: 'a7' },
      validation: face.mayRollBack(evidenceOf({ target: null })).validation,
      trace: face.mayRollBack(breached).trace,
      override: { violations: ['inhabitance'], reason: 'checked', by: 'ana' },
      refused_event_id: 'e0',
      moments: { decided: LATER, live: LATER },
      snapshot: { at: LATER, text: 'Snapshot taken' },
    },
  ],
}

/** Arguments that each function is made for; every part of them is then replaced by nonsense. */
const SOUND: Record<string, unknown[]> = {
  brake: [
    {
      mode: 'auto',
      frozen: { by: 'ana', at: LATER, reason: 'an incident' },
      automatic_last_hour: 0,
      hourly_cap: 3,
      services_breaching: ['storefront'],
      late: false,
    },
  ],
  hourlyCap: [{ rollbacks_per_hour: 2 }],
  mayFreeze: [freezing],
  mayUnfreeze: [{ ...freezing, frozen: { by: 'ana', at: LATER, reason: null } }],
  entropyOf: [broken],
  judgeSample: [
    broken,
    rules.thresholds,
    {
      suppressed: ['recent_errors'],
      after_window: true,
      error_evidence: { value: 300, needed: 200, rate_per_minute: 5, false_alarm_bound: 0.01 },
    },
  ],
  isStable: [calm, thresholds, { breached_recently: false }],
  toHealthReport: [calm, face.judgeSample(broken, thresholds), true],
  evaluateLaws: [profile, { entropy: 0.5 }],
  migrationWarning: [migrations, { state: 'consistent', detail: null }],
  plannedUndo: [migrations, ['total_coherence']],
  mayAbort: [{ event_id: 'e1', status: 'in_progress', dispatched: true, live: false }],
  mayApprove: [waiting],
  mayReject: [waiting],
  mayOverride: [
    {
      event: { event_id: 'e1', deployment_id: 'bad', status: 'aborted', violated: ['inhabitance'], overridden: false },
      live_deployment_id: 'bad',
    },
    override,
  ],
  mayTransition: ['deployment', 'pending', 'failed'],
  mayVerify: [
    {
      deployment_id: 'd1',
      status: 'in_progress',
      health_check_passed: false,
      was_live: true,
      being_watched: false,
      commit_quarantined: false,
      running_event_id: null,
      authorised: true,
    },
  ],
  parseViolationNames: ['stable_system, nonsense'],
  wayOut: ['inhabitance'],
  mayRecord: [
    {
      step: 'intent',
      service: 'storefront',
      environment: 'production',
      git_commit: 'a7f3b29',
      running_event_id: null,
      commit_quarantined: false,
      environment_frozen: false,
      fence_overtaken: false,
      known_good_in_staging: true,
    },
  ],
  mayRollBack: [evidenceOf({ request: byPerson, target: { ...target, entropy: 0.5 } }), override],
  chooseTarget: [[candidate], failing],
  isKnownGood: [candidate],
  sameCommit: ['a7f3b29', 'A7F3B29'],
  isTerminal: ['rollback', 'success'],
  startWatch: [plan],
  countsErrors: [{ ...plan, thresholds }, T0],
  observe: [watching, watchTick],
  startVerification: [verified],
  observeVerification: [verifying, { ...verifyTick, at: T0 + 100_000 }],
  backtest: [[life], rules, rules],
  describePolicy: [rules],
  explainRollback: [story],
  thresholdNoise: [patient, { ...watchPolicy, warm_up_seconds: 5 }, steady, 20],
  falseRollbackChance: [analysis.thresholdNoise(thresholds, watchPolicy, steady)],
  // Rare errors in a short watch, since most of its answers are simulated; noisy all the same.
  criesWolf: [
    { ...rules.thresholds, error_rate_per_minute: 1, error_percent: 0.1 },
    { ...watchPolicy, ...briefly },
    { ...steady, errors_per_minute: 1 },
  ],
}

const NONSENSE: readonly unknown[] = [
  undefined,
  null,
  {},
  [],
  'nonsense',
  Number.NaN,
  -1,
  1e300,
  true,
  { toString: 1, length: -1 },
  [null],
]

type Path = string[]
function pathsOf(value: unknown, at: Path = []): Path[] {
  if (value === null || typeof value !== 'object') return [at]
  return [at, ...Object.entries(value).flatMap(([key, part]) => pathsOf(part, [...at, key]))]
}

function replaced(whole: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value
  const copy: Record<string, unknown> = Array.isArray(whole) ? ([...whole] as never) : { ...(whole as object) }
  copy[key] = replaced(copy[key], rest, value)
  return copy
}

const functionsOf = (exported: object) =>
  Object.entries(exported).filter((entry): entry is [string, (...given: unknown[]) => unknown] => {
    return typeof entry[1] === 'function'
  })
const FUNCTIONS = [...functionsOf(face), ...functionsOf(analysis)]

it('every exported function is tried here', () => {
  expect(FUNCTIONS.map(([name]) => name).sort()).toEqual(Object.keys(SOUND).sort())
})

describe.each(FUNCTIONS)('%s', (name, answer) => {
  const sound = SOUND[name] ?? []

  it('answers where any part of what it is given is nonsense, and changes nothing that it was given', () => {
    const before = structuredClone(sound)
    answer(...sound)
    expect(sound).toEqual(before)
    for (const path of pathsOf(sound)) {
      for (const value of NONSENSE) {
        const given = replaced(sound, path, value)
        try {
          answer(...(Array.isArray(given) ? given : [given]))
        } catch (error) {
          throw new Error(`${name} with ${path.join('.')} ${JSON.stringify(value)}: ${(error as Error).stack}`)
        }
      }
    }
  })

  it('answers whatever JSON it is given', () => {
    const given = fc.array(fc.oneof(fc.jsonValue(), fc.anything()), { maxLength: 4 })
    fc.assert(
      fc.property(given, (values) => {
        answer(...values)
      }),
    )
  })
})

describe('nonsense', () => {
  const partly = (sound: unknown[]) => {
    const paths = pathsOf(sound).filter((path) => path.length > 0)
    return paths.flatMap((path) => NONSENSE.map((value) => replaced(sound, path, value) as never[]))
  }
  const anything = fc.oneof(fc.jsonValue(), fc.anything())

  it('is no target', () => {
    const bad = { ...candidate, quarantined: true }
    for (const [candidates, rolledBack] of partly([[bad], failing]))
      expect(face.chooseTarget(candidates!, rolledBack!).target?.quarantined).not.toBe(true)
    for (const value of NONSENSE.filter((each) => each !== true)) {
      for (const field of ['health_check_passed', 'quarantined'])
        expect(face.chooseTarget([{ ...candidate, [field]: value } as never], failing as never).target).toBeNull()
      expect(face.isKnownGood({ ...candidate, health_check_passed: value as never })).toBe(false)
    }
  })

  it('does not make a deployment known-good', () => {
    const unproved = { ...watchTick, errors_in_window: 9 }
    for (const [state, tick] of partly([face.startWatch({ ...plan, thresholds }), unproved]))
      expect(face.observe(state!, tick!).verdict?.kind).not.toBe('healthy')
    fc.assert(
      fc.property(anything, anything, (state, tick) => {
        expect(face.observe(state as never, tick as never).verdict?.kind).not.toBe('healthy')
        expect(face.observe(state as never, watchTick).verdict?.kind).not.toBe('healthy')
        expect(face.observe(watching, tick as never).verdict).toBeNull()
        expect(face.observeVerification(state as never, tick as never).verdict?.kind).not.toBe('verified')
        expect(face.observeVerification(state as never, verifyTick).verdict?.kind).not.toBe('verified')
        expect(face.observeVerification(verifying, tick as never).verdict).toBeNull()
      }),
    )
  })

  it('is no watch state to go on from, and its plan begins anew', () => {
    const torn = { ...watching, attention: { ...watching.attention, blind_ms: null } }
    const seen = face.observe(torn as never, { ...watchTick, at: T0 + 30_000 })
    expect(seen.state.plan).toEqual(plan)
    expect(seen.state.attention).toMatchObject({ last_at: T0 + 30_000, blind_ms: 0 })
    expect(face.startWatch(null as never).plan).toEqual({
      phase: 'window',
      deployed_at: 0,
      thresholds,
      watch: watchPolicy,
      baseline_breached: [],
      clean_window: false,
    })
    const kept = { ...plan, phase: 'standby', baseline_breached: ['recent_errors'], clean_window: true } as const
    expect(face.startWatch({ ...kept, thresholds: null as never }).plan).toEqual({ ...kept, thresholds })
    expect(face.observe({} as never, watchTick).verdict).toMatchObject({ kind: 'inconclusive', why: 'blind' })
    expect(face.observeVerification({} as never, verifyTick).verdict).toMatchObject({ kind: 'unverified' })
  })

  it('is shown as nothing in a report', () => {
    const odd = { ...calm, timestamp: 7, recent_errors: 'many', active_queries: null }
    expect(face.toHealthReport(odd as never, null as never, 1 as never)).toEqual({
      healthy: false,
      error_rate_per_minute: 0,
      recent_errors: null,
      database_connections: 20,
      active_queries: null,
      timestamp: '',
      database_connection_utilization: 0.2,
      p95_response_ms: 120,
      memory_percent: 40,
      warnings: [],
      unavailable: [],
    })
    const warned = face.judgeSample(sampleOf({ memory_percent: 97 }), thresholds)
    expect(face.toHealthReport(calm, warned, true).warnings).toEqual(['High memory usage: 97%, above 95%'])
    for (const verdict of [[], { warnings: 'all well' }] as never[])
      expect(face.toHealthReport(calm, verdict, true)).toMatchObject({ healthy: true, warnings: [] })
  })

  it('is no commit, and none is the same', () => {
    expect(face.sameCommit(undefined as never, undefined as never)).toBe(false)
    expect(face.sameCommit('a7f3b29', null as never)).toBe(false)
    expect(face.sameCommit(null as never, 'a7f3b29')).toBe(false)
  })

  it('is not stable', () => {
    for (const evidence of [{}, null, { breached_recently: null }, { breached_recently: 0 }] as never[])
      expect(face.isStable(calm, thresholds, evidence)).toBe(false)
    const { unavailable: _, ...silent } = calm
    expect(face.isStable(silent as never, thresholds, { breached_recently: false })).toBe(false)
    expect(face.toHealthReport(silent as never, face.judgeSample(calm, thresholds), false).unavailable).toEqual([
      'unavailable',
    ])
  })

  it('is told, where somebody asked what it means', () => {
    expect(analysis.explainRollback({ ...story, rollbacks: [7] } as never)).toEqual({
      outcome: 'not_rolled_back',
      headline: 'This cannot be explained: story.rollbacks[0] must be an object',
      rules: [],
      lines: [],
    })
    const failed = analysis.backtest([{ ...life, errors: ['now'] }] as never, rules as never, rules as never)
    expect(failed).toMatchObject({
      headline: 'Nothing is replayed: deployments[0].errors[0] must be a finite number',
      rows: [],
    })
    const late = analysis.backtest([{ ...life, deployed_at: 9e15 }] as never, rules as never, rules as never)
    expect(late.headline).toBe('Nothing is replayed: deployments[0].deployed_at must be a moment in milliseconds')
    expect(face.migrationWarning({ policy: 'keep' } as never, { state: 'consistent', detail: null })).toBe(
      'What becomes of migrations newer than the target cannot be told: migrations.newer must be a list',
    )
    expect(analysis.falseRollbackChance([{}] as never)).toEqual({ at_least: 0, at_most: 1 })
    expect(analysis.describePolicy({} as never).at(-1)).toBe('The mode is not stored.')
    expect(face.wayOut('nonsense' as never)).toBe('Report it: what asked has a fault.')
  })
})
