import { describe, expect, it } from 'vitest'
import {
  type AbortEvidence,
  type BrakeEvidence,
  brake,
  DEPLOYMENT_STATUSES,
  type Decision,
  mayAbort,
  mayApprove,
  mayOverride,
  mayRecord,
  mayReject,
  mayVerify,
  type OverrideEvidence,
  parseViolationNames,
  type RecordEvidence,
  ROLLBACK_STATUSES,
  type VerifyEvidence,
  type WaitingEvidence,
} from '../src/index.ts'

const codeOf = (decision: Decision) => (decision.allowed ? 'allowed' : decision.code)

describe('recording', () => {
  const evidence: RecordEvidence = {
    step: 'intent',
    service: 'storefront',
    environment: 'production',
    git_commit: 'a7f3b29',
    running_event_id: null,
    commit_quarantined: false,
    environment_frozen: false,
    fence_overtaken: false,
    known_good_in_staging: null,
  }

  it.each<[Partial<RecordEvidence>, string, boolean]>([
    [{}, 'allowed', false],
    [{ running_event_id: 'e1' }, 'rollback_in_progress', true],
    [{ commit_quarantined: true }, 'commit_quarantined', true],
    [{ environment_frozen: true }, 'environment_frozen', false],
    [{ environment_frozen: true, commit_quarantined: true }, 'commit_quarantined', true],
    [{ fence_overtaken: true }, 'allowed', true],
  ])('%j: the intent is %s; the fact is accepted, unfenced: %s', (change, code, unfenced) => {
    const intent = mayRecord({ ...evidence, ...change })
    expect(codeOf(intent)).toBe(code)
    expect(intent.unfenced).toBe(false)
    const fact = mayRecord({ ...evidence, ...change, step: 'live' })
    expect(fact).toMatchObject({ allowed: true, unfenced })
    expect(fact.warnings.length > 0).toBe(Object.keys(change).length > 0)
  })

  it('tells every reason at once', () => {
    const decision = mayRecord({
      ...evidence,
      running_event_id: 'e1',
      commit_quarantined: true,
      environment_frozen: true,
    })
    expect(decision.allowed ? [] : decision.reasons).toHaveLength(3)
  })

  it.each([
    [null, 0],
    [true, 0],
    [false, 1],
  ])('with known_good_in_staging %s gives %s warnings', (known_good_in_staging, count) => {
    expect(mayRecord({ ...evidence, known_good_in_staging }).warnings).toHaveLength(count)
  })
})

it('a gate that has nothing to add adds nothing', () => {
  const waiting = { deployment_id: 'd1', live_deployment_id: 'd1', waiting: { violated: [] }, decided: null }
  expect(mayApprove({ ...waiting, authorised: true })).toEqual({ allowed: true, warnings: [] })
  expect(mayApprove({ ...waiting, authorised: false })).toMatchObject({ allowed: false, warnings: [] })
})

describe('deciding what waits', () => {
  const waiting: WaitingEvidence = {
    deployment_id: 'd1',
    live_deployment_id: 'd1',
    waiting: { violated: [] },
    decided: null,
    authorised: true,
  }

  it.each<[Partial<WaitingEvidence>, string, string]>([
    [{}, 'allowed', 'allowed'],
    [{ authorised: false }, 'forbidden', 'forbidden'],
    [{ waiting: null }, 'nothing_waiting', 'nothing_waiting'],
    [{ decided: 'approved by ana', waiting: null }, 'already_decided', 'already_decided'],
    [{ live_deployment_id: 'd2' }, 'superseded', 'superseded'],
    [{ live_deployment_id: null }, 'superseded', 'superseded'],
    [{ waiting: { violated: ['total_coherence'] } }, 'constitutional_rejection', 'allowed'],
  ])('%j: approve %s, reject %s', (change, approve, reject) => {
    expect(codeOf(mayApprove({ ...waiting, ...change }))).toBe(approve)
    expect(codeOf(mayReject({ ...waiting, ...change }))).toBe(reject)
  })

  it.each([
    [['total_coherence'], true],
    [['no_target'], false],
  ] as const)('a refusal for %j is overridable: %s', (violated, overridable) => {
    expect(mayApprove({ ...waiting, waiting: { violated } })).toMatchObject({ overridable })
  })
})

