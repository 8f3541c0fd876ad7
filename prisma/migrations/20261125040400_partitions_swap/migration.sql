-- The swap: the old tables take new names, partitioned ones take theirs, and the old ones become the first partitions.
-- Every row was checked and every index built before, so this changes the catalogue alone.
DO $$ BEGIN
  -- large-table-lock: held for the catalogue's change alone; the steps before have done all that reads rows.
  PERFORM ops.take_lock('ops.system_logs');
  PERFORM ops.take_lock('ops.health_samples');
END $$;
DROP FUNCTION ops.take_lock(regclass);

ALTER TABLE ops.system_logs RENAME TO system_logs_initial;
ALTER TABLE ops.system_logs_initial DROP CONSTRAINT system_logs_pkey;
-- large-table-lock: both its columns have been NOT NULL since the table was created, so no row is read.
ALTER TABLE ops.system_logs_initial ADD PRIMARY KEY USING INDEX system_logs_initial_pkey;
ALTER INDEX ops.system_logs_service_environment_idempotency_key_key RENAME TO system_logs_initial_keys;
DROP INDEX ops.system_logs_errors;

ALTER TABLE ops.health_samples RENAME TO health_samples_initial;
ALTER TABLE ops.health_samples_initial DROP CONSTRAINT health_samples_pkey;
-- large-table-lock: as above.
ALTER TABLE ops.health_samples_initial ADD PRIMARY KEY USING INDEX health_samples_initial_pkey;
ALTER INDEX ops.health_samples_deployment_id_sampled_at_idx RENAME TO health_samples_initial_deployment_id_sampled_at_idx;

-- One partition for each UTC day.
CREATE TABLE ops.system_logs (
  id bigint NOT NULL DEFAULT nextval('ops.system_logs_id_seq'),
  service text NOT NULL,
  environment text NOT NULL,
  severity text NOT NULL,
  message text NOT NULL,
  source text,
  deployment_id uuid,
  version text,
  occurred_at timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  received_at timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  idempotency_key text,
  metadata jsonb,
  CONSTRAINT system_logs_pkey PRIMARY KEY (id, occurred_at),
  CONSTRAINT system_logs_severity_check CHECK (severity IN ('debug', 'info', 'warning', 'error', 'critical'))
) PARTITION BY RANGE (occurred_at);
ALTER SEQUENCE ops.system_logs_id_seq OWNED BY ops.system_logs.id;
-- Health reads this index and never the log itself.
-- large-table-lock: empty until the old table is attached below, whose own index is taken over.
CREATE INDEX system_logs_errors ON ops.system_logs (service, environment, occurred_at)
  INCLUDE (deployment_id, version, received_at) WHERE severity IN ('error', 'critical');

-- One partition for each month: they are few, and asked for much longer.
CREATE TABLE ops.health_samples (
  id bigint NOT NULL DEFAULT nextval('ops.health_samples_id_seq'),
  deployment_id uuid NOT NULL,
  sampled_at timestamptz(6) NOT NULL,
  phase text NOT NULL,
  state text NOT NULL,
  reason text NOT NULL,
  error_rate_per_minute double precision,
  recent_errors integer,
  database_connections integer,
  max_database_connections integer,
  active_queries integer,
  p95_response_ms double precision,
  memory_percent double precision,
  entropy double precision,
  details jsonb,
  CONSTRAINT health_samples_pkey PRIMARY KEY (id, sampled_at)
) PARTITION BY RANGE (sampled_at);
ALTER SEQUENCE ops.health_samples_id_seq OWNED BY ops.health_samples.id;
-- large-table-lock: as above.
CREATE INDEX health_samples_deployment_id_sampled_at_idx ON ops.health_samples (deployment_id, sampled_at);

/* The partitions of a table, by their bounds; those of the default partition are null. */
CREATE FUNCTION ops.partitions(parent text)
RETURNS TABLE (name text, from_at timestamptz, to_at timestamptz, is_default boolean)
LANGUAGE sql STABLE SET search_path = '' SET timezone = 'UTC' AS $$
  SELECT
    c.relname::text,
    CASE WHEN b.bound LIKE 'FOR VALUES FROM (MINVALUE)%' THEN '-infinity'::timestamptz
      ELSE substring(b.bound FROM $re$FROM \('([^']+)'\)$re$)::timestamptz END,
    substring(b.bound FROM $re$TO \('([^']+)'\)$re$)::timestamptz,
    b.bound = 'DEFAULT'
  FROM pg_catalog.pg_inherits i
  JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
  CROSS JOIN LATERAL (SELECT pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS bound) b
  WHERE i.inhparent = pg_catalog.to_regclass('ops.' || parent)
  ORDER BY 4, 3
