import { describe, expect, it } from 'vitest'
import {
  type Decision,
  mayAbort,
  mayApprove,
  mayOverride,
  mayRecord,
  mayReject,
  mayRollBack,
  mayVerify,
  type RecordEvidence,
  RULES,
  VALIDATION_FAILED,
  type VerifyEvidence,
  VIOLATIONS,
  type WaitingEvidence,
  wayOut,
} from '../src/index.ts'
import { breached, evidenceOf, target } from './make.ts'

/** What a refusal tells, in full: the fact, and the way out of each reason. */
const toldBy = (decision: Decision) =>
  decision.allowed ? decision.warnings : decision.reasons.map(({ message, way_out }) => `${message} ${way_out}`)

const SIGN_IN = 'Deciding this is for those who are authorised to. Sign in as someone who may, or ask one of them.'

describe('to a rollback that may not be now, the answer is', () => {
  const deployment = { ...breached.deployment, deployment_id: 'bad' }

  it.each([
    [
      { running_event_id: 'e1' },
      'Rollback e1 is already running for storefront in production. Follow it, or abort it first.',
    ],
    [{ live: null }, 'Deployment bad is not live: nothing is. Only the live deployment can be rolled back.'],
    [{ live: target }, 'Deployment bad is not live: v2.5.2 (good) is. Only the live deployment can be rolled back.'],
    [
      { deployment: { ...deployment, is_replacement: true } },
      'Deployment bad is itself a rollback, and those are never rolled back automatically. Let a person decide.',
    ],
    [
      { deployment: { ...deployment, automatic_tried: true } },
      'Deployment bad has had its one automatic rollback. Let a person decide.',
    ],
  ])('with %j: %s', (change, told) => {
    const decision = mayRollBack(evidenceOf(change))
    expect(toldBy(decision)).toEqual([told])
    expect(decision).toMatchObject({ allowed: false, overridable: false })
  })

  it('whatever else was found rides along', () => {
    const newer = [{ name: '0002_add', has_rollback_script: true }]
    const decision = mayRollBack(evidenceOf({ running_event_id: 'e1', migrations: { policy: 'keep', newer } }))
    expect(decision.warnings).toEqual(['Migrations newer than the target stay in place: 0002_add'])
    expect(decision.validation.compliant).toBe(true)
  })
})

describe('to a rollback that is refused, the answer', () => {
  it('names what decided first, then the laws, then the other preconditions', () => {
    const database = { state: 'inconsistent', detail: null } as const
    expect(toldBy(mayRollBack(evidenceOf({ target: null, database })))).toEqual([
      `No valid rollback target found for storefront in production ${wayOut('no_target')}`,
      `Database in inconsistent state: a migration failed or is unfinished ${wayOut('database_inconsistent')}`,
    ])
    const forced = { ...target, known_good: false }
    expect(toldBy(mayRollBack(evidenceOf({ target: forced, database })))).toEqual([
      `Law of Inhabitance violated: risk_to_life must be 0, was 1: the database is inconsistent ${wayOut('inhabitance')}`,
      `Law of Harmonic Attraction violated: brute_force without 7.83 Hz, was 0 Hz ${wayOut('harmonic_attraction')}`,
      `Database in inconsistent state: a migration failed or is unfinished ${wayOut('database_inconsistent')}`,
    ])
  })

  it('holds what each precondition saw, passed or not', () => {
    const seen = (change: Parameters<typeof evidenceOf>[0]) =>
      mayRollBack(evidenceOf(change)).validation.preconditions.map(({ rule, ...finding }) => ({
        ...finding,
        message: finding.message === rule ? 'as the rule' : finding.message,
      }))
    expect(seen({})).toEqual([
      { precondition: 'stable_system', passed: true, observed: 'not stable', message: 'as the rule' },
      { precondition: 'no_target', passed: true, observed: 'v2.5.2 (a7f3b29)', message: 'as the rule' },
      { precondition: 'database_inconsistent', passed: true, observed: 'consistent', message: 'as the rule' },
    ])
    const change = {
      present: { ...breached.present, stable: true },
      target: null,
      database: { state: 'inconsistent', detail: '0004 failed' },
    } as const
    expect(seen(change)).toEqual([
      {
        precondition: 'stable_system',
        passed: false,
        observed: 'stable',
        message: 'System already stable: error rate below 1/minute and no signal in breach',
      },
      {
        precondition: 'no_target',
        passed: false,
        observed: 'none',
        message: 'No valid rollback target found for storefront in production',
      },
      {
        precondition: 'database_inconsistent',
        passed: false,
        observed: 'inconsistent: 0004 failed',
        message: 'Database in inconsistent state: 0004 failed',
      },
    ])
  })

  it('has a way out for every violation, and an override for all but a missing target', () => {
    expect(VIOLATIONS.map((name) => wayOut(name))).toEqual([
      'Add the missing rollback scripts, repair the database, or set "migrations: keep". Or let an authorised person override inhabitance with a reason.',
      'Choose a known-good target, or mark this one verified with "roman verify". Or let an authorised person override harmonic_attraction with a reason.',
      'Choose a healthier target, or wait until health can be read. Or let an authorised person override total_coherence with a reason.',
      'Repair what the failed check names. Or let an authorised person override structural_integrity with a reason.',
      'Say who asks for it (initiated_by) and why. Or let an authorised person override stable_system with a reason.',
      'Mark an earlier deployment verified with "roman verify", or fix forward.',
      'Finish or resolve the failed migration, or restore the database. Or let an authorised person override database_inconsistent with a reason.',
    ])
  })
})

