-- The history of a service or an environment, newest first, is read from an index however many others' rollbacks there are.
-- large-table-lock: a row a rollback: even a million take seconds, and only rollbacks wait for them.
CREATE INDEX "rollback_events_service_environment_initiated_at_idx" ON "ops"."rollback_events"("service", "environment", "initiated_at" DESC);
-- large-table-lock: as above.
CREATE INDEX "rollback_events_service_initiated_at_idx" ON "ops"."rollback_events"("service", "initiated_at" DESC);
-- large-table-lock: as above.
CREATE INDEX "rollback_events_environment_initiated_at_idx" ON "ops"."rollback_events"("environment", "initiated_at" DESC);
