/*
 * Errors of deployments, counted from the database's clock. An error counts for a deployment when it is of its service
 * and environment, lies in [deployed_at, replaced_at), and does not name another deployment or version; the replacement
 * of a rollback also owns what names the deployment it restores. Windows are half-open: (at − length, at].
 * The rate is scaled to a minute from its full window, never extrapolated from less.
 *
 * total_errors reaches back an hour at most, and costs the more the more errors that hour has. Few ask for it:
 * `totals` says which of `ids` do, in their order (null: all), and total_errors is null for the others.
 *
 * late_errors of the last five minutes (or of the rate's window, where it is longer) came more than two seconds after they
 * occurred, the first of them at late_from, and the last one came at late_received_at: moments since then were judged without
 * them. Two seconds are twice what lies between two looks.
 */
DROP FUNCTION ops.deployment_errors(uuid[], timestamptz);
CREATE FUNCTION ops.deployment_errors(ids uuid[], at timestamptz DEFAULT now(), totals boolean[] DEFAULT NULL)
RETURNS TABLE (
  deployment_id uuid,
  error_rate_per_minute double precision,
  recent_errors integer,
  total_errors integer,
  fault_at timestamptz,
  late_errors integer,
  late_from timestamptz,
  late_received_at timestamptz
) LANGUAGE sql STABLE SET search_path = '' SET jit = off AS $$
  SELECT
    d.deployment_id,
    n.rate_errors * 60.0 / w.rate_seconds,
    n.recent_errors::integer,
    CASE WHEN wanted.total IS NOT FALSE THEN n.total_errors::integer END,
    n.fault_at,
    n.late_errors::integer,
    n.late_from,
    n.late_received_at
  FROM unnest(ids, totals) AS wanted (id, total)
  JOIN ops.deployments d ON d.deployment_id = wanted.id
  CROSS JOIN LATERAL (
    SELECT coalesce((d.policy -> 'thresholds' ->> 'rate_window_seconds')::double precision, 60) AS rate_seconds
  ) r
  -- OFFSET 0: computed once for a deployment and not anew for each of its errors.
  CROSS JOIN LATERAL (
    SELECT
      r.rate_seconds,
      at - make_interval(secs => r.rate_seconds) AS rate_from,
      at - interval '5 minutes' AS recent_from,
      at - greatest(interval '5 minutes', make_interval(secs => r.rate_seconds)) AS fault_from,
      greatest(d.deployed_at, at - CASE
        WHEN wanted.total IS NOT FALSE THEN interval '1 hour'
        ELSE greatest(interval '5 minutes', make_interval(secs => r.rate_seconds))
      END) AS counted_from,
      coalesce(d.replaced_at, 'infinity') AS counted_until
    OFFSET 0
  ) w
  CROSS JOIN LATERAL (
    SELECT
      count(*) FILTER (WHERE l.occurred_at > w.rate_from) AS rate_errors,
      count(*) FILTER (WHERE l.occurred_at > w.recent_from) AS recent_errors,
      count(*) AS total_errors,
      min(l.occurred_at) FILTER (WHERE l.occurred_at > w.fault_from) AS fault_at,
      count(*) FILTER (WHERE l.occurred_at > w.fault_from AND l.received_at > l.occurred_at + interval '2 seconds') AS late_errors,
      min(l.occurred_at) FILTER (WHERE l.occurred_at > w.fault_from AND l.received_at > l.occurred_at + interval '2 seconds') AS late_from,
      max(l.received_at) FILTER (WHERE l.occurred_at > w.fault_from AND l.received_at > l.occurred_at + interval '2 seconds') AS late_received_at
    FROM ops.system_logs l
    WHERE l.service = d.service
      AND l.environment = d.environment
      AND l.severity IN ('error', 'critical')
      AND l.occurred_at >= w.counted_from
      -- Says nothing new, but before any deployment is known: partitions outside of this hour are not even opened.
      AND l.occurred_at >= at - interval '1 hour'
      AND l.occurred_at <= at
      AND l.occurred_at < w.counted_until
      AND (l.deployment_id IS NULL OR l.deployment_id = d.deployment_id OR l.deployment_id = d.restores)
      AND (l.version IS NULL OR l.version = d.version)
  ) n
