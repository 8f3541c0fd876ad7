import type { SummaryResponse } from '@roman/contracts'
import type { Database } from '@roman/db'

/** The dashboard's five metrics, from one statement. */
export const readSummary = async (db: Pick<Database, 'pool'>): Promise<SummaryResponse> => {
  const { rows } = await db.pool.query<Omit<SummaryResponse, 'timestamp'> & { at: Date }>(`
    SELECT
      now() AS at,
      (SELECT count(*)::int FROM ops.live WHERE deployment_id IS NOT NULL) AS active_deployments,
      count(*) FILTER (WHERE initiated_at > now() - interval '24 hours' AND status <> 'aborted')::int AS recent_rollbacks,
      (count(*) FILTER (WHERE status = 'success'))::float / nullif(count(*) FILTER (WHERE status IN ('success', 'failed')), 0)
        AS rollback_success_rate,
      (avg(extract(epoch FROM completed_at - initiated_at) * 1000) FILTER (WHERE status = 'success'))::float AS average_rollback_ms,
      (count(*) FILTER (WHERE (constitutional_validation ->> 'compliant')::boolean))::float
        / nullif(count(*) FILTER (WHERE constitutional_validation IS NOT NULL), 0) AS constitutional_approval_rate
    FROM ops.rollback_events
    WHERE initiated_at > now() - interval '30 days'`)
  const { at, ...metrics } = rows[0]!
  return { ...metrics, timestamp: at.toISOString() }
}
