/*
 * Errors of deployments, counted from the database's clock. An error counts for a deployment when it is of its service
 * and environment, lies in [deployed_at, replaced_at), and does not name another deployment or version; the replacement
 * of a rollback also owns what names the deployment it restores. Windows are half-open: (at − length, at].
 * The rate is scaled to a minute from its full window, never extrapolated from less.
 *
 * total_errors reaches back an hour at most, and costs the more the more errors that hour has. Few ask for it:
 * `totals` says which of `ids` do, in their order (null: all), and total_errors is null for the others.
 *
 * Without a total it stops at the newest 100,000 above what the thresholds need: a storm of one service must not keep the
 * others waiting.
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
      coalesce(d.replaced_at, 'infinity') AS counted_until,
      CASE WHEN wanted.total IS FALSE THEN 100000 + ceil(greatest(
        (d.policy -> 'thresholds' ->> 'error_rate_per_minute')::double precision * r.rate_seconds / 60,
        (d.policy -> 'thresholds' ->> 'recent_errors')::double precision
      ))::bigint END AS counted_most
    OFFSET 0
  ) w
  CROSS JOIN LATERAL (
    SELECT
      count(*) FILTER (WHERE l.occurred_at > w.rate_from) AS rate_errors,
      count(*) FILTER (WHERE l.occurred_at > w.recent_from) AS recent_errors,
      count(*) AS total_errors,
      min(l.occurred_at) FILTER (WHERE l.occurred_at > w.fault_from) AS fault_at,
      count(*) FILTER (WHERE l.late) AS late_errors,
      min(l.occurred_at) FILTER (WHERE l.late) AS late_from,
      max(l.received_at) FILTER (WHERE l.late) AS late_received_at
    FROM (
      SELECT l.occurred_at, l.received_at,
        l.occurred_at > w.fault_from AND l.received_at > l.occurred_at + interval '2 seconds' AS late
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
      ORDER BY l.occurred_at DESC
      LIMIT w.counted_most
    ) l
  ) n
$$;

/*
 * What is known of deployments at a moment: the log's errors, the connections of the ops database, and laid over them what
 * the environment's sources said last, where the deployment is live. Of two error rates the larger holds: an error that the
 * log has is not undone by a metric that missed it. Connections are the service's own database's as soon as a source is
 * there for it. What a source could not read, or has not read for too long, is in `unavailable`. The same rule as
 * withSources in packages/health, by which guards judge.
 */
CREATE FUNCTION ops.read_health(ids uuid[], at timestamptz DEFAULT now())
RETURNS TABLE (
  deployment_id uuid,
  error_rate_per_minute double precision,
  recent_errors integer,
  fault_at timestamptz,
  database_connections double precision,
  max_database_connections double precision,
  active_queries double precision,
  p95_response_ms double precision,
  memory_percent double precision,
  requests_per_minute double precision,
  unavailable text[]
) LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT
    d.deployment_id,
    greatest(e.error_rate_per_minute, (n.supplied ->> 'error_rate_per_minute')::double precision),
    e.recent_errors,
    e.fault_at,
    CASE WHEN o.own_database THEN (n.supplied ->> 'database_connections')::double precision ELSE c.database_connections END,
    CASE WHEN o.own_database THEN nullif((n.supplied ->> 'max_database_connections')::double precision, 0) ELSE c.max_database_connections END,
    CASE WHEN o.own_database THEN (n.supplied ->> 'active_queries')::double precision ELSE c.active_queries END,
    (n.supplied ->> 'p95_response_ms')::double precision,
    (n.supplied ->> 'memory_percent')::double precision,
    (n.supplied ->> 'requests_per_minute')::double precision,
    -- Where only a source's error rate is missing the log's own count stands, and the moment is blind all the same.
    array_replace(n.unavailable, 'error_rate_per_minute', 'error_rate_source')
  FROM ops.deployment_errors(ids, at, array_fill(false, ARRAY[cardinality(ids)])) e
  JOIN ops.deployments d USING (deployment_id)
  LEFT JOIN ops.live l ON l.deployment_id = d.deployment_id
  LEFT JOIN ops.source_readings s
    ON l.deployment_id IS NOT NULL AND s.service = d.service AND s.environment = d.environment AND s.read_at <= at
  CROSS JOIN LATERAL (
    SELECT
      CASE WHEN s.stale_at > at THEN s.supplied ELSE '{}' END AS supplied,
      CASE
        WHEN s.service IS NULL THEN '{}'
        WHEN s.stale_at > at THEN s.unavailable
        ELSE ARRAY(SELECT jsonb_object_keys(s.supplied) UNION SELECT unnest(s.unavailable) ORDER BY 1)
      END AS unavailable
  ) n
  CROSS JOIN LATERAL (
    SELECT n.supplied ? 'database_connections' OR 'database_connections' = ANY (n.unavailable) AS own_database
  ) o
  CROSS JOIN ops.database_connections() c
$$;

