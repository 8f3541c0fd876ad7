import { isTerminal, ROLLBACK_STATUSES } from '@roman/constitution'
import { hasEnded } from '@roman/sdk'
import { expect, it } from 'vitest'

it('the SDK, which knows nothing but the API, takes for an end of a rollback what the table of statuses does', () => {
  expect(ROLLBACK_STATUSES.filter((status) => hasEnded({ status }))).toEqual(
    ROLLBACK_STATUSES.filter((status) => isTerminal('rollback', status)),
  )
})
