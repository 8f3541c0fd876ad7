-- The ops schema: what was deployed, what became of it, and why. Column names are the product's vocabulary.
CREATE SCHEMA IF NOT EXISTS "auth";
CREATE SCHEMA IF NOT EXISTS "ops";

-- CreateTable
CREATE TABLE IF NOT EXISTS "auth"."users" (
    "id" UUID NOT NULL,

    CONSTRAINT "users_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ops"."deployments" (
    "id" BIGSERIAL NOT NULL,
    "deployment_id" UUID NOT NULL,
    "service" TEXT NOT NULL,
    "environment" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "git_commit" TEXT NOT NULL,
    "git_branch" TEXT NOT NULL,
    "deployed_by" UUID,
    "deployed_at" TIMESTAMPTZ(6) DEFAULT CURRENT_TIMESTAMP,
    "status" TEXT NOT NULL,
    "rollback_from" UUID,
    "health_check_passed" BOOLEAN DEFAULT false,
    "health_check_details" JSONB,
    "constitutional_validation" JSONB,
    "metadata" JSONB,
    "completed_at" TIMESTAMPTZ(6),
    "rolled_back_at" TIMESTAMPTZ(6),
    "fence" BIGINT NOT NULL,
    "unfenced" BOOLEAN NOT NULL DEFAULT false,
    "policy" JSONB NOT NULL,
    "baseline" JSONB,
    "entropy" DOUBLE PRECISION,
    "recorded_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "replaced_at" TIMESTAMPTZ(6),
    "restores" UUID,

    CONSTRAINT "deployments_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ops"."rollback_events" (
    "id" BIGSERIAL NOT NULL,
    "event_id" UUID NOT NULL,
    "deployment_id" UUID,
    "trigger_type" TEXT NOT NULL,
    "trigger_reason" TEXT NOT NULL,
    "initiated_by" UUID,
    "initiated_at" TIMESTAMPTZ(6) DEFAULT CURRENT_TIMESTAMP,
    "status" TEXT NOT NULL,
    "rollback_plan" JSONB,
    "rollback_steps" JSONB[],
    "constitutional_validation" JSONB,
    "completed_at" TIMESTAMPTZ(6),
    "metadata" JSONB,
    "service" TEXT NOT NULL,
    "environment" TEXT NOT NULL,
    "phase" TEXT NOT NULL DEFAULT 'queued',
    "idempotency_key" TEXT,
    "request_hash" TEXT,
    "target_deployment_id" UUID,
    "target_forced" BOOLEAN NOT NULL DEFAULT false,
    "replacement_deployment_id" UUID,
    "snapshot_id" UUID,
    "refused_event_id" UUID,
    "override" JSONB,
    "fence" BIGINT,
    "moments" JSONB NOT NULL DEFAULT '{}',
    "detail" TEXT,
    "progress" JSONB,
    "abort" JSONB,
    "deployer" JSONB,

    CONSTRAINT "rollback_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ops"."system_snapshots" (
    "id" BIGSERIAL NOT NULL,
    "snapshot_id" UUID NOT NULL,
    "deployment_id" UUID,
    "snapshot_type" TEXT NOT NULL,
    "database_schema_hash" TEXT,
    "table_counts" JSONB,
    "key_metrics" JSONB,
    "environment_config" JSONB,
    "created_at" TIMESTAMPTZ(6) DEFAULT CURRENT_TIMESTAMP,
    "event_id" UUID,

    CONSTRAINT "system_snapshots_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ops"."migration_history" (
    "id" BIGSERIAL NOT NULL,
    "deployment_id" UUID,
    "migration_name" TEXT NOT NULL,
    "migration_hash" TEXT NOT NULL,
    "applied_at" TIMESTAMPTZ(6) DEFAULT CURRENT_TIMESTAMP,
    "rolled_back_at" TIMESTAMPTZ(6),
    "rollback_successful" BOOLEAN,
    "execution_time_ms" INTEGER,
    "error_message" TEXT,
    "rollback_script" TEXT,
    "metadata" JSONB,

    CONSTRAINT "migration_history_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ops"."roman_events" (
    "id" BIGSERIAL NOT NULL,
    "event_type" TEXT NOT NULL,
    "severity" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "description" TEXT NOT NULL,
    "metadata" JSONB NOT NULL DEFAULT '{}',
    "timestamp" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "roman_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ops"."system_logs" (
    "id" BIGSERIAL NOT NULL,
    "service" TEXT NOT NULL,
    "environment" TEXT NOT NULL,
    "severity" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "source" TEXT,
    "deployment_id" UUID,
    "version" TEXT,
    "occurred_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "received_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "idempotency_key" TEXT,
    "metadata" JSONB,

    CONSTRAINT "system_logs_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ops"."health_samples" (
    "id" BIGSERIAL NOT NULL,
    "deployment_id" UUID NOT NULL,
    "sampled_at" TIMESTAMPTZ(6) NOT NULL,
    "phase" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "error_rate_per_minute" DOUBLE PRECISION,
    "recent_errors" INTEGER,
    "database_connections" INTEGER,
    "max_database_connections" INTEGER,
    "active_queries" INTEGER,
    "p95_response_ms" DOUBLE PRECISION,
    "memory_percent" DOUBLE PRECISION,
    "entropy" DOUBLE PRECISION,
    "details" JSONB,

    CONSTRAINT "health_samples_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ops"."live" (
    "service" TEXT NOT NULL,
    "environment" TEXT NOT NULL,
    "deployment_id" UUID,
    "fence" BIGINT NOT NULL DEFAULT 0,
    "last_fence" BIGINT NOT NULL DEFAULT 0,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "live_pkey" PRIMARY KEY ("service","environment")
);

-- CreateTable
CREATE TABLE "ops"."guards" (
    "deployment_id" UUID NOT NULL,
    "workflow_id" TEXT NOT NULL,
    "phase" TEXT NOT NULL DEFAULT 'queued',
    "verdict" TEXT,
    "reason" TEXT,
    "outcome" JSONB,
    "started_at" TIMESTAMPTZ(6),
    "ended_at" TIMESTAMPTZ(6),
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "guards_pkey" PRIMARY KEY ("deployment_id")
);

-- CreateTable
CREATE TABLE "ops"."guard_verdicts" (
    "deployment_id" UUID NOT NULL,
    "phase" TEXT NOT NULL,
    "verdict" TEXT NOT NULL,
    "trigger_type" TEXT NOT NULL DEFAULT 'automatic',
    "reason" TEXT NOT NULL,
    "health" JSONB,
    "signals" JSONB,
    "fault_at" TIMESTAMPTZ(6),
    "decided_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "guard_verdicts_pkey" PRIMARY KEY ("deployment_id","phase")
);

-- CreateTable
CREATE TABLE "ops"."decisions" (
    "decision_id" UUID NOT NULL,
    "deployment_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "violations" TEXT[],
    "status" TEXT NOT NULL DEFAULT 'waiting',
    "asked_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,
    "decided_at" TIMESTAMPTZ(6),
    "decided_by" JSONB,
    "decision_reason" TEXT,
    "event_id" UUID,
    "result_event_id" UUID,

    CONSTRAINT "decisions_pkey" PRIMARY KEY ("decision_id")
);

-- CreateTable
CREATE TABLE "ops"."quarantine" (
    "id" BIGSERIAL NOT NULL,
    "service" TEXT NOT NULL,
    "environment" TEXT NOT NULL,
    "git_commit" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "event_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "released_at" TIMESTAMPTZ(6),
    "released_by" JSONB,

    CONSTRAINT "quarantine_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ops"."outbox" (
    "id" BIGSERIAL NOT NULL,
    "kind" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "delivered_at" TIMESTAMPTZ(6),
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "last_error" TEXT,

    CONSTRAINT "outbox_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ops"."announcements" (
    "announcement_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "dedupe_key" TEXT NOT NULL,
    "service" TEXT NOT NULL,
    "environment" TEXT NOT NULL,
    "deployment_id" UUID,
    "event_id" UUID,
    "decision_id" UUID,
    "payload" JSONB NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "announcements_pkey" PRIMARY KEY ("announcement_id")
);

-- CreateTable
CREATE TABLE "ops"."announcement_messages" (
    "announcement_id" UUID NOT NULL,
    "part" TEXT NOT NULL,
    "channel_id" TEXT NOT NULL,
    "message_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "announcement_messages_pkey" PRIMARY KEY ("announcement_id","part")
);

-- CreateIndex
CREATE UNIQUE INDEX "deployments_deployment_id_key" ON "ops"."deployments"("deployment_id");

-- CreateIndex
CREATE INDEX "deployments_service_environment_deployed_at_idx" ON "ops"."deployments"("service", "environment", "deployed_at" DESC);

-- CreateIndex
CREATE INDEX "deployments_environment_status_deployed_at_idx" ON "ops"."deployments"("environment", "status", "deployed_at" DESC);

-- CreateIndex
CREATE INDEX "deployments_rollback_from_idx" ON "ops"."deployments"("rollback_from");

-- CreateIndex
CREATE UNIQUE INDEX "rollback_events_event_id_key" ON "ops"."rollback_events"("event_id");

-- CreateIndex
CREATE UNIQUE INDEX "rollback_events_idempotency_key_key" ON "ops"."rollback_events"("idempotency_key");

-- CreateIndex
CREATE INDEX "rollback_events_initiated_at_idx" ON "ops"."rollback_events"("initiated_at" DESC);

-- CreateIndex
CREATE INDEX "rollback_events_deployment_id_idx" ON "ops"."rollback_events"("deployment_id");

-- CreateIndex
CREATE UNIQUE INDEX "system_snapshots_snapshot_id_key" ON "ops"."system_snapshots"("snapshot_id");

-- CreateIndex
CREATE INDEX "system_snapshots_deployment_id_idx" ON "ops"."system_snapshots"("deployment_id");

-- CreateIndex
CREATE UNIQUE INDEX "migration_history_migration_name_key" ON "ops"."migration_history"("migration_name");

-- CreateIndex
CREATE INDEX "roman_events_event_type_timestamp_idx" ON "ops"."roman_events"("event_type", "timestamp" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "system_logs_service_environment_idempotency_key_key" ON "ops"."system_logs"("service", "environment", "idempotency_key");

-- CreateIndex
CREATE INDEX "health_samples_deployment_id_sampled_at_idx" ON "ops"."health_samples"("deployment_id", "sampled_at");

-- CreateIndex
CREATE UNIQUE INDEX "live_deployment_id_key" ON "ops"."live"("deployment_id");

-- CreateIndex
CREATE INDEX "decisions_deployment_id_asked_at_idx" ON "ops"."decisions"("deployment_id", "asked_at" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "quarantine_event_id_git_commit_key" ON "ops"."quarantine"("event_id", "git_commit");

-- CreateIndex
CREATE UNIQUE INDEX "outbox_key_key" ON "ops"."outbox"("key");

-- CreateIndex
CREATE UNIQUE INDEX "announcements_dedupe_key_key" ON "ops"."announcements"("dedupe_key");

-- AddForeignKey
ALTER TABLE "ops"."deployments" ADD CONSTRAINT "deployments_deployed_by_fkey" FOREIGN KEY ("deployed_by") REFERENCES "auth"."users"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "ops"."deployments" ADD CONSTRAINT "deployments_rollback_from_fkey" FOREIGN KEY ("rollback_from") REFERENCES "ops"."deployments"("deployment_id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "ops"."deployments" ADD CONSTRAINT "deployments_restores_fkey" FOREIGN KEY ("restores") REFERENCES "ops"."deployments"("deployment_id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "ops"."rollback_events" ADD CONSTRAINT "rollback_events_deployment_id_fkey" FOREIGN KEY ("deployment_id") REFERENCES "ops"."deployments"("deployment_id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "ops"."rollback_events" ADD CONSTRAINT "rollback_events_target_deployment_id_fkey" FOREIGN KEY ("target_deployment_id") REFERENCES "ops"."deployments"("deployment_id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "ops"."rollback_events" ADD CONSTRAINT "rollback_events_replacement_deployment_id_fkey" FOREIGN KEY ("replacement_deployment_id") REFERENCES "ops"."deployments"("deployment_id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "ops"."rollback_events" ADD CONSTRAINT "rollback_events_initiated_by_fkey" FOREIGN KEY ("initiated_by") REFERENCES "auth"."users"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "ops"."rollback_events" ADD CONSTRAINT "rollback_events_refused_event_id_fkey" FOREIGN KEY ("refused_event_id") REFERENCES "ops"."rollback_events"("event_id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "ops"."system_snapshots" ADD CONSTRAINT "system_snapshots_deployment_id_fkey" FOREIGN KEY ("deployment_id") REFERENCES "ops"."deployments"("deployment_id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "ops"."migration_history" ADD CONSTRAINT "migration_history_deployment_id_fkey" FOREIGN KEY ("deployment_id") REFERENCES "ops"."deployments"("deployment_id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "ops"."live" ADD CONSTRAINT "live_deployment_id_fkey" FOREIGN KEY ("deployment_id") REFERENCES "ops"."deployments"("deployment_id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "ops"."guards" ADD CONSTRAINT "guards_deployment_id_fkey" FOREIGN KEY ("deployment_id") REFERENCES "ops"."deployments"("deployment_id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "ops"."guard_verdicts" ADD CONSTRAINT "guard_verdicts_deployment_id_fkey" FOREIGN KEY ("deployment_id") REFERENCES "ops"."deployments"("deployment_id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "ops"."decisions" ADD CONSTRAINT "decisions_deployment_id_fkey" FOREIGN KEY ("deployment_id") REFERENCES "ops"."deployments"("deployment_id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "ops"."announcement_messages" ADD CONSTRAINT "announcement_messages_announcement_id_fkey" FOREIGN KEY ("announcement_id") REFERENCES "ops"."announcements"("announcement_id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- Enumerations. Text with CHECKs: readable in every client, and cheap to extend.
ALTER TABLE ops.deployments
  ADD CONSTRAINT deployments_status_check CHECK (status IN ('pending', 'in_progress', 'success', 'failed', 'rolled_back')),
  ADD CONSTRAINT deployments_names_check CHECK (service <> '' AND environment <> '' AND version <> '' AND git_commit <> '');
ALTER TABLE ops.rollback_events
  ADD CONSTRAINT rollback_events_status_check CHECK (status IN ('pending', 'in_progress', 'success', 'failed', 'aborted')),
  ADD CONSTRAINT rollback_events_trigger_type_check CHECK (trigger_type IN ('automatic', 'manual', 'constitutional_violation')),
  ADD CONSTRAINT rollback_events_phase_check CHECK (phase IN ('queued', 'validating', 'snapshotting', 'claiming', 'deploying', 'switching', 'verifying', 'ended'));
ALTER TABLE ops.system_snapshots
  ADD CONSTRAINT system_snapshots_type_check CHECK (snapshot_type IN ('pre_deployment', 'post_deployment', 'pre_rollback'));
ALTER TABLE ops.roman_events
  ADD CONSTRAINT roman_events_severity_check CHECK (severity IN ('debug', 'info', 'warning', 'error', 'critical'));
ALTER TABLE ops.system_logs
  ADD CONSTRAINT system_logs_severity_check CHECK (severity IN ('debug', 'info', 'warning', 'error', 'critical'));
ALTER TABLE ops.guards
  ADD CONSTRAINT guards_phase_check CHECK (phase IN ('queued', 'watching', 'deciding', 'waiting', 'rolling_back', 'standing_by', 'ended'));
ALTER TABLE ops.decisions
  ADD CONSTRAINT decisions_kind_check CHECK (kind IN ('rollback', 'late_breach', 'verify')),
  ADD CONSTRAINT decisions_status_check CHECK (status IN ('waiting', 'approved', 'rejected', 'overridden', 'expired', 'superseded'));
ALTER TABLE ops.quarantine
  ADD CONSTRAINT quarantine_status_check CHECK (status IN ('hold', 'quarantined', 'released'));
ALTER TABLE ops.outbox
  ADD CONSTRAINT outbox_kind_check CHECK (kind IN ('guard', 'rollback', 'announce'));

-- One rollback at a time per service and environment: this index decides who may.
CREATE UNIQUE INDEX rollback_events_one_active ON ops.rollback_events (service, environment)
  WHERE status IN ('pending', 'in_progress');
CREATE UNIQUE INDEX decisions_one_waiting ON ops.decisions (deployment_id) WHERE status = 'waiting';
CREATE INDEX quarantine_active ON ops.quarantine (service, environment, git_commit) WHERE status <> 'released';
CREATE INDEX outbox_undelivered ON ops.outbox (id) WHERE delivered_at IS NULL;
CREATE INDEX rollback_events_open ON ops.rollback_events (deployment_id) WHERE status IN ('pending', 'in_progress');
CREATE INDEX roman_events_by_deployment ON ops.roman_events ((metadata ->> 'deployment_id'), "timestamp" DESC);
-- Health reads this index and never the log itself.
CREATE INDEX system_logs_errors ON ops.system_logs (service, environment, occurred_at)
  INCLUDE (deployment_id, version) WHERE severity IN ('error', 'critical');

CREATE FUNCTION ops.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  RAISE EXCEPTION '% on %.% is refused: its rows are history', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege', HINT = 'Write a new row that corrects the old one.';
END $$;

-- The audit trail and verdicts are append-only.
CREATE TRIGGER roman_events_append_only BEFORE UPDATE OR DELETE ON ops.roman_events
  FOR EACH ROW EXECUTE FUNCTION ops.refuse_change();
CREATE TRIGGER roman_events_no_truncate BEFORE TRUNCATE ON ops.roman_events
  FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_change();
CREATE TRIGGER guard_verdicts_monotone BEFORE UPDATE ON ops.guard_verdicts
  FOR EACH ROW EXECUTE FUNCTION ops.refuse_change();
-- A finished rollback stays as it ended.
CREATE TRIGGER rollback_events_finished BEFORE UPDATE OR DELETE ON ops.rollback_events
  FOR EACH ROW WHEN (OLD.status IN ('success', 'failed', 'aborted')) EXECUTE FUNCTION ops.refuse_change();

-- Whoever waits for a rollback is woken when it moves.
CREATE FUNCTION ops.announce_rollback_change() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  PERFORM pg_catalog.pg_notify('roman_rollback', NEW.event_id::text);
  RETURN NULL;
END $$;
CREATE TRIGGER rollback_events_notify AFTER INSERT OR UPDATE OF status, phase ON ops.rollback_events
  FOR EACH ROW EXECUTE FUNCTION ops.announce_rollback_change();

/*
 * Errors of deployments, counted from the database's clock. An error counts for a deployment when it is of its service
 * and environment, lies in [deployed_at, replaced_at), and does not name another deployment or version; the replacement
 * of a rollback also owns what names the deployment it restores. Windows are half-open: (at − length, at].
 * The rate is scaled to a minute from its full window, never extrapolated from less.
 */
CREATE FUNCTION ops.deployment_errors(ids uuid[], at timestamptz DEFAULT now())
RETURNS TABLE (
  deployment_id uuid,
  error_rate_per_minute double precision,
  recent_errors integer,
  total_errors integer,
  fault_at timestamptz
) LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT
    d.deployment_id,
    n.rate_errors * 60.0 / w.rate_seconds,
    n.recent_errors::integer,
    n.total_errors::integer,
    n.fault_at
  FROM unnest(ids) AS wanted (id)
  JOIN ops.deployments d ON d.deployment_id = wanted.id
  CROSS JOIN LATERAL (
    SELECT coalesce((d.policy -> 'thresholds' ->> 'rate_window_seconds')::double precision, 60) AS rate_seconds
  ) w
  CROSS JOIN LATERAL (
    SELECT
      count(*) FILTER (WHERE l.occurred_at > at - make_interval(secs => w.rate_seconds)) AS rate_errors,
      count(*) FILTER (WHERE l.occurred_at > at - interval '5 minutes') AS recent_errors,
      count(*) AS total_errors,
      min(l.occurred_at) FILTER (WHERE l.occurred_at > at - greatest(interval '5 minutes', make_interval(secs => w.rate_seconds)))
        AS fault_at
    FROM ops.system_logs l
    WHERE l.service = d.service
      AND l.environment = d.environment
      AND l.severity IN ('error', 'critical')
      AND l.occurred_at >= greatest(d.deployed_at, at - interval '1 hour')
      AND l.occurred_at <= at
      AND (d.replaced_at IS NULL OR l.occurred_at < d.replaced_at)
      AND (l.deployment_id IS NULL OR l.deployment_id = d.deployment_id OR l.deployment_id = d.restores)
      AND (l.version IS NULL OR l.version = d.version)
  ) n
$$;

/* Connections of this server: client backends against max_connections, and how many are running something. */
CREATE FUNCTION ops.database_connections()
RETURNS TABLE (database_connections integer, max_database_connections integer, active_queries integer)
LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT
    count(*)::integer,
    current_setting('max_connections')::integer,
    (count(*) FILTER (WHERE a.state = 'active' AND a.pid <> pg_backend_pid()))::integer
  FROM pg_catalog.pg_stat_activity a
  -- A role without pg_read_all_stats sees no backend_type of others, but whose database they are in.
  WHERE coalesce(a.backend_type, 'client backend') = 'client backend' AND a.datid IS NOT NULL
$$;

/*
 * Entropy in [0, 1]: the largest of rate/10, recent/100 and (utilisation − 0.8)/0.2, each clamped. The last is written
 * over whole numbers, so that 82 of 100 connections is 0.1 exactly and not a hair less.
 */
CREATE FUNCTION ops.entropy(error_rate double precision, recent_errors integer, connections integer, connections_max integer)
RETURNS double precision LANGUAGE sql IMMUTABLE SET search_path = '' AS $$
  SELECT least(1, greatest(
    0, error_rate / 10, recent_errors::double precision / 100,
    (5 * connections - 4 * connections_max)::double precision / connections_max
  ))
$$;

/*
 * The health of one deployment as JSON; null where there is none of that id. `healthy` means stable: entropy below 0.1,
 * no signal in breach, and no breach of this deployment stored within the last five minutes.
 */
CREATE FUNCTION ops.get_deployment_health(deployment uuid, at timestamptz DEFAULT now())
RETURNS jsonb LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT jsonb_build_object(
    'healthy',
      ops.entropy(e.error_rate_per_minute, e.recent_errors, c.database_connections, c.max_database_connections) < 0.1
      AND NOT e.error_rate_per_minute > coalesce((t.thresholds ->> 'error_rate_per_minute')::double precision, 5)
      AND NOT e.recent_errors > coalesce((t.thresholds ->> 'recent_errors')::double precision, 50)
      AND NOT c.database_connections * 100.0 / c.max_database_connections > coalesce((t.thresholds ->> 'database_connection_percent')::double precision, 90)
      AND NOT EXISTS (
        SELECT FROM ops.guard_verdicts v
        WHERE v.deployment_id = d.deployment_id AND v.verdict = 'breach' AND v.decided_at > at - interval '5 minutes'
      )
      AND NOT EXISTS (
        SELECT FROM ops.health_samples s
        WHERE s.deployment_id = d.deployment_id AND s.state = 'breach' AND s.sampled_at > at - interval '5 minutes'
      ),
    'error_rate_per_minute', e.error_rate_per_minute,
    'recent_errors', e.recent_errors,
    'database_connections', c.database_connections,
    'active_queries', c.active_queries,
    'timestamp', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'database_connection_utilization', c.utilisation,
    'p95_response_ms', p.p95_response_ms,
    'memory_percent', p.memory_percent,
    'warnings', to_jsonb(array_remove(ARRAY[
      CASE WHEN p.p95_response_ms > coalesce((t.thresholds ->> 'p95_response_ms')::double precision, 5000)
        THEN format('Slow responses: P95 is %s ms, above %s ms', round(p.p95_response_ms::numeric), coalesce(t.thresholds ->> 'p95_response_ms', '5000')) END,
      CASE WHEN p.memory_percent > coalesce((t.thresholds ->> 'memory_percent')::double precision, 95)
        THEN format('High memory usage: %s%%, above %s%%', round(p.memory_percent::numeric), coalesce(t.thresholds ->> 'memory_percent', '95')) END
    ], NULL)),
    'unavailable', '[]'::jsonb
  )
  FROM ops.deployments d
  CROSS JOIN LATERAL (SELECT coalesce(d.policy -> 'thresholds', '{}'::jsonb) AS thresholds) t
  JOIN ops.deployment_errors(ARRAY[deployment], at) e USING (deployment_id)
  CROSS JOIN LATERAL (
    SELECT n.*, n.database_connections::double precision / n.max_database_connections AS utilisation
    FROM ops.database_connections() n
  ) c
  LEFT JOIN LATERAL (
    SELECT s.p95_response_ms, s.memory_percent FROM ops.health_samples s
    WHERE s.deployment_id = d.deployment_id AND s.sampled_at > at - interval '2 minutes'
    ORDER BY s.sampled_at DESC LIMIT 1
  ) p ON true
  WHERE d.deployment_id = deployment
$$;