-- Of connections a metric may count fractions.
DROP FUNCTION ops.entropy(double precision, integer, integer, integer);
CREATE FUNCTION ops.entropy(error_rate double precision, recent_errors integer, connections double precision, connections_max double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT least(1, greatest(
    0, error_rate / 10, recent_errors::double precision / 100, (5 * connections - 4 * connections_max) / connections_max
  ))
$$;

/* A value above a threshold, with as many of its decimals as show that it is. As formatNumber in the constitution. */
CREATE FUNCTION ops.shown_above(value double precision, threshold double precision)
RETURNS text LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT trim_scale(coalesce(
    (
      SELECT round(value::numeric, digits) FROM generate_series(1, 6) AS digits
      WHERE round(value::numeric, digits) > threshold::numeric ORDER BY digits LIMIT 1
    ),
    value::numeric
  ))::text
$$;

/*
 * The health of one deployment as JSON; null where there is none of that id. `healthy` means stable: everything that can
 * trigger was read, entropy below 0.1, no signal in breach, and no breach of this deployment stored within the last five
 * minutes.
 */
CREATE OR REPLACE FUNCTION ops.get_deployment_health(deployment uuid, at timestamptz DEFAULT now())
RETURNS jsonb LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT jsonb_build_object(
    'healthy',
      ops.entropy(h.error_rate_per_minute, h.recent_errors, h.database_connections, h.max_database_connections) < 0.1
      AND h.unavailable <@ ARRAY['p95_response_ms', 'memory_percent', 'active_queries', 'requests_per_minute']
      AND NOT h.error_rate_per_minute > t.error_rate
      AND NOT h.recent_errors > t.recent_errors
      AND coalesce(NOT h.database_connections * 100 / h.max_database_connections > t.connection_percent, true)
      AND NOT EXISTS (
        SELECT FROM ops.guard_verdicts v
        WHERE v.deployment_id = d.deployment_id AND v.verdict = 'breach'
          AND v.decided_at > at - interval '5 minutes' AND v.decided_at <= at
      )
      AND NOT EXISTS (
        SELECT FROM ops.health_samples s
        WHERE s.deployment_id = d.deployment_id AND s.state = 'breach'
          AND s.sampled_at > at - interval '5 minutes' AND s.sampled_at <= at
      ),
    'error_rate_per_minute', h.error_rate_per_minute,
    'recent_errors', h.recent_errors,
    'database_connections', h.database_connections,
    'active_queries', h.active_queries,
    'timestamp', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'database_connection_utilization', h.database_connections / h.max_database_connections,
    'p95_response_ms', h.p95_response_ms,
    'memory_percent', h.memory_percent,
    'warnings', to_jsonb(array_remove(ARRAY[
      CASE WHEN h.requests_per_minute IS NULL AND t.min_requests + t.error_percent IS NOT NULL
        THEN 'Traffic cannot be read: min_requests and error_percent are left out' END,
      CASE WHEN h.error_rate_per_minute > t.error_rate
          AND (h.requests_per_minute < t.min_requests OR h.error_rate_per_minute * 100 <= t.error_percent * h.requests_per_minute)
        THEN 'error_rate_per_minute is above its threshold, on too little evidence to act' END,
      CASE WHEN h.recent_errors > t.recent_errors
          AND (h.requests_per_minute < t.min_requests OR h.recent_errors / 5.0 * 100 <= t.error_percent * h.requests_per_minute)
        THEN 'recent_errors is above its threshold, on too little evidence to act' END,
      CASE WHEN h.p95_response_ms > t.p95
        THEN format('Slow responses: P95 is %s ms, above %s ms', ops.shown_above(h.p95_response_ms, t.p95), t.p95) END,
      CASE WHEN h.memory_percent > t.memory
        THEN format('High memory usage: %s%%, above %s%%', ops.shown_above(h.memory_percent, t.memory), t.memory) END
    ], NULL)),
    'unavailable', to_jsonb(h.unavailable)
  )
  FROM ops.deployments d
  CROSS JOIN LATERAL (
    SELECT
      coalesce(s.error_rate_per_minute, 5) AS error_rate,
      coalesce(s.recent_errors, 50) AS recent_errors,
      coalesce(s.database_connection_percent, 90) AS connection_percent,
      coalesce(s.p95_response_ms, 5000) AS p95,
      coalesce(s.memory_percent, 95) AS memory,
      -- Where only one is set the other withholds nothing.
      coalesce(s.min_requests, s.error_percent * 0) AS min_requests,
      coalesce(s.error_percent, s.min_requests * 0 - 1) AS error_percent
    FROM jsonb_to_record(coalesce(d.policy -> 'thresholds', '{}')) AS s (
      error_rate_per_minute double precision, recent_errors double precision, database_connection_percent double precision,
      p95_response_ms double precision, memory_percent double precision, min_requests double precision, error_percent double precision
    )
  ) t
  JOIN ops.read_health(ARRAY[deployment], at) h USING (deployment_id)
  WHERE d.deployment_id = deployment
$$;

-- One row, and not the thousand that PostgreSQL expects of a function: what reads it would be planned for a million.
ALTER FUNCTION ops.database_connections() ROWS 1;
