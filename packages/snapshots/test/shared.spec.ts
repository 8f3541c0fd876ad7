import { expect, it } from 'vitest'
import { shared } from '../src/index.ts'

it('never works twice at once, and never gives an answer begun before it was asked for', async () => {
  const ends: (() => void)[] = []
  let begun = 0
  const ask = shared(async () => {
    begun += 1
    const mine = begun
    await new Promise<void>((resolve) => ends.push(resolve))
    return mine
  })
  const first = ask()
  const [second, third] = [ask(), ask()]
  expect(begun).toBe(1)
  ends[0]!()
  expect(await first).toBe(1)
  const fourth = ask()
  ends[1]!()
  expect(await Promise.all([second, third])).toEqual([2, 2])
  ends[2]!()
  expect(await fourth).toBe(3)
  expect(begun).toBe(3)
})

it('goes on after a failure', async () => {
  let calls = 0
  const ask = shared(async () => {
    calls += 1
    if (calls === 1) throw new Error('no')
    return calls
  })
  const [first, second] = [ask(), ask()]
  await expect(first).rejects.toThrow('no')
  expect(await second).toBe(2)
})
