import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Candidate, chooseTarget, isKnownGood, sameCommit } from '../src/index.ts'

const failing = {
  deployment_id: 'bad',
  service: 'storefront',
  environment: 'production',
  git_commit: 'b'.repeat(40),
  deployed_at: '2026-01-05T14:00:00Z',
}
const candidateOf = (change: Partial<Candidate> = {}): Candidate => ({
  deployment_id: 'good',
  service: 'storefront',
  environment: 'production',
  version: 'v2.5.2',
  git_commit: 'a7f3b29',
  status: 'success',
  health_check_passed: true,
  deployed_at: '2026-01-05T13:45:00Z',
  quarantined: false,
  ...change,
})

describe('the target', () => {
  it('is the newest known-good deployment before the failing one', () => {
    const newer = candidateOf({ deployment_id: 'newer', version: 'v2.5.2b', deployed_at: '2026-01-05T14:50:00+01:00' })
    expect(chooseTarget([candidateOf(), newer], failing)).toEqual({
      target: newer,
      reason: 'v2.5.2b is the newest known-good deployment before the failing one',
      passed_over: [],
    })
  })

  it.each<[Partial<Candidate>, string]>([
    [{ deployment_id: 'bad' }, 'it is the failing deployment itself'],
    [{ service: 'billing' }, 'it belongs to billing in production'],
    [{ environment: 'staging' }, 'it belongs to storefront in staging'],
    [{ status: 'in_progress' }, 'its status is in_progress'],
    [{ status: 'rolled_back' }, 'its status is rolled_back'],
    [{ health_check_passed: false }, 'its health check has not passed'],
    [{ deployed_at: failing.deployed_at }, 'it is not older than the failing deployment'],
    [{ deployed_at: '2026-01-05T14:01:00Z' }, 'it is not older than the failing deployment'],
    [{ deployed_at: null }, 'it is not older than the failing deployment'],
    [{ git_commit: 'BBBBBBB' }, 'it is of the same commit'],
    [{ quarantined: true }, 'its commit is quarantined'],
    [{ health_check_passed: 'yes' as never }, 'candidate.health_check_passed must be true or false'],
    [{ quarantined: undefined as never }, 'candidate.quarantined must be true or false'],
  ])('is never one with %j', (change, reason) => {
    expect(chooseTarget([candidateOf(change)], failing)).toMatchObject({
      target: null,
      reason: 'No valid rollback target found for storefront in production',
      passed_over: [{ version: 'v2.5.2', reason }],
    })
  })

  it('is the newest by time, whatever its id', () => {
    const newer = candidateOf({ deployment_id: 'a', deployed_at: '2026-01-05T13:50:00Z' })
    expect(chooseTarget([candidateOf(), newer], failing).target).toBe(newer)
  })

  it.each([['abc'], ['acb'], ['bac'], ['bca'], ['cab'], ['cba']])(
    'is the one of the greatest id of %s, if all are as old',
    (order) => {
      const candidates = [...order].map((deployment_id) =>
        candidateOf({ deployment_id, quarantined: deployment_id === 'c' }),
      )
      const { target, passed_over } = chooseTarget(candidates, failing)
      expect(target?.deployment_id).toBe('b')
      expect(passed_over).toEqual([{ deployment_id: 'c', version: 'v2.5.2', reason: 'its commit is quarantined' }])
    },
  )

  it('is none where there are no candidates', () => {
    expect(chooseTarget([], failing)).toMatchObject({ target: null, passed_over: [] })
  })

  it('is the same whatever order the candidates come in', () => {
    const candidate = fc.record({
      deployment_id: fc.uuid(),
      status: fc.constantFrom('success' as const, 'failed' as const),
      deployed_at: fc.constantFrom('2026-01-05T13:00:00Z', '2026-01-05T13:30:00Z', null),
      quarantined: fc.boolean(),
    })
    const ids = (c: { deployment_id: string }) => c.deployment_id
    fc.assert(
      fc.property(fc.uniqueArray(candidate, { selector: ids, maxLength: 12 }), (changes) => {
        const candidates = changes.map(candidateOf)
        const choice = chooseTarget(candidates, failing)
        expect(chooseTarget([...candidates].reverse(), failing)).toEqual(choice)
        const good = changes.some((c) => c.status === 'success' && c.deployed_at !== null && !c.quarantined)
        expect(choice.target !== null).toBe(good)
      }),
    )
  })
})

it('names what it cannot read, and is chosen among the others', () => {
  const odd = [null, { deployment_id: 7, version: 'v3' }] as never[]
  expect(chooseTarget([...odd, candidateOf()], failing)).toMatchObject({
    target: { deployment_id: 'good' },
    passed_over: [
      { deployment_id: 'unknown', version: 'unknown', reason: 'candidate must be an object' },
      { deployment_id: 'unknown', version: 'v3', reason: 'candidate.deployment_id must be a text' },
    ],
  })
  expect(chooseTarget([candidateOf()], { ...failing, git_commit: null as never })).toEqual({
    target: null,
    reason: 'No valid rollback target found: failing.git_commit must be a text',
    passed_over: [],
  })
})

it.each([
  ['success', true, true],
  ['success', false, false],
  ['success', null, false],
  ['failed', true, false],
  ['in_progress', true, false],
])('a deployment that is %s with a health check %s is known-good: %s', (status, health_check_passed, good) => {
  expect(isKnownGood({ status, health_check_passed })).toBe(good)
})

it.each([
  ['a7f3b29', 'A7F3B29', true],
  ['a7f3b29', `a7f3b29${'0'.repeat(33)}`, true],
  ['a7f3b2', `a7f3b2${'0'.repeat(34)}`, false],
  ['release', 'release-2', false],
  ['', 'a7f3b29', false],
  ['release', 'Release', true],
  ['v-a7f3b29', 'v-a7f3b29-1', false],
  ['a7f3b29-x', 'a7f3b29-xy', false],
])('commits %s and %s are the same: %s', (a, b, same) => {
  expect(sameCommit(a, b)).toBe(same)
})
