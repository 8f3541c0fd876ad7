/*
 * Stores log rows and answers how many were new. A row whose service, environment and key were seen before on its UTC day
 * or on the day before is not stored again. The key is unique in each partition by an index; the day before is looked up.
 * A row without a time of its own happened now, and a clock that runs ahead is not believed: such a row's day is that of
 * its delivery, so two deliveries at once could lie on both sides of midnight, where neither sees the other. Around
 * midnight, therefore, deliveries of one service take turns. A minute to each side is four times the longest statement.
 *
 * @param earliest the earliest time that a row brings with it; null where none does. It spares a look at other partitions.
 * @param clock stands for the time of day
 */
CREATE FUNCTION ops.store_logs(given json, earliest timestamptz DEFAULT NULL, clock timestamptz DEFAULT NULL)
RETURNS integer LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  at timestamptz := coalesce(clock, clock_timestamp());
  looked_up_from timestamptz;
  looked_up_until timestamptz;
  stored integer;
BEGIN
  IF date_trunc('day', at - interval '1 minute', 'UTC') <> date_trunc('day', at + interval '1 minute', 'UTC') THEN
    -- In one order, so that two batches of several services cannot wait for each other.
    PERFORM pg_advisory_xact_lock(s.lock) FROM (
      SELECT DISTINCT hashtextextended(r.service || '/' || r.environment, 7261618035) AS lock
      FROM json_to_recordset(given) AS r (service text, environment text)
      ORDER BY 1
    ) s;
    at := coalesce(clock, clock_timestamp());
  END IF;
  looked_up_from := date_trunc('day', least(earliest, at), 'UTC') - interval '1 day';
  looked_up_until := date_trunc('day', at, 'UTC');

  INSERT INTO ops.system_logs
    (service, environment, severity, message, source, deployment_id, version, occurred_at, received_at, idempotency_key, metadata)
  SELECT g.service, g.environment, g.severity, g.message, g.source, g.deployment_id, g.version, g.happened_at, at,
    g.idempotency_key, g.metadata
  FROM (
    SELECT r.*, least(r.occurred_at, at) AS happened_at
    FROM ROWS FROM (json_to_recordset(given) AS (
      service text, environment text, severity text, message text, source text, deployment_id uuid, version text,
      occurred_at timestamptz, idempotency_key text, metadata jsonb
    )) WITH ORDINALITY AS r (
      service, environment, severity, message, source, deployment_id, version, occurred_at, idempotency_key, metadata, place
    )
  ) g
  WHERE NOT EXISTS (
    SELECT FROM ops.system_logs o
    WHERE o.service = g.service AND o.environment = g.environment AND o.idempotency_key = g.idempotency_key
      AND o.occurred_at >= date_trunc('day', g.happened_at, 'UTC') - interval '1 day'
      AND o.occurred_at < date_trunc('day', g.happened_at, 'UTC')
      -- For all rows together, and known before the first: no other partition is even opened.
      AND o.occurred_at >= looked_up_from AND o.occurred_at < looked_up_until
  )
  -- In one order, too: two batches with the same keys wait for each other's rows. Of one key's rows in a batch the first counts.
  ORDER BY g.idempotency_key COLLATE "C", g.service COLLATE "C", g.environment COLLATE "C", g.place
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS stored = ROW_COUNT;
  RETURN stored;
END $$;
