import { expect, it } from 'vitest'
import { createIntake } from '../src/intake.ts'

const ROWS = 100

it('refuses what waited too long for its turn, and never stores it later', async () => {
  let unblock = () => {}
  const unblocked = new Promise<void>((resolve) => {
    unblock = resolve
  })
  const { admit } = createIntake({ statementsMax: 1, rowsMax: 2 * ROWS, waitMs: 10 })
  const stored: string[] = []
  const blocked = admit(ROWS, async () => {
    await unblocked
    stored.push('blocked')
    return 'blocked'
  })
  const store = (name: string) => admit(ROWS, async () => stored.push(name))

  // `later` is taken at all only because `late` holds no rows any more.
  for (const name of ['late', 'later']) {
    await expect(store(name)).rejects.toMatchObject({
      code: 'database_unavailable',
      status: 503,
      details: { retry_after_seconds: 1 },
      message: expect.stringContaining('waited 0.01 seconds'),
    })
  }
  unblock()
  // What had begun is not refused, however long it took.
  expect(await blocked).toBe('blocked')
  await store('in time')
  expect(stored).toEqual(['blocked', 'in time'])
})