$$;

/* Nobody is to address a partition itself: it has no grants, and row security without a policy. */
CREATE FUNCTION ops.close_partition(partition text) RETURNS void LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  grantee text;
BEGIN
  EXECUTE format('ALTER TABLE ops.%I ENABLE ROW LEVEL SECURITY', partition);
  -- What ALTER DEFAULT PRIVILEGES may have granted, too.
  FOR grantee IN
    SELECT DISTINCT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(a.grantee)) END
    FROM pg_catalog.pg_class c CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
    WHERE c.oid = format('ops.%I', partition)::regclass AND a.grantee <> c.relowner
  LOOP
    EXECUTE format('REVOKE ALL ON ops.%I FROM %s CASCADE', partition, grantee);
  END LOOP;
END $$;

/*
 * Makes an empty table like the parent, to be attached. Its rows are only ever inserted: without these settings
 * PostgreSQL would wait for a fifth of the table to be new before it marks pages as visible to all, and until then an
 * index alone answers nothing.
 */
CREATE FUNCTION ops.create_partition(parent text, partition text) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  EXECUTE format('CREATE TABLE ops.%I (LIKE ops.%I INCLUDING CONSTRAINTS) WITH (autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 20000)', partition, parent);
  IF parent = 'system_logs' THEN
    -- A key is taken once in a partition; the parent cannot have an index that is unique over all of them.
    EXECUTE format('CREATE UNIQUE INDEX %I ON ops.%I (service, environment, idempotency_key)', partition || '_keys', partition);
  END IF;
  PERFORM ops.close_partition(partition);
END $$;

-- large-table-lock: the CHECK that was validated spares ATTACH the look at the rows; the rest is new and empty.
DO $$
DECLARE
  parent text;
  bound text;
  granted record;
BEGIN
  FOREACH parent IN ARRAY ARRAY['system_logs', 'health_samples'] LOOP
    SELECT substring(pg_get_constraintdef(oid) FROM '''([^'']+)''') INTO STRICT bound
      FROM pg_constraint WHERE conname = parent || '_boundary';
    EXECUTE format('ALTER TABLE ops.%1$I ATTACH PARTITION ops.%2$I FOR VALUES FROM (MINVALUE) TO (%3$L)', parent, parent || '_initial', bound);
    EXECUTE format('ALTER TABLE ops.%I DROP CONSTRAINT %I', parent || '_initial', parent || '_boundary');
    EXECUTE format('ALTER TABLE ops.%I SET (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 20000)', parent || '_initial');
    -- Takes whatever no other partition does, so that no row is ever refused for its time.
    PERFORM ops.create_partition(parent, parent || '_default');
    EXECUTE format('ALTER TABLE ops.%I ATTACH PARTITION ops.%I DEFAULT', parent, parent || '_default');
    -- Rights belong to a table and not to its name: whoever had some on the old table has them on the new one, and
    -- none on what is now a partition of it.
    FOR granted IN
      SELECT DISTINCT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(a.grantee)) END AS grantee,
        a.privilege_type, a.is_grantable
      FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
      WHERE c.oid = format('ops.%I', parent || '_initial')::regclass AND a.grantee <> c.relowner
    LOOP
      EXECUTE format('GRANT %s ON ops.%I TO %s %s', granted.privilege_type, parent, granted.grantee,
        CASE WHEN granted.is_grantable THEN 'WITH GRANT OPTION' ELSE '' END);
    END LOOP;
    PERFORM ops.close_partition(parent || '_initial');
  END LOOP;
END $$;

/*
 * Makes partitions for a week ahead and drops those whose rows are all older than their table is kept; never one that
 * holds a younger row. Idempotent, and one caller at a time: a second one does nothing. It waits half a second for a lock
 * at most, since writers wait behind it, and says `postponed` where it gave up.
 * A call that has something to create drops nothing, because the locks of both together could deadlock with readers:
 * call it until it answers nothing.
 * Only the owner may call it for another moment than now: with its rights, one in years would drop all there is. So the
 * application, whose retention roman.yaml says, can drop what is older than a day, and nothing younger.
 */
