-- The key of a partitioned table holds what it is partitioned by. Alone in its file: it is built beside readers and
-- writers, which no transaction can do. Interrupted, it leaves an invalid index: `DROP INDEX ops.system_logs_initial_pkey`, then again.
CREATE UNIQUE INDEX CONCURRENTLY system_logs_initial_pkey ON ops.system_logs (id, occurred_at);
