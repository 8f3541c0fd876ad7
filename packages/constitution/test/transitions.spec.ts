import { describe, expect, it } from 'vitest'
import { DEPLOYMENT_STATUSES, isTerminal, mayTransition, ROLLBACK_STATUSES } from '../src/index.ts'
import { canTransition, nextStatuses } from '../src/transitions.ts'

const LEGAL = {
  deployment: [
    'pending → in_progress',
    'pending → failed',
    'in_progress → success',
    'in_progress → failed',
    'in_progress → rolled_back',
    'success → failed',
    'success → rolled_back',
    'failed → in_progress',
    'failed → success',
    'failed → rolled_back',
  ],
  rollback: [
    'pending → in_progress',
    'pending → failed',
    'pending → aborted',
    'in_progress → success',
    'in_progress → failed',
    'in_progress → aborted',
  ],
}

describe('of all status changes only the legal ones may happen', () => {
  it('for deployments', () => {
    const legal = DEPLOYMENT_STATUSES.flatMap((from) =>
      DEPLOYMENT_STATUSES.filter((to) => canTransition('deployment', from, to)).map((to) => `${from} → ${to}`),
    )
    expect(legal).toEqual(LEGAL.deployment)
  })

  it('for rollback events', () => {
    const legal = ROLLBACK_STATUSES.flatMap((from) =>
      ROLLBACK_STATUSES.filter((to) => canTransition('rollback', from, to)).map((to) => `${from} → ${to}`),
    )
    expect(legal).toEqual(LEGAL.rollback)
  })
})

it('a finished rollback event is final, and so is a rolled back deployment', () => {
  expect(ROLLBACK_STATUSES.filter((status) => isTerminal('rollback', status))).toEqual(['success', 'failed', 'aborted'])
  expect(DEPLOYMENT_STATUSES.filter((status) => isTerminal('deployment', status))).toEqual(['rolled_back'])
})

it('an unknown status leads nowhere', () => {
  for (const odd of ['toString', null, { toString: 1 }] as never[]) {
    expect(nextStatuses('deployment', odd)).toEqual([])
    expect(nextStatuses(odd, 'pending' as never)).toEqual([])
  }
})

it('a refused change names what is possible', () => {
  expect(mayTransition('deployment', 'pending', 'in_progress').allowed).toBe(true)
  expect(mayTransition('deployment', 'pending', 'success')).toMatchObject({
    code: 'illegal_transition',
    reasons: [
      {
        message: 'A deployment cannot go from pending to success.',
        way_out: 'From pending it can become in_progress, failed.',
      },
    ],
  })
  expect(mayTransition('rollback', 'success', 'failed')).toMatchObject({ reasons: [{ way_out: 'success is final.' }] })
})
