import type { ErrorRow } from '@roman/contracts'
import type { Database } from '@roman/db'

/** A row as ops.store_logs takes it. */
export type LogRow = ErrorRow & { service: string }

/** Stores rows, each key once, and answers how many were new. What is answered is committed. */
export const storeLogs = async (db: Pick<Database, 'pool'>, rows: readonly LogRow[]): Promise<number> => {
  if (rows.length === 0) return 0
  const times = rows.flatMap((row) => (row.occurred_at === undefined ? [] : Date.parse(row.occurred_at)))
  const earliest = times.length === 0 ? null : new Date(times.reduce((least, at) => Math.min(least, at)))
  const { rows: answer } = await db.pool.query<{ stored: number }>({
    name: 'roman-store-logs',
    text: 'SELECT ops.store_logs($1::json, $2) AS stored',
    values: [JSON.stringify(rows), earliest],
  })
  return answer[0]!.stored
}
