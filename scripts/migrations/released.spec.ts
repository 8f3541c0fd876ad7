import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { findEdits, newestReleased } from './released.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const releases = {
  '0.1.0': { '20260101000000_first': sha256('SELECT 1;\n') },
  '0.2.0': { '20260201000000_second': sha256('SELECT 2;\n') },
}
const first = { name: '20260101000000_first', sql: 'SELECT 1;\n' }
const second = { name: '20260201000000_second', sql: 'SELECT 2;\n' }
const third = { name: '20260301000000_third', sql: 'SELECT 3;\n' }

it('finds nothing where released migrations are as they were, whatever comes after them', () => {
  expect(newestReleased(releases)).toBe(second.name)
  expect(findEdits([first, second, third], releases)).toEqual([])
})

it.each([
  ['edited', [{ ...first, sql: 'SELECT 1;' }, second], /first was released and has been edited/],
  ['gone', [second, third], /first was released and is not there/],
  ['put before what was released', [first, { ...third, name: '20260102000000_late' }, second], /late comes before/],
])('names a migration that was %s', (_what, migrations, problem) => {
  expect(findEdits(migrations, releases)).toEqual([expect.stringMatching(problem)])
})
