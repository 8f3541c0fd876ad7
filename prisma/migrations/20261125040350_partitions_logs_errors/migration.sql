-- The index that health is read from says when a row came, too: what came late is told from it alone. As for the keys:
-- interrupted, it leaves an invalid index: `DROP INDEX ops.system_logs_initial_errors`, then again.
CREATE INDEX CONCURRENTLY system_logs_initial_errors ON ops.system_logs (service, environment, occurred_at)
  INCLUDE (deployment_id, version, received_at) WHERE severity IN ('error', 'critical');
