-- Logs and health samples are about to become partitioned tables, whose old rows are dropped by the day and by the month
-- (docs/adr/0019). What is in the tables now becomes one partition, without being copied and with the tables in use
-- throughout. This is the first of several steps, each its own transaction, so that no lock is held while rows are read:
-- name the boundary below which every row lies, let PostgreSQL check it, build the keys, then swap names.
--
-- The boundary lies a week ahead, so that what is written while the steps run, however long that takes, is below it too.
CREATE FUNCTION ops.take_lock(relation regclass) RETURNS void LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  -- A lock that waits makes everybody else wait behind it: better many short tries than a long one.
  PERFORM set_config('lock_timeout', '500ms', true);
  FOR try IN 1..240 LOOP
    BEGIN
      EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', relation);
      RETURN;
    EXCEPTION WHEN lock_not_available THEN
      PERFORM pg_sleep(0.5);
    END;
  END LOOP;
  RAISE EXCEPTION 'Somebody has been using % for minutes without a pause', relation USING
    ERRCODE = 'lock_not_available',
    HINT = 'Look in pg_stat_activity for a transaction that was left open, end it, and apply the migrations again.';
END $$;

DO $$
DECLARE
  logs_end CONSTANT timestamp := date_trunc('day', now() AT TIME ZONE 'UTC' + interval '8 days');
  samples_end CONSTANT timestamp := date_trunc('month', now() AT TIME ZONE 'UTC' + interval '8 days' + interval '1 month');
BEGIN
  -- large-table-lock: held for the catalogue's change alone; NOT VALID reads no row.
  PERFORM ops.take_lock('ops.system_logs');
  EXECUTE format('ALTER TABLE ops.system_logs ADD CONSTRAINT system_logs_boundary CHECK (occurred_at < %L) NOT VALID',
    to_char(logs_end, 'YYYY-MM-DD') || ' 00:00:00+00');
  PERFORM ops.take_lock('ops.health_samples');
  EXECUTE format('ALTER TABLE ops.health_samples ADD CONSTRAINT health_samples_boundary CHECK (sampled_at < %L) NOT VALID',
    to_char(samples_end, 'YYYY-MM-DD') || ' 00:00:00+00');
END $$;