CREATE FUNCTION ops.maintain_partitions(logs_days integer, samples_days integer, at timestamptz DEFAULT now())
RETURNS TABLE (partition text, change text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' SET timezone = 'UTC' SET lock_timeout = '500ms' AS $$
DECLARE
  kept record;
  old record;
  lower_bound timestamptz;
  upper_bound timestamptz;
  was_due boolean := false;
BEGIN
  IF NOT pg_has_role(session_user, current_user, 'MEMBER') THEN
    at := now();
  END IF;
  IF logs_days < 1 OR samples_days < 1 THEN
    RAISE EXCEPTION 'Logs kept for % days and samples for %: name at least one day', logs_days, samples_days
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF NOT pg_try_advisory_xact_lock(7261618034) THEN RETURN; END IF;

  FOR kept IN
    SELECT * FROM (VALUES
      ('system_logs', 'occurred_at', 'day', interval '1 day', 'YYYYMMDD', at - make_interval(days => logs_days)),
      ('health_samples', 'sampled_at', 'month', interval '1 month', 'YYYYMM', at - make_interval(days => samples_days))
    ) AS t (parent, key, unit, step, suffix, oldest)
  LOOP
    SELECT greatest(max(p.to_at), date_trunc(kept.unit, kept.oldest)) INTO lower_bound
      FROM ops.partitions(kept.parent) p WHERE NOT p.is_default;
    WHILE lower_bound <= at + interval '7 days' LOOP
      upper_bound := lower_bound + kept.step;
      partition := format('%s_%s', kept.parent, to_char(lower_bound, kept.suffix));
      BEGIN
        EXECUTE format('LOCK TABLE ONLY ops.%I IN SHARE UPDATE EXCLUSIVE MODE', kept.parent);
        EXECUTE format('LOCK TABLE ops.%I IN ACCESS EXCLUSIVE MODE', kept.parent || '_default');
        PERFORM ops.create_partition(kept.parent, partition);
        EXECUTE format('WITH moved AS (DELETE FROM ops.%I WHERE %I >= $1 AND %2$I < $2 RETURNING *) INSERT INTO ops.%I SELECT * FROM moved',
          kept.parent || '_default', kept.key, partition) USING lower_bound, upper_bound;
        EXECUTE format('ALTER TABLE ops.%I ATTACH PARTITION ops.%I FOR VALUES FROM (%L) TO (%L)',
          kept.parent, partition, lower_bound, upper_bound);
        change := 'created';
      EXCEPTION WHEN lock_not_available THEN
        change := 'postponed';
      END;
      was_due := true;
      RETURN NEXT;
      EXIT WHEN change = 'postponed';
      lower_bound := upper_bound;
    END LOOP;
  END LOOP;
  IF was_due THEN RETURN; END IF;

  FOR kept IN
    SELECT * FROM (VALUES
      ('system_logs', 'occurred_at', at - make_interval(days => logs_days)),
      ('health_samples', 'sampled_at', at - make_interval(days => samples_days))
    ) AS t (parent, key, oldest)
  LOOP
    FOR old IN SELECT p.name FROM ops.partitions(kept.parent) p WHERE p.to_at <= kept.oldest LOOP
      partition := old.name;
      BEGIN
        EXECUTE format('LOCK TABLE ONLY ops.%I IN ACCESS EXCLUSIVE MODE', kept.parent);
        EXECUTE format('DROP TABLE ops.%I', partition);
        change := 'dropped';
      EXCEPTION WHEN lock_not_available THEN
        change := 'postponed';
      END;
      RETURN NEXT;
      EXIT WHEN change = 'postponed';
    END LOOP;
    EXECUTE format('DELETE FROM ops.%I WHERE %I < $1', kept.parent || '_default', kept.key) USING kept.oldest;
  END LOOP;
END $$;

/* Until when each table has partitions without a gap, and how many rows its default partition holds (counted to a thousand). */
CREATE FUNCTION ops.partition_coverage()
RETURNS TABLE (parent text, covered_until timestamptz, default_rows integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  FOREACH parent IN ARRAY ARRAY['system_logs', 'health_samples'] LOOP
    WITH ranges AS (SELECT * FROM ops.partitions(parent) p WHERE NOT p.is_default)
    SELECT CASE
      WHEN EXISTS (SELECT FROM ranges r WHERE r.from_at <= now() AND r.to_at > now())
        THEN (SELECT min(r.to_at) FROM ranges r WHERE r.to_at > now() AND NOT EXISTS (SELECT FROM ranges n WHERE n.from_at = r.to_at))
      ELSE now()
    END INTO covered_until;
    EXECUTE format('SELECT count(*) FROM (SELECT FROM ops.%I LIMIT 1000) s', parent || '_default') INTO default_rows;
    RETURN NEXT;
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION ops.partition_coverage() FROM PUBLIC;
REVOKE ALL ON FUNCTION ops.maintain_partitions(integer, integer, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION ops.create_partition(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION ops.close_partition(text) FROM PUBLIC;

-- Where there is a function that grants what the product's roles need, the new tables and functions are for it, too.
-- large-table-lock: grants change the catalogue alone.
DO $$ BEGIN
  IF to_regprocedure('ops.apply_grants()') IS NOT NULL THEN
    PERFORM ops.apply_grants();
  END IF;
END $$;
