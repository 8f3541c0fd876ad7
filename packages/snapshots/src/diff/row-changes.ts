import type { TableCount, TableCounts } from '../counts.ts'
import { arrow, type Change, type Difference, number, plural } from './change.ts'

/** Between two estimates nothing smaller is a change: the planner's numbers drift by themselves. */
const DRIFT = 0.01

/** The product writes to its own tables all the time: there, growth is no news and a loss is. */
const OWN_SCHEMA = 'ops.'

/** How many rows tables gained and lost. */
export const rowChanges = (before: TableCounts | null, after: TableCounts | null): Difference => {
  if (before === null || after === null) return { changes: [], not_compared: ['rows: one of the two has no counts'] }
  const names = [...new Set([...Object.keys(before.tables), ...Object.keys(after.tables)])].sort()
  const changes: Change[] = []
  const not_compared: string[] = []
  for (const name of names) {
    // What became of migrations is told by their names.
    if (name === 'public._prisma_migrations') continue
    const [was, is] = [before.tables[name], after.tables[name]]
    const missing = [was, is].find((count) => count !== undefined && count.rows === null)
    if (missing !== undefined) not_compared.push(`rows of ${name}: ${missing.reason ?? 'never analysed'}`)
    else if (isNews(name, was, is)) changes.push(changeOf(name, was, is))
  }
  for (const { omitted } of [before, after])
    if (omitted > 0) not_compared.push(`rows of ${plural(omitted, 'table')} beyond the first ones`)
  return { changes, not_compared }
}

const isNews = (name: string, was: TableCount | undefined, is: TableCount | undefined): boolean => {
  const [before, after] = [was?.rows ?? null, is?.rows ?? null]
  if (name.startsWith(OWN_SCHEMA) && after !== null && after >= (before ?? 0)) return false
  // A table that came or went with rows in it; without any, the schema says it.
  if (before === null || after === null) return (before ?? after ?? 0) > 0
  if (was!.exact && is!.exact) return before !== after
  return Math.abs(after - before) > DRIFT * Math.max(before, after)
}

const changeOf = (name: string, was: TableCount | undefined, is: TableCount | undefined): Change => {
  const change = was === undefined ? 'new' : is === undefined ? 'gone' : 'changed'
  const rows = change === 'changed' ? bothWords(was!, is!) : `${change}, with ${rowWords((was ?? is)!)}`
  return {
    area: 'rows',
    kind: 'table',
    name,
    change,
    text: `table ${name}: ${rows}`,
    before: was === undefined ? null : countWords(was),
    after: is === undefined ? null : countWords(is),
  }
}

const bothWords = (was: TableCount, is: TableCount): string =>
  was.exact === is.exact
    ? `${arrow(countWords(was), countWords(is))} rows (${marking(is)})`
    : `${arrow(`${countWords(was)} (${marking(was)})`, countWords(is))} rows (${marking(is)})`

const rowWords = (count: TableCount): string =>
  `${count.exact ? '' : 'about '}${plural(count.rows!, 'row')} (${marking(count)})`

const countWords = ({ rows, exact }: TableCount): string => `${exact ? '' : 'about '}${number(rows!)}`

const marking = ({ exact }: TableCount): string => (exact ? 'exact' : 'estimated')
