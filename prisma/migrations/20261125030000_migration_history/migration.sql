-- Whose migration it is: staging and production apply the same ones, so a name is unique within one service and
-- environment. Rows that belong to nobody keep the old rule among themselves.
ALTER TABLE "ops"."migration_history" ADD COLUMN "service" TEXT, ADD COLUMN "environment" TEXT;
-- large-table-lock: it has a row per migration of a service, hundreds and not millions
UPDATE ops.migration_history m SET service = d.service, environment = d.environment
FROM ops.deployments d WHERE d.deployment_id = m.deployment_id;

DROP INDEX "ops"."migration_history_migration_name_key";
-- large-table-lock: it has a row per migration of a service, hundreds and not millions
CREATE UNIQUE INDEX "migration_history_service_environment_migration_name_key"
  ON "ops"."migration_history"("service", "environment", "migration_name") NULLS NOT DISTINCT;
-- large-table-lock: it has a row per migration of a service, hundreds and not millions
ALTER TABLE ops.migration_history
  ADD CONSTRAINT migration_history_place_check CHECK ((service IS NULL) = (environment IS NULL));

-- Who writes a row by hand names the deployment, as ever; the rest follows from it.
CREATE FUNCTION ops.place_migration() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  SELECT d.service, d.environment INTO NEW.service, NEW.environment
  FROM ops.deployments d WHERE d.deployment_id = NEW.deployment_id;
  RETURN NEW;
END $$;
CREATE TRIGGER migration_history_place BEFORE INSERT OR UPDATE OF deployment_id ON ops.migration_history
  FOR EACH ROW WHEN (NEW.deployment_id IS NOT NULL) EXECUTE FUNCTION ops.place_migration();

-- What people should know before they decide: which migrations would be undone.
ALTER TABLE "ops"."decisions" ADD COLUMN "warning" TEXT;
-- Why nothing was done without asking: a mode, a freeze, a cap, a shared cause, a refusal.
ALTER TABLE "ops"."decisions" ADD COLUMN "detail" TEXT;
