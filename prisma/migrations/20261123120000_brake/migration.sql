-- The brake: while an environment is frozen, intents are refused and automatic rollbacks ask people instead. A null
-- service or environment means all of them.
CREATE TABLE "ops"."freezes" (
    "id" BIGSERIAL NOT NULL,
    "freeze_id" UUID NOT NULL,
    "service" TEXT,
    "environment" TEXT,
    "reason" TEXT NOT NULL,
    "frozen_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "frozen_by" JSONB NOT NULL,
    "unfrozen_at" TIMESTAMPTZ(6),
    "unfrozen_by" JSONB,
    "unfreeze_reason" TEXT,

    CONSTRAINT "freezes_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "freezes_freeze_id_key" ON "ops"."freezes"("freeze_id");
-- Freezing what is frozen is the same freeze.
CREATE UNIQUE INDEX freezes_one_active ON ops.freezes (coalesce(service, ''), coalesce(environment, '')) WHERE unfrozen_at IS NULL;

-- What people say of a deployment afterwards, for thresholds to be tried over the past. The newest word counts.
CREATE TABLE "ops"."rollback_labels" (
    "id" BIGSERIAL NOT NULL,
    "deployment_id" UUID NOT NULL,
    "label" TEXT NOT NULL,
    "reason" TEXT,
    "labelled_by" JSONB NOT NULL,
    "labelled_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "rollback_labels_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "rollback_labels_deployment_id_labelled_at_idx" ON "ops"."rollback_labels"("deployment_id", "labelled_at" DESC);
ALTER TABLE "ops"."rollback_labels" ADD CONSTRAINT "rollback_labels_deployment_id_fkey" FOREIGN KEY ("deployment_id") REFERENCES "ops"."deployments"("deployment_id") ON DELETE NO ACTION ON UPDATE NO ACTION;
ALTER TABLE ops.rollback_labels
  ADD CONSTRAINT rollback_labels_label_check CHECK (label IN ('right', 'false_alarm', 'missed'));
CREATE TRIGGER rollback_labels_append_only BEFORE UPDATE OR DELETE ON ops.rollback_labels
  FOR EACH ROW EXECUTE FUNCTION ops.refuse_change();
CREATE TRIGGER rollback_labels_no_truncate BEFORE TRUNCATE ON ops.rollback_labels
  FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_change();
