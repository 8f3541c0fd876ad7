import { expect, it } from 'vitest'
import { DeadlineError, withinBound } from '../src/within-bound.ts'

const forever = () => new Promise<never>(() => {})

it('gives what the work gives, and throws what it throws', async () => {
  expect(await withinBound(1000, [], async () => 'done')).toBe('done')
  await expect(withinBound(1000, [], () => Promise.reject(new Error('own')))).rejects.toThrow('own')
})

it('ends when the time is over, and tells the work', async () => {
  let told: unknown
  const work = withinBound(50, [], (signal) => {
    signal.addEventListener('abort', () => {
      told = signal.reason
    })
    return forever()
  })
  await expect(work).rejects.toBeInstanceOf(DeadlineError)
  expect(told).toBeInstanceOf(DeadlineError)
})

it('ends with the reason of any of its signals', async () => {
  const [one, other] = [new AbortController(), new AbortController()]
  const work = withinBound(10_000, [one.signal, other.signal], forever)
  other.abort(new Error('enough'))
  await expect(work).rejects.toThrow('enough')
})

it('does not begin what was aborted before', async () => {
  let begun = false
  const work = withinBound(10_000, [AbortSignal.abort(new Error('too late'))], async () => {
    begun = true
  })
  await expect(work).rejects.toThrow('too late')
  expect(begun).toBe(false)
})

it('counts a stall of this process as one step of the time at most', async () => {
  const work = withinBound(100, [], () => new Promise((resolve) => setTimeout(() => resolve('in time'), 60)))
  const until = performance.now() + 300
  while (performance.now() < until);
  expect(await work).toBe('in time')
})
