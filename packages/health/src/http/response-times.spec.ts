import { expect, it } from 'vitest'
import { createResponseTimes } from './response-times.ts'

it('gives the nearest rank of the last minute, and nothing where it is empty', () => {
  let now = 0
  const times = createResponseTimes(() => now)
  expect(times.p95()).toBeNull()
  for (let ms = 1; ms <= 100; ms += 1) times.add(ms)
  expect(times.p95()).toBe(95)
  now = 30_000
  times.add(1000.4)
  now = 60_000
  expect(times.p95()).toBe(1000)
  now = 90_000
  expect(times.p95()).toBeNull()
})

it('keeps no more than it may, the latest', () => {
  const times = createResponseTimes(() => 0)
  for (let n = 0; n < 5_000; n += 1) times.add(n < 4_400 ? 1 : 2)
  expect(times.p95()).toBe(2)
})
