import type { Database } from '@roman/db'
import { requireSight } from './sight.ts'
import { YOUNG } from './stored.ts'
import { readBrokenHead } from './stored-seal.ts'

export interface Unsealed {
  /** Rows that wait for more than a minute, or say that they are from the future. */
  count: number
  /** When the oldest of them was written; null where none is from the past. */
  since: Date | null
  /** Why no sealer continues the chain; null where one can. */
  broken: string | null
}

/**
 * Events that nobody seals: no sealer runs, or it cannot. Cheap: only what lies above the last settled id is read. A seal
 * that settles ids which were never given out is not believed.
 */
export const readUnsealed = async (db: Pick<Database, 'pool'>): Promise<Unsealed> => {
  await requireSight(db.pool)
  const { rows } = await db.pool.query(`
    WITH settled AS (
      SELECT coalesce((SELECT settled_id FROM ops.audit_seals
        WHERE settled_id <= (SELECT last_value FROM ops.roman_events_id_seq) ORDER BY seal_number DESC LIMIT 1), 0) AS id
    )
    SELECT count(*)::int AS count, min(e."timestamp") FILTER (WHERE e."timestamp" < now()) AS since
    FROM ops.roman_events e
    WHERE e.id > (SELECT id FROM settled) AND NOT (${YOUNG})
      AND NOT EXISTS (
        SELECT FROM ops.audit_seals s CROSS JOIN LATERAL unnest(s.event_ids) AS sealed (id)
        WHERE s.through_id > (SELECT id FROM settled) AND sealed.id = e.id
      )`)
  return { ...rows[0], broken: await readBrokenHead(db.pool) }
}