$$;

/*
 * The health of one deployment as JSON; null where there is none of that id. `healthy` means stable: entropy below 0.1,
 * no signal in breach, and no breach of this deployment stored within the last five minutes.
 */
CREATE OR REPLACE FUNCTION ops.get_deployment_health(deployment uuid, at timestamptz DEFAULT now())
RETURNS jsonb LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT jsonb_build_object(
    'healthy',
      ops.entropy(e.error_rate_per_minute, e.recent_errors, c.database_connections, c.max_database_connections) < 0.1
      AND NOT e.error_rate_per_minute > coalesce((t.thresholds ->> 'error_rate_per_minute')::double precision, 5)
      AND NOT e.recent_errors > coalesce((t.thresholds ->> 'recent_errors')::double precision, 50)
      AND NOT c.database_connections * 100.0 / c.max_database_connections > coalesce((t.thresholds ->> 'database_connection_percent')::double precision, 90)
      AND NOT EXISTS (
        SELECT FROM ops.guard_verdicts v
        WHERE v.deployment_id = d.deployment_id AND v.verdict = 'breach' AND v.decided_at > at - interval '5 minutes'
      )
      AND NOT EXISTS (
        SELECT FROM ops.health_samples s
        WHERE s.deployment_id = d.deployment_id AND s.state = 'breach'
          AND s.sampled_at > at - interval '5 minutes' AND s.sampled_at <= at
      ),
    'error_rate_per_minute', e.error_rate_per_minute,
    'recent_errors', e.recent_errors,
    'database_connections', c.database_connections,
    'active_queries', c.active_queries,
    'timestamp', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'database_connection_utilization', c.utilisation,
    'p95_response_ms', p.p95_response_ms,
    'memory_percent', p.memory_percent,
    'warnings', to_jsonb(array_remove(ARRAY[
      CASE WHEN p.p95_response_ms > coalesce((t.thresholds ->> 'p95_response_ms')::double precision, 5000)
        THEN format('Slow responses: P95 is %s ms, above %s ms', round(p.p95_response_ms::numeric), coalesce(t.thresholds ->> 'p95_response_ms', '5000')) END,
      CASE WHEN p.memory_percent > coalesce((t.thresholds ->> 'memory_percent')::double precision, 95)
        THEN format('High memory usage: %s%%, above %s%%', round(p.memory_percent::numeric), coalesce(t.thresholds ->> 'memory_percent', '95')) END
    ], NULL)),
    'unavailable', '[]'::jsonb
  )
  FROM ops.deployments d
  CROSS JOIN LATERAL (SELECT coalesce(d.policy -> 'thresholds', '{}'::jsonb) AS thresholds) t
  JOIN ops.deployment_errors(ARRAY[deployment], at, ARRAY[false]) e USING (deployment_id)
  CROSS JOIN LATERAL (
    SELECT n.*, n.database_connections::double precision / n.max_database_connections AS utilisation
    FROM ops.database_connections() n
  ) c
  LEFT JOIN LATERAL (
    SELECT s.p95_response_ms, s.memory_percent FROM ops.health_samples s
    WHERE s.deployment_id = d.deployment_id AND s.sampled_at > at - interval '2 minutes' AND s.sampled_at <= at
    ORDER BY s.sampled_at DESC LIMIT 1
  ) p ON true
  WHERE d.deployment_id = deployment
$$;

-- One row, and not the thousand that PostgreSQL expects of a function: what reads it would be planned for a million.
ALTER FUNCTION ops.database_connections() ROWS 1;
