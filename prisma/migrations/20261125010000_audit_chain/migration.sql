-- The audit trail, provable: each row carries a hash of its content, and one process at a time seals new rows into a
-- chain beside the table. Rows from before keep a null hash (no rewrite of the table); they are hashed when sealed.
ALTER TABLE "ops"."roman_events" ADD COLUMN "content_hash" BYTEA;

/*
 * All of a row that matters, as one line of text that is the same in every session and on every server: a JSON array of
 * id, event_type, severity, source, description, metadata, and the seconds from 1970 to its timestamp.
 * `verify` reads rows by an expression of its own, so that replacing this function hides nothing.
 * STABLE because PostgreSQL says so of its parts, though none of them depends on the session for these types; with
 * names bound when it is created it needs no search_path, and so is inlined into the query that calls it.
 */
CREATE FUNCTION ops.audit_content(event ops.roman_events) RETURNS text LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT pg_catalog.json_build_array(
    event.id, event.event_type, event.severity, event.source, event.description, event.metadata,
    extract(epoch FROM event."timestamp")
  )::text;
END;

/*
 * Whatever the client says its hash is. Every writer pays for this: so it sets no search_path, which it does not need,
 * since each name in it has its schema and there is no operator.
 */
CREATE FUNCTION ops.hash_content() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.content_hash := pg_catalog.sha256(pg_catalog.convert_to(ops.audit_content(NEW), 'UTF8'));
  RETURN NEW;
END $$;
CREATE TRIGGER roman_events_content_hash BEFORE INSERT ON ops.roman_events
  FOR EACH ROW EXECUTE FUNCTION ops.hash_content();

-- One row per batch of events. `chain_hash` is over all other columns, `previous_hash` is that of the seal before.
CREATE TABLE "ops"."audit_seals" (
    "seal_number" BIGINT NOT NULL,
    "event_ids" BIGINT[] NOT NULL,
    "content_hashes" BYTEA NOT NULL,
    "settled_id" BIGINT NOT NULL,
    "through_id" BIGINT NOT NULL,
    "total_events" BIGINT NOT NULL,
    "previous_hash" BYTEA NOT NULL,
    "chain_hash" BYTEA NOT NULL,
    "sealed_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "audit_seals_pkey" PRIMARY KEY ("seal_number")
);
-- A new sealer reads from here on what may still be missing.
CREATE INDEX "audit_seals_through_id_idx" ON "ops"."audit_seals"("through_id");
ALTER TABLE ops.audit_seals
  ADD CONSTRAINT audit_seals_numbers_check CHECK (
    seal_number >= 1 AND seal_number <= 9007199254740991
    AND settled_id >= 0 AND through_id >= settled_id AND through_id <= 9007199254740991
  ),
  ADD CONSTRAINT audit_seals_hashes_check CHECK (
    octet_length(content_hashes) = 32 * cardinality(event_ids)
    AND octet_length(previous_hash) = 32 AND octet_length(chain_hash) = 32
  ),
  -- Hashes do not compress.
  ALTER COLUMN content_hashes SET STORAGE EXTERNAL;
CREATE TRIGGER audit_seals_append_only BEFORE UPDATE OR DELETE ON ops.audit_seals
  FOR EACH ROW EXECUTE FUNCTION ops.refuse_change();
CREATE TRIGGER audit_seals_no_truncate BEFORE TRUNCATE ON ops.audit_seals
  FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_change();
