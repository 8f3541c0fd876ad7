import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  brake,
  judgeSample,
  mayAbort,
  mayApprove,
  mayFreeze,
  mayOverride,
  mayRecord,
  mayReject,
  mayRollBack,
  mayTransition,
  mayUnfreeze,
  mayVerify,
} from '../src/index.ts'
import { calm, evidenceOf } from './make.ts'

const freeze = { by: 'ana', at: '2026-01-05T14:00:00Z', reason: 'an incident' }
const override = { deployment_id: 'd1', violations: ['inhabitance'] as const, reason: 'checked', authorised: true }
const refused = { event_id: 'e1', deployment_id: 'd1', status: 'aborted', violated: ['inhabitance'], overridden: false }
const overridable = { event: refused, live_deployment_id: 'd1' } as const
const waiting = { deployment_id: 'd1', live_deployment_id: 'd1', waiting: { violated: [] }, decided: null }

type Gate = (evidence: never) => { allowed: boolean; code?: string; reasons?: { message: string }[] }

/** Every gate, with evidence that it lets pass. */
const GATES: [name: string, gate: Gate, evidence: object][] = [
  [
    'mayRollBack',
    mayRollBack,
    evidenceOf({ migrations: { policy: 'keep', newer: [{ name: '0002_add', has_rollback_script: true }] } }),
  ],
  ['mayRollBack, by its override', (given) => mayRollBack(evidenceOf(), given), { ...override, deployment_id: 'bad' }],
  [
    'mayRecord',
    mayRecord,
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
  ['mayApprove', mayApprove, { ...waiting, authorised: true }],
  ['mayReject', mayReject, { ...waiting, authorised: true }],
  ['mayOverride', (given) => mayOverride(given, override), overridable],
  ['mayOverride, by its override', (given) => mayOverride(overridable as never, given), override],
  ['mayAbort', mayAbort, { event_id: 'e1', status: 'in_progress', dispatched: true, live: false }],
  [
    'mayVerify',
    mayVerify,
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
  ['mayFreeze', mayFreeze, { where: 'storefront in production', frozen: null, reason: '', authorised: true }],
  ['mayUnfreeze', mayUnfreeze, { where: 'storefront in production', frozen: freeze, authorised: true }],
  [
    'brake',
    (given) => {
      const { action, reason } = brake(given)
      return { allowed: action === 'auto', code: 'internal_error', reasons: [{ message: reason ?? '' }] }
    },
    {
      mode: 'auto',
      frozen: false,
      automatic_last_hour: 0,
      hourly_cap: 3,
      services_breaching: ['storefront'],
      late: false,
    },
  ],
]

/** Where something is read defensively, or may be left out. */
const FREE = ['.present.sample', '.checks[0].detail', '.checks[1].detail', '.checks[2].detail']

type Path = (string | number)[]
const named = (path: Path) => path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('')

function pathsOf(value: unknown, at: Path = []): Path[] {
  const below = value !== null && typeof value === 'object' ? Object.entries(value) : []
  const inside = below.flatMap(([key, item]) => pathsOf(item, [...at, Array.isArray(value) ? Number(key) : key]))
  const free = FREE.some((field) => named(at) === field)
  return free ? [] : at.length === 0 ? inside : [at, ...inside]
}

function replaced(evidence: object, path: Path, value: unknown): never {
  const copy = structuredClone(evidence)
  const parent = path.slice(0, -1).reduce((node: never, key) => node[key], copy as never) as Record<string, unknown>
  parent[path.at(-1)!] = value
  return copy as never
}

describe.each(GATES)('%s', (name, gate, evidence) => {
  it('lets pass what may pass', () => {
    expect(gate(evidence as never).allowed).toBe(true)
  })

  it('refuses evidence with any field of it absent or of another kind, and names the field', () => {
    for (const path of pathsOf(evidence)) {
      for (const value of [undefined, {}, Symbol('none')]) {
        const { allowed, code, reasons } = gate(replaced(evidence, path, value))
        expect({ path, allowed, code }).toEqual({ path, allowed: false, code: 'internal_error' })
        const what = name.endsWith('by its override') ? 'override' : 'evidence'
        expect(reasons![0]!.message).toContain(`: ${what}${named(path)}`)
        expect(reasons![0]!.message).toContain(' must be ')
      }
    }
  })

  it('refuses whatever is no evidence at all', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.jsonValue(), fc.anything()).filter((given) => given !== undefined),
        (given) => {
          expect(gate(given as never)).toMatchObject({ allowed: false, code: 'internal_error' })
        },
      ),
    )
  })
})

