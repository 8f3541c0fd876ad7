-- What overrides a refused rollback is found by the rollback it names; few name one. Alone in its file: an index that is
-- built while the table is written cannot be part of a transaction.
CREATE INDEX CONCURRENTLY rollback_events_overrides ON ops.rollback_events (refused_event_id) WHERE refused_event_id IS NOT NULL;
