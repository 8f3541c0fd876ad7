import { describe, expect, it } from 'vitest'
import { brake, DEFAULT_POLICY, type Freeze, hourlyCap, mayFreeze, mayUnfreeze } from '../src/index.ts'

const free = {
  mode: 'auto',
  frozen: false,
  automatic_last_hour: 0,
  hourly_cap: 3,
  services_breaching: 1,
  late: false,
} as const
const freeze: Freeze = { by: 'ada', at: '2026-01-05T14:00:00Z', reason: 'release week' }
const request = { where: 'storefront in production', frozen: null, reason: 'release week', authorised: true }

describe('a freeze', () => {
  it.each<[true | Freeze, string]>([
    [true, 'automatic rollbacks are frozen'],
    [freeze, 'automatic rollbacks are frozen by ada since 2026-01-05T14:00:00Z: release week'],
    [{ by: null, at: null, reason: null }, 'automatic rollbacks are frozen'],
  ])('%j makes the guard ask, and says so', (frozen, reason) => {
    expect(brake({ ...free, frozen })).toEqual({ action: 'ask', reason })
  })

  it('may be set by whoever is authorised, and is told what it does', () => {
    expect(mayFreeze(request)).toEqual({
      allowed: true,
      warnings: [
        'Automatic rollbacks stop, and deployments that ask first are refused; people can still roll back, approve and override.',
      ],
    })
    const nameless = mayFreeze({ ...request, reason: '  ' })
    expect(nameless).toMatchObject({ allowed: true })
    expect(nameless.warnings[1]).toBe('No reason was given: whoever finds this freeze cannot tell when to lift it.')
  })

  it('is not set twice, nor lifted where there is none', () => {
    expect(mayFreeze({ ...request, frozen: freeze })).toMatchObject({
      allowed: false,
      code: 'already_decided',
      overridable: false,
      reasons: [
        {
          message:
            'In storefront in production automatic rollbacks are frozen already by ada since 2026-01-05T14:00:00Z: release week.',
          way_out: 'There is nothing to do.',
        },
      ],
    })
    expect(mayUnfreeze(request)).toMatchObject({
      code: 'already_decided',
      reasons: [{ message: 'storefront in production is not frozen.', way_out: 'There is nothing to do.' }],
    })
    expect(mayUnfreeze({ ...request, frozen: freeze })).toEqual({
      allowed: true,
      warnings: [
        'What breached meanwhile stays with the people who were asked; only later breaches act by themselves.',
      ],
    })
  })

  it.each([mayFreeze, mayUnfreeze])('is for those who are authorised', (gate) => {
    for (const frozen of [null, freeze]) {
      expect(gate({ ...request, frozen, authorised: false })).toMatchObject({
        code: 'forbidden',
        reasons: [
          {
            message: 'Freezing and unfreezing is for those who are authorised to.',
            way_out: 'Sign in as someone who may, or ask one of them.',
          },
        ],
      })
    }
  })
})

describe('a shared cause', () => {
  it.each([
    [3, '3 services are in breach together: shared cause?'],
    [['web', 'api', 'shop'], '3 services are in breach together (api, shop, web): shared cause?'],
    [2, null],
    [['web', 'api', 'web', 'api'], null],
  ])('is asked about where %j are in breach', (services_breaching, reason) => {
    expect(brake({ ...free, services_breaching })).toEqual({ action: reason === null ? 'auto' : 'ask', reason })
  })
})

describe('the hourly cap', () => {
  it.each([
    [undefined, 3],
    [0, 0],
    [10, 10],
    [-1, 3],
    [Number.NaN, 3],
    [Number.POSITIVE_INFINITY, 3],
    ['2', 3],
  ])('of a policy with %s is %s', (rollbacks_per_hour, cap) => {
    expect(hourlyCap({ ...DEFAULT_POLICY, rollbacks_per_hour } as typeof DEFAULT_POLICY)).toBe(cap)
  })
})
