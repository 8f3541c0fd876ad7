import type { Run } from './model.ts'

export interface RunsQuery {
  event?: string
  status?: string
  branch?: string
  created?: string
  per_page?: string
  page?: string
}

/** As GitHub filters and pages a list of runs: newest first. */
export function filterRuns(runs: Run[], query: RunsQuery): { total: number; page: Run[] } {
  const found = runs
    .filter(({ ref }) => query.branch === undefined || ref === query.branch)
    .filter(() => query.event === undefined || query.event === 'workflow_dispatch')
    .filter(
      ({ status, conclusion }) => query.status === undefined || [status, conclusion].includes(query.status as never),
    )
    .filter(({ createdAt }) => query.created === undefined || isWithin(createdAt, query.created))
    .sort((a, b) => b.id - a.id)
  const size = Math.min(100, Number(query.per_page ?? 30))
  const start = (Number(query.page ?? 1) - 1) * size
  return { total: found.length, page: found.slice(start, start + size) }
}

/** GitHub's date syntax: `>=D`, `>D`, `<=D`, `<D`, `D..D`, `D`; a date without a time means its whole day. */
function isWithin(date: Date, filter: string): boolean {
  const range = /^(.+)\.\.(.+)$/.exec(filter)
  if (range) return date >= startOf(range[1]!) && date <= endOf(range[2]!)
  const [, sign, text] = /^(>=|<=|>|<)?(.+)$/.exec(filter)!
  if (sign === '>=') return date >= startOf(text!)
  if (sign === '>') return date > endOf(text!)
  if (sign === '<=') return date <= endOf(text!)
  if (sign === '<') return date < startOf(text!)
  return date >= startOf(text!) && date <= endOf(text!)
}

const isDay = (text: string): boolean => /^\d{4}-\d\d-\d\d$/.test(text)
const startOf = (text: string): Date => new Date(isDay(text) ? `${text}T00:00:00Z` : text)
const endOf = (text: string): Date => new Date(isDay(text) ? `${text}T23:59:59.999Z` : text)