it.each([
  ['mode', 'nonsense', 'mode must be one of auto, ask, observe'],
  ['hourly_cap', Number.NaN, 'hourly_cap must be a finite number, 0 or more'],
  ['hourly_cap', Number.POSITIVE_INFINITY, 'hourly_cap must be a finite number, 0 or more'],
  ['hourly_cap', -1, 'hourly_cap must be a finite number, 0 or more'],
  ['automatic_last_hour', Number.NEGATIVE_INFINITY, 'automatic_last_hour must be a finite number, 0 or more'],
  ['automatic_last_hour', -1, 'automatic_last_hour must be a finite number, 0 or more'],
  ['services_breaching', 'two', 'services_breaching must be a list'],
  ['services_breaching', Number.NaN, 'services_breaching must be a list'],
  ['services_breaching', -3, 'services_breaching must be a list'],
  ['frozen', 1, 'frozen must be an object'],
])('the brake asks people where %s is %s', (field, value, problem) => {
  const given = { ...GATES.at(-1)![2], [field]: value }
  expect(brake(given as never)).toEqual({ action: 'ask', reason: `the brake cannot be judged: evidence.${problem}` })
})

it('a refusal for evidence that cannot be read says what is wrong, and where to turn', () => {
  expect(mayRollBack(evidenceOf({ service: 7 as never }))).toEqual({
    allowed: false,
    code: 'internal_error',
    reasons: [
      {
        message: 'This cannot be judged: evidence.service must be a text.',
        way_out: 'Report it: what asked has a fault.',
      },
    ],
    overridable: false,
    warnings: [],
    validation: {
      compliant: false,
      violations: ['evidence.service must be a text'],
      warnings: [],
      violated: [],
      findings: [],
      preconditions: [],
    },
    profile: null,
    trace: [],
    overridden: [],
  })
})

it.each([
  [{ running_event_id: 7 }, 'evidence.running_event_id must be a text'],
  [{ forced_target: 'yes' }, 'evidence.forced_target must be true or false'],
  [{ checks: {} }, 'evidence.checks must be a list'],
  [
    { database: { state: 'odd', detail: null } },
    'evidence.database.state must be one of consistent, inconsistent, unknown',
  ],
  ...['low', Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0.1, 1.1].map((entropy) => [
    { target: { ...evidenceOf().target, entropy } },
    'evidence.target.entropy must be a number from 0 to 1',
  ]),
  [{ checks: [{ name: 'deployer_able', holds: null, detail: 7 }] }, 'evidence.checks[0].detail must be a text'],
  [
    { checks: [{ name: 'moon_phase', holds: true }] },
    'evidence.checks[0].name must be one of deployer_able, schema_compatible, record_matches_reality',
  ],
  [
    {
      checks: [
        { name: 'deployer_able', holds: false },
        { name: 'schema_compatible', holds: true },
        { name: 'schema_compatible', holds: true },
      ],
    },
    'evidence.checks[2].name must be given once, not schema_compatible again',
  ],
] as [object, string][])('a rollback with %j is refused: %s', (change, problem) => {
  expect(mayRollBack({ ...evidenceOf(), ...change } as never).validation.violations).toEqual([problem])
})

it.each([
  ['table', 'pending', 'failed', 'kind must be one of deployment, rollback'],
  ['deployment', null, 'failed', 'from must be a text'],
  ['deployment', 'pending', {}, 'to must be a text'],
])('a change of %j from %j to %j is refused: %s', (kind, from, to, problem) => {
  const decision = mayTransition(kind as never, from as never, to as never)
  expect(decision).toMatchObject({
    code: 'internal_error',
    reasons: [{ message: `This cannot be judged: ${problem}.` }],
  })
})

it('a record that cannot be read is not out of turn', () => {
  expect(mayRecord({} as never)).toMatchObject({ allowed: false, unfenced: false })
})

it('no status is a status that may change', () => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (from, to) => {
      expect(mayTransition('deployment', from as never, to as never).allowed).toBe(false)
      expect(mayTransition(from as never, 'pending' as never, to as never).allowed).toBe(false)
    }),
  )
})

it('no health is no health, whatever the thresholds', () => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (sample, thresholds) => {
      expect(judgeSample(sample as never, thresholds as never).state).toBe('unknown')
      expect(['healthy', 'watching', 'breach', 'unknown']).toContain(judgeSample(calm, thresholds as never).state)
    }),
  )
})
