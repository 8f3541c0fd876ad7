-- What a schema hash stands for, once per hash, so that a difference between two snapshots can name objects.
CREATE TABLE "ops"."schema_descriptions" (
    "schema_hash" TEXT NOT NULL,
    "objects" JSONB,
    "object_count" INTEGER NOT NULL,
    "unavailable" TEXT[],
    "first_seen_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "schema_descriptions_pkey" PRIMARY KEY ("schema_hash")
);
ALTER TABLE ops.schema_descriptions
  ADD CONSTRAINT schema_descriptions_hash_check CHECK (schema_hash ~ '^[0-9a-f]{64}$'),
  ADD CONSTRAINT schema_descriptions_count_check CHECK (object_count >= 0);

-- Without defaults: no row is written again. Snapshots of before keep what they have, and no description.
ALTER TABLE "ops"."system_snapshots"
  ADD COLUMN "dedupe_key" TEXT,
  ADD COLUMN "schema_description" TEXT,
  ADD COLUMN "migrations" JSONB,
  ADD COLUMN "took_ms" INTEGER;
-- A retried step finds its snapshot, and two steps at once make one.
-- large-table-lock: two or three rows a deployment, thousands and not millions.
CREATE UNIQUE INDEX "system_snapshots_dedupe_key_key" ON "ops"."system_snapshots"("dedupe_key");
-- large-table-lock: two or three rows a deployment, thousands and not millions.
ALTER TABLE "ops"."system_snapshots" ADD CONSTRAINT "system_snapshots_schema_description_fkey" FOREIGN KEY ("schema_description") REFERENCES "ops"."schema_descriptions"("schema_hash") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- History: what was seen is not seen otherwise later. Deleting what is old is housekeeping.
CREATE TRIGGER system_snapshots_unchanged BEFORE UPDATE ON ops.system_snapshots
  FOR EACH ROW EXECUTE FUNCTION ops.refuse_change();
CREATE TRIGGER schema_descriptions_unchanged BEFORE UPDATE ON ops.schema_descriptions
  FOR EACH ROW EXECUTE FUNCTION ops.refuse_change();