it('the rules are told in plain words', () => {
  expect(VIOLATIONS.map((name) => RULES[name])).toEqual([
    'The action must not put data, or those who depend on it, at risk.',
    'The action restores a known-good state; force without one is refused.',
    'While the system is unstable, the action must not make it more disordered.',
    'Every structural check of the plan must hold.',
    'A system that is already stable is not rolled back unless a person asks for it.',
    'There must be an earlier known-good deployment to go back to.',
    'The latest migration must have finished before code is moved under it.',
  ])
  expect(VALIDATION_FAILED).toBe('Constitutional validation failed')
})

describe('to an override that is faulty, the answer is', () => {
  const event = {
    event_id: 'e1',
    deployment_id: 'bad',
    status: 'aborted',
    violated: ['stable_system', 'inhabitance', 'database_inconsistent'],
    overridden: false,
  } as const
  const override = {
    deployment_id: 'bad',
    violations: ['inhabitance', 'stable_system', 'database_inconsistent'] as const,
    reason: 'restored by hand',
    authorised: true,
  }
  const evidence = { event, live_deployment_id: 'bad' }
  const EXACTLY = 'Name exactly what was violated: inhabitance,stable_system,database_inconsistent.'

  it.each([
    [
      { event: { ...event, status: 'success' } as const },
      'Rollback e1 was not refused by the constitution. Only a refused rollback can be overridden.',
    ],
    [
      { event: { ...event, violated: ['no_target', 'inhabitance'] as const } },
      `Rollback e1 has no target to go back to, and nothing lifts that. ${wayOut('no_target')}`,
    ],
    [{ event: { ...event, overridden: true } }, 'Rollback e1 was already overridden. Follow the newer rollback.'],
    [{ live_deployment_id: null }, 'Deployment bad is not live any more. Ask anew for the live deployment.'],
  ])('with %j: %s', (change, told) => {
    expect(toldBy(mayOverride({ ...evidence, ...change }, override))).toEqual([told])
  })

  it.each([
    [
      { authorised: false },
      'Overriding the constitution is for those who are authorised to. Sign in as someone who may, or ask one of them.',
    ],
    [{ reason: ' ' }, 'An override needs a reason. Say why, in the reason.'],
    [{ deployment_id: 'other' }, 'The override is for deployment other, not bad. Ask anew for the live deployment.'],
    [
      { violations: ['stable_system'] as const },
      `The override does not name inhabitance, database_inconsistent. ${EXACTLY}`,
    ],
    [
      { violations: [...override.violations, 'total_coherence', 'structural_integrity'] as const },
      `The override names what was not violated: total_coherence, structural_integrity. ${EXACTLY}`,
    ],
  ])('by %j: %s', (change, told) => {
    expect(toldBy(mayOverride(evidence, { ...override, ...change }))).toEqual([told])
  })

  it('on fresh evidence, where something else is violated: name that too', () => {
    const database = { state: 'inconsistent', detail: null } as const
    const decision = mayRollBack(evidenceOf({ database, present: { ...breached.present, stable: true } }), {
      ...override,
      violations: ['stable_system'],
    })
    expect(toldBy(decision)).toEqual([
      'The override does not name inhabitance, database_inconsistent. Name every violation: inhabitance,stable_system,database_inconsistent.',
    ])
    expect(decision).toMatchObject({ overridable: true, warnings: decision.validation.warnings })
  })
})

