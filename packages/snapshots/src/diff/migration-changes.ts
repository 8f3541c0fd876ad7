import type { MigrationList, Migrations } from '../migrations.ts'
import { type Change, type Difference, plural, some } from './change.ts'

/** Which migrations the later snapshot has more, or no longer. `noun` says of which record. */
export const migrationChanges = (noun: string, before: Migrations, after: Migrations): Difference => {
  const [was, is] = [listOf(before), listOf(after)]
  if (was === null || is === null) return { changes: [], not_compared: [`${noun}s: could not be read`] }
  const newer = is.applied.filter((name) => !was.applied.includes(name))
  // Only the newest are kept: what fell out of the list is not gone.
  const kept = is.total > is.applied.length ? was.applied.slice(was.applied.indexOf(is.applied[0]!)) : was.applied
  const gone = kept.filter((name) => !is.applied.includes(name))
  const stuck = is.unfinished.filter((name) => !was.unfinished.includes(name))
  const change = (names: string[], kind: Change['change'], text: string): Change[] =>
    names.length === 0
      ? []
      : [
          {
            area: 'migrations',
            kind: noun,
            name: names.at(-1)!,
            change: kind,
            text: `${text}: ${some(names)}`,
            before: was.applied.at(-1) ?? null,
            after: is.applied.at(-1) ?? null,
          },
        ]
  return {
    changes: [
      ...change(newer, 'new', `${plural(newer.length, noun)} newer`),
      ...change(gone, 'gone', `${plural(gone.length, noun)} no longer applied`),
      ...change(stuck, 'changed', `${plural(stuck.length, noun)} begun and not finished`),
    ],
    not_compared: [],
  }
}

const NONE: MigrationList = { total: 0, applied: [], unfinished: [] }

const listOf = (migrations: Migrations): MigrationList | null =>
  migrations === null ? NONE : 'unavailable' in migrations ? null : migrations
