import type { Database } from '@roman/db'

export type Contents = ReadonlyMap<string, { columns: string; rows: string[] }>

/** Every row of every table as one text each; or of the tables and columns that `as` had. */
export const contentsOf = async (pool: Database['pool'], as?: Contents): Promise<Contents> => {
  const { rows: tables } = await pool.query<{ name: string; columns: string }>(`
    SELECT table_name AS name, string_agg(format('%I', column_name), ', ' ORDER BY column_name) AS columns
    FROM information_schema.columns WHERE table_schema = 'ops' AND table_name <> '_prisma_migrations' GROUP BY 1`)
  const contents = new Map<string, { columns: string; rows: string[] }>()
  for (const { name, columns } of as === undefined ? tables : tables.filter((table) => as.has(table.name))) {
    const then = as?.get(name)?.columns ?? columns
    const { rows } = await pool.query<{ row: string }>(
      `SELECT t::text AS row FROM (SELECT ${then} FROM ops.${name}) t ORDER BY 1`,
    )
    contents.set(name, { columns: then, rows: rows.map(({ row }) => row) })
  }
  return contents
}