describe('to a person who decides what waits, the answer is', () => {
  const waiting: WaitingEvidence = {
    deployment_id: 'd1',
    live_deployment_id: 'd1',
    waiting: { violated: [] },
    decided: null,
    authorised: true,
  }

  it.each<[Partial<WaitingEvidence>, string]>([
    [{ authorised: false }, SIGN_IN],
    [{ decided: 'approved by ana' }, 'Deployment d1 was already approved by ana. See its timeline.'],
    [{ live_deployment_id: null }, 'Deployment d1 is not live. Decide about the live deployment.'],
    [{ live_deployment_id: 'd2' }, 'Deployment d1 is not live any more: d2 is. Decide about the live deployment.'],
    [
      { waiting: null },
      'Nothing waits for a decision on deployment d1. Start a rollback of your own with a reason, if it is needed.',
    ],
  ])('with %j: %s', (change, told) => {
    expect(toldBy(mayApprove({ ...waiting, ...change }))).toEqual([told])
    expect(toldBy(mayReject({ ...waiting, ...change }))).toEqual([told])
  })

  it('where the constitution refused: every violation with its way out', () => {
    const decision = mayApprove({ ...waiting, waiting: { violated: ['inhabitance', 'stable_system'] } })
    expect(decision).toEqual({
      allowed: false,
      code: 'constitutional_rejection',
      reasons: (['inhabitance', 'stable_system'] as const).map((name) => ({
        name,
        message: `This rollback was refused for ${name}.`,
        way_out: wayOut(name),
      })),
      overridable: true,
      warnings: [],
    })
  })
})

describe('to an abort, the answer is', () => {
  const running = { event_id: 'e1', status: 'in_progress', dispatched: true, live: false } as const

  it.each([
    [{ status: 'failed' } as const, 'Rollback e1 has already ended: failed. See its steps.'],
    [{ live: true }, 'Rollback e1 has already put its target live. Deploy the wanted version forward instead.'],
    [{}, 'The deployer is cancelled; the failing deployment stays live.'],
  ])('with %j: %s', (change, told) => {
    expect(toldBy(mayAbort({ ...running, ...change }))).toEqual([told])
  })

  it('nothing more before the deployer was asked', () => {
    expect(mayAbort({ ...running, dispatched: false })).toEqual({ allowed: true, warnings: [], ends_as: 'aborted' })
  })
})

describe('to one who marks a deployment verified, the answer is', () => {
  const evidence: VerifyEvidence = {
    deployment_id: 'd1',
    status: 'failed',
    health_check_passed: false,
    was_live: true,
    being_watched: false,
    commit_quarantined: false,
    running_event_id: null,
    authorised: true,
  }

  it.each<[Partial<VerifyEvidence>, string]>([
    [{}, 'Marked by a person: no clean window or verification proved it.'],
    [{ authorised: false }, SIGN_IN],
    [{ status: 'success', health_check_passed: true }, 'Deployment d1 is known-good already. There is nothing to do.'],
    [
      { status: 'rolled_back' },
      'Deployment d1 is rolled_back. Only a deployment that was live and not rolled back can be marked verified.',
    ],
    [
      { was_live: false },
      'Deployment d1 never was live. Only a deployment that was live and not rolled back can be marked verified.',
    ],
    [{ being_watched: true }, 'Deployment d1 is still being watched. Wait for the guard’s verdict.'],
    [{ running_event_id: 'e1' }, 'Rollback e1 of it is running. Wait for its end, or abort it first.'],
    [{ commit_quarantined: true }, 'The commit of deployment d1 is quarantined. Release it first.'],
  ])('with %j: %s', (change, told) => {
    expect(toldBy(mayVerify({ ...evidence, ...change }))).toEqual([told])
  })

  it('the same whether or not a health check passed, unless it was a success', () => {
    expect(mayVerify({ ...evidence, health_check_passed: true }).allowed).toBe(true)
  })
})

describe('to one who records a deployment, the answer is', () => {
  const evidence: RecordEvidence = {
    step: 'intent',
    service: 'storefront',
    environment: 'production',
    git_commit: 'a7f3b29',
    running_event_id: 'e1',
    commit_quarantined: true,
    environment_frozen: true,
    fence_overtaken: true,
    known_good_in_staging: false,
  }
  const FACTS = [
    'Rollback e1 is running for storefront in production.',
    'Commit a7f3b29 is quarantined for storefront in production: it was rolled back there.',
    'storefront in production is frozen.',
  ]
  const STAGING = 'This version was never known-good in staging.'

  it('before the switch, everything that speaks against it, with the way out', () => {
    const decision = mayRecord(evidence)
    expect(toldBy(decision)).toEqual([
      `${FACTS[0]} Deploy again when it has ended, or abort it first.`,
      `${FACTS[1]} Deploy a fix as a new commit, or let a person release it: "roman release".`,
      `${FACTS[2]} Wait, or lift it: "roman freezes" says how it is named.`,
    ])
    expect(decision).toMatchObject({ overridable: false, warnings: [STAGING], unfenced: false })
  })

  it('after it, the same as warnings', () => {
    expect(mayRecord({ ...evidence, step: 'live' })).toEqual({
      allowed: true,
      warnings: [STAGING, ...FACTS, 'A newer deployment took its turn after this one and is replaced by it.'],
      unfenced: true,
    })
  })
})