describe('overriding', () => {
  const evidence: OverrideEvidence = {
    event: {
      event_id: 'e1',
      deployment_id: 'd1',
      status: 'aborted',
      violated: ['inhabitance', 'stable_system'],
      overridden: false,
    },
    live_deployment_id: 'd1',
  }
  const override = {
    deployment_id: 'd1',
    violations: ['stable_system', 'inhabitance'] as const,
    reason: 'checked by hand',
    authorised: true,
  }
  const eventOf = (change: Partial<OverrideEvidence['event']>) => ({ event: { ...evidence.event, ...change } })

  it.each<[Partial<OverrideEvidence>, string]>([
    [{}, 'allowed'],
    [eventOf({ status: 'in_progress' }), 'not_overridable'],
    [eventOf({ status: 'failed' }), 'not_overridable'],
    [eventOf({ violated: [] }), 'not_overridable'],
    [eventOf({ violated: ['no_target'] }), 'not_overridable'],
    [eventOf({ overridden: true }), 'already_decided'],
    [{ live_deployment_id: 'd2' }, 'superseded'],
  ])('with %j is %s', (change, code) => {
    expect(codeOf(mayOverride({ ...evidence, ...change }, override))).toBe(code)
  })

  it.each([
    [{ authorised: false }, 'forbidden'],
    [{ reason: '' }, 'override_incomplete'],
    [{ violations: ['inhabitance'] as const }, 'override_incomplete'],
    [{ violations: ['inhabitance', 'stable_system', 'total_coherence'] as const }, 'override_not_covering'],
    [{ deployment_id: 'd2' }, 'override_not_covering'],
  ])('by %j is %s', (change, code) => {
    expect(codeOf(mayOverride(evidence, { ...override, ...change }))).toBe(code)
  })

  it('reads names as people type them', () => {
    expect(parseViolationNames(' stable_system,no_target  stable_system, luck')).toEqual({
      names: ['stable_system', 'no_target'],
      unknown: ['luck'],
    })
    expect(parseViolationNames('')).toEqual({ names: [], unknown: [] })
  })
})

describe('aborting', () => {
  const running: AbortEvidence = { event_id: 'e1', status: 'in_progress', dispatched: false, live: false }

  it.each<[Partial<AbortEvidence>, string]>([
    [{}, 'aborted'],
    [{ status: 'pending' }, 'aborted'],
    [{ dispatched: true }, 'failed'],
    [{ dispatched: true, live: true }, 'abort_too_late'],
    ...ROLLBACK_STATUSES.slice(2).map((status): [Partial<AbortEvidence>, string] => [{ status }, 'already_decided']),
  ])('%j ends %s', (change, end) => {
    const decision = mayAbort({ ...running, ...change })
    expect(decision.allowed ? decision.ends_as : decision.code).toBe(end)
  })
})

describe('marking verified', () => {
  const evidence: VerifyEvidence = {
    deployment_id: 'd1',
    status: 'in_progress',
    health_check_passed: false,
    was_live: true,
    being_watched: false,
    commit_quarantined: false,
    running_event_id: null,
    authorised: true,
  }

  it.each<[Partial<VerifyEvidence>, string]>([
    [{ authorised: false }, 'forbidden'],
    [{ status: 'success', health_check_passed: true }, 'already_decided'],
    [{ was_live: false, status: 'failed' }, 'not_verifiable'],
    [{ being_watched: true }, 'not_verifiable'],
    [{ running_event_id: 'e1' }, 'not_verifiable'],
    [{ commit_quarantined: true }, 'not_verifiable'],
  ])('with %j is %s', (change, code) => {
    expect(codeOf(mayVerify({ ...evidence, ...change }))).toBe(code)
  })

  it('is for what was live and not rolled back', () => {
    const verifiable = DEPLOYMENT_STATUSES.filter((status) => mayVerify({ ...evidence, status }).allowed)
    expect(verifiable).toEqual(['in_progress', 'success', 'failed'])
  })
})

describe('the brake', () => {
  const free: BrakeEvidence = {
    mode: 'auto',
    frozen: false,
    automatic_last_hour: 2,
    hourly_cap: 3,
    services_breaching: 2,
    late: false,
  }

  it.each<[Partial<BrakeEvidence>, string, string | null]>([
    [{}, 'auto', null],
    [{ mode: 'ask' }, 'ask', 'mode is ask'],
    [{ mode: 'observe' }, 'observe', 'mode is observe'],
    [{ mode: 'observe', frozen: true }, 'observe', 'mode is observe'],
    [{ frozen: true }, 'ask', 'automatic rollbacks are frozen'],
    [{ late: true }, 'ask', 'the breach came late: the deployment is a less likely cause'],
    [{ late: true, mode: 'ask', frozen: true }, 'ask', 'the breach came late: the deployment is a less likely cause'],
    [{ late: true, mode: 'observe' }, 'observe', 'mode is observe'],
    [{ services_breaching: 3 }, 'ask', '3 services are in breach together: shared cause?'],
    [{ automatic_last_hour: 3 }, 'ask', '3 automatic rollbacks in the last hour, the cap is 3'],
    [{ hourly_cap: 0, automatic_last_hour: 0 }, 'ask', '0 automatic rollbacks in the last hour, the cap is 0'],
  ])('%j → %s (%s)', (change, action, reason) => {
    expect(brake({ ...free, ...change })).toEqual({ action, reason })
  })
})
