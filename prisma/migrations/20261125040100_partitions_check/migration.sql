-- Reads every row, once, beside readers and writers. A row from further ahead than a week fails it; give such rows a time
-- that is true (`UPDATE … SET occurred_at = received_at`) and apply the migrations again.
ALTER TABLE ops.system_logs VALIDATE CONSTRAINT system_logs_boundary;
ALTER TABLE ops.health_samples VALIDATE CONSTRAINT health_samples_boundary;
