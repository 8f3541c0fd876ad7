import type pg from 'pg'

export interface PartitionChange {
  partition: string
  /** `postponed`: somebody held a lock; it is done by a later call. */
  change: 'created' | 'dropped' | 'postponed'
}

/** Creations, then drops, then a call that finds nothing due. */
const CALLS_MAX = 3

/** Makes the partitions of the days to come and drops those past their retention. Safe to call again and at once. */
export const maintainPartitions = async (
  pool: Pick<pg.Pool, 'query'>,
  retention: { logs_days: number; samples_days: number },
): Promise<PartitionChange[]> => {
  const changes: PartitionChange[] = []
  for (let call = 0; call < CALLS_MAX; call += 1) {
    const { rows } = await pool.query<PartitionChange>('SELECT * FROM ops.maintain_partitions($1, $2)', [
      retention.logs_days,
      retention.samples_days,
    ])
    changes.push(...rows)
    if (rows.length === 0 || rows.some(({ change }) => change === 'postponed')) break
  }
  return changes
}

export interface PartitionCoverage {
  parent: string
  /** Partitions lie without a gap from now until then. */
  covered_until: Date
  /** Rows that found no partition of their own, counted to a thousand. */
  default_rows: number
}

export const readPartitionCoverage = async (pool: Pick<pg.Pool, 'query'>): Promise<PartitionCoverage[]> =>
  (await pool.query<PartitionCoverage>('SELECT * FROM ops.partition_coverage()')).rows
