-- As for the logs. Interrupted, it leaves an invalid index: `DROP INDEX ops.health_samples_initial_pkey`, then again.
CREATE UNIQUE INDEX CONCURRENTLY health_samples_initial_pkey ON ops.health_samples (id, sampled_at);
