import { describe, expect, it } from 'vitest'
import { databaseState, newerMigrations } from '../src/migrations/merge.ts'
import type { RecordedMigration } from '../src/migrations/recorded.ts'
import type { PrismaMigration } from '../src/migrations/service-database.ts'

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 12, minute))
/** It went live at 12:10; what it was replaced by came at 12:20, and had migrated before. */
const target = { fence: 5n, deployed_at: at(10) }

let ids = 0n
const recorded = (name: string, change: Partial<RecordedMigration> = {}): RecordedMigration => {
  ids += 1n
  return {
    id: ids,
    name,
    hash: `hash of ${name}`,
    applied_at: at(20),
    rolled_back_at: null,
    rollback_successful: null,
    error_message: null,
    scripted: true,
    notes: {},
    fence: 6n,
    ...change,
  }
}
const inPrisma = (name: string, minute: number, change: Partial<PrismaMigration> = {}): PrismaMigration => ({
  name,
  checksum: `hash of ${name}`,
  started_at: at(minute),
  finished_at: at(minute),
  rolled_back_at: null,
  ...change,
})
const prismaFolder = { tool: 'prisma' } as const

describe('what is newer than the target', () => {
  it.each<[string, RecordedMigration[], PrismaMigration[] | null | 'unreadable', unknown[]]>([
    ['a newer deployment’s, although applied before its switch', [recorded('a', { applied_at: at(15) })], null, ['a']],
    ['not the target’s own, although recorded late', [recorded('a', { fence: 5n, applied_at: at(30) })], null, []],
    ['newest first', [recorded('a'), recorded('c', { applied_at: at(22) }), recorded('b')], null, ['c', 'b', 'a']],
    ['what only Prisma knows, by its time', [], [inPrisma('old', 9), inPrisma('new', 11)], ['new: no script']],
    ['both, merged by name', [recorded('a')], [inPrisma('a', 19), inPrisma('b', 21)], ['b: no script', 'a']],
    ['not what was there when the target went live', [recorded('a')], [inPrisma('a', 9)], []],
    [
      'not what the caller says was there then',
      [recorded('a', { applied_at: at(9), notes: { applied_at_given: true } })],
      null,
      [],
    ],
    ['not what was undone', [recorded('a', { rolled_back_at: at(25) })], null, []],
    [
      'not what Prisma says was rolled back',
      [recorded('a', { notes: prismaFolder })],
      [inPrisma('a', 19, { rolled_back_at: at(21) })],
      [],
    ],
    ['not what never finished', [recorded('a')], [inPrisma('a', 19, { finished_at: null })], []],
    ['not what lay in the folder and was never applied', [recorded('a', { notes: prismaFolder })], [], []],
    [
      'of a first recording, what Prisma says came later',
      [
        recorded('old', { notes: { ...prismaFolder, baseline: true } }),
        recorded('new', { notes: { ...prismaFolder, baseline: true } }),
      ],
      [inPrisma('old', 9), inPrisma('new', 11)],
      ['new'],
    ],
    [
      'nothing of a first recording where Prisma cannot be asked',
      [recorded('a', { notes: { ...prismaFolder, baseline: true } })],
      'unreadable',
      [],
    ],
    ['what was recorded, where Prisma cannot be asked', [recorded('a', { notes: prismaFolder })], 'unreadable', ['a']],
    [
      'a row of no deployment, by its time',
      [recorded('a', { fence: null }), recorded('b', { fence: null, applied_at: at(9) })],
      null,
      ['a'],
    ],
    [
      'what was undone and applied again, with its script',
      [recorded('a', { rolled_back_at: at(5) })],
      [inPrisma('a', 12)],
      ['a'],
    ],
    [
      '… which is another’s where its content changed',
      [recorded('a', { rolled_back_at: at(5), hash: 'other' })],
      [inPrisma('a', 12)],
      ['a: no script'],
    ],
    ['one without a script', [recorded('a', { scripted: false })], null, ['a: no script']],
    [
      'one that failed, which cannot be undone',
      [recorded('a', { error_message: 'boom' })],
      null,
      ['a: it failed when it was applied'],
    ],
    [
      'one of a folder, in a database without Prisma’s table',
      [recorded('a', { notes: prismaFolder })],
      null,
      ['a: there is no _prisma_migrations in the database it should be in: is migrations_url_env right?'],
    ],
    [
      'one whose file is not what was applied',
      [recorded('a', { notes: prismaFolder, hash: 'other' })],
      [inPrisma('a', 19)],
      ['a: another file of that name was applied'],
    ],
  ])('is %s', (_, rows, prisma, expected) => {
    const found = newerMigrations({ recorded: rows, prisma }, target)
    expect(
      found.map(({ name, has_rollback_script: scripted, obstacle }) =>
        scripted ? (obstacle === undefined ? name : `${name}: ${obstacle}`) : `${name}: no script`,
      ),
    ).toEqual(expected)
  })
})

describe('the database', () => {
  const failed = { error_message: 'boom' }
  const inDoubt = { undo: { event_id: 'e', outcome: 'in_doubt' } } as const
  it.each<[string, RecordedMigration[], PrismaMigration[] | null | 'unreadable', string | null]>([
    ['is consistent with nothing known', [], null, null],
    [
      'is not where the latest migration failed',
      [recorded('a'), recorded('b', { ...failed, applied_at: at(21) })],
      null,
      'migration b failed: boom',
    ],
    ['is where a later one did not', [recorded('b', failed), recorded('c', { applied_at: at(21) })], null, null],
    ['is where it was only not undone', [recorded('a', { ...failed, rollback_successful: false })], null, null],
    [
      'is not where undoing it by hand failed',
      [recorded('a', { ...failed, rollback_successful: false, rolled_back_at: at(22) })],
      null,
      'migration a failed: boom',
    ],
    [
      'is where it failed and was undone',
      [recorded('a', { ...failed, rollback_successful: true, rolled_back_at: at(22) })],
      null,
      null,
    ],
    ['is where it was finished with Prisma since', [recorded('a', failed)], [inPrisma('a', 25)], null],
    [
      'is where it was resolved with Prisma since',
      [recorded('a', failed)],
      [inPrisma('a', 19, { finished_at: null, rolled_back_at: at(25) })],
      null,
    ],
    [
      'is not where Prisma’s latest never finished',
      [],
      [inPrisma('a', 8), inPrisma('b', 9, { finished_at: null })],
      'migration b is unfinished',
    ],
    ['is where an older one never finished', [], [inPrisma('b', 8, { finished_at: null }), inPrisma('a', 9)], null],
    [
      'is not where nobody knows what was undone',
      [recorded('a', { notes: inDoubt }), recorded('b')],
      null,
      'it is not known whether migration a was undone',
    ],
    [
      'is what was recorded, where Prisma cannot be asked',
      [recorded('a', failed)],
      'unreadable',
      'migration a failed: boom',
    ],
  ])('%s', (_, rows, prisma, detail) => {
    const state = detail === null ? 'consistent' : 'inconsistent'
    expect(databaseState({ recorded: rows, prisma })).toEqual({ state, detail })
  })
})
