import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { takeDataDirectory } from '../src/data-directory.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../src/reaper.ts'

let directory: TemporaryDirectory
beforeEach(() => {
  directory = temporaryDirectory('roman data')
})
afterEach(() => directory.remove())

test('is held by one at a time, and says by whom', async () => {
  const held = await takeDataDirectory(directory.path)
  await expect(takeDataDirectory(directory.path)).rejects.toThrow(`Another dev (pid ${process.pid})`)
  held.release()
  ;(await takeDataDirectory(directory.path)).release()
})

test('goes to exactly one of several that ask at once', async () => {
  const asked = await Promise.allSettled([1, 2, 3, 4].map(() => takeDataDirectory(directory.path)))
  expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
})

test.each([
  ['a process that is gone', { pid: 2 ** 22 + 1, started_at: '1', reaper_pid: null }],
  ['a process whose number another has now', { pid: process.pid, started_at: 'long ago', reaper_pid: null }],
])('is taken over from %s', async (_of, holder) => {
  ;(await takeDataDirectory(directory.path)).release()
  writeFileSync(join(directory.path, 'dev.lock'), JSON.stringify(holder))
  ;(await takeDataDirectory(directory.path)).release()
  expect(readdirSync(directory.path)).toEqual(['made-by-roman-dev'])
})

test('is emptied only when asked', async () => {
  ;(await takeDataDirectory(directory.path)).release()
  mkdirSync(join(directory.path, 'postgres'))
  ;(await takeDataDirectory(directory.path)).release()
  expect(existsSync(join(directory.path, 'postgres'))).toBe(true)
  ;(await takeDataDirectory(directory.path, { fresh: true })).release()
  expect(existsSync(join(directory.path, 'postgres'))).toBe(false)
})

test('is never one that holds what dev did not make', async () => {
  writeFileSync(join(directory.path, 'thesis.txt'), 'years of work')
  await expect(takeDataDirectory(directory.path, { fresh: true })).rejects.toThrow('did not make')
  expect(readdirSync(directory.path)).toEqual(['thesis.txt'])
})
