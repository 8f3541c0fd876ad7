-- Reads every row, once, beside readers and writers. Nobody can write a row from further ahead meanwhile; one that is
-- there has to be mended first.
-- large-table-lock: VALIDATE keeps nobody from reading or writing.
DO $$ BEGIN
  ALTER TABLE ops.system_logs VALIDATE CONSTRAINT system_logs_boundary;
EXCEPTION WHEN check_violation THEN
  RAISE EXCEPTION 'ops.system_logs has rows from more than a week ahead' USING
    ERRCODE = 'check_violation',
    HINT = 'Give them a time that is true: UPDATE ops.system_logs SET occurred_at = received_at WHERE occurred_at > received_at + interval ''7 days''; and apply the migrations again.';
END $$;
-- large-table-lock: as above.
DO $$ BEGIN
  ALTER TABLE ops.health_samples VALIDATE CONSTRAINT health_samples_boundary;
EXCEPTION WHEN check_violation THEN
  RAISE EXCEPTION 'ops.health_samples has rows from more than a week ahead' USING
    ERRCODE = 'check_violation',
    HINT = 'No sample is from the future: DELETE FROM ops.health_samples WHERE sampled_at > now(); and apply the migrations again.';
END $$;
