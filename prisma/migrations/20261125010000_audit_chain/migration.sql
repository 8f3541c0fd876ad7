-- The audit trail, provable: each row carries a hash of its content, and one process at a time seals new rows into a
-- chain beside the table. Rows from before keep a null hash (no rewrite of the table); they are hashed when sealed.
ALTER TABLE "ops"."roman_events" ADD COLUMN "content_hash" BYTEA;

-- Up to which id a null hash is one from before, for good: what comes later has one, and losing it is a change. A
-- verification reads this function's text and does not call it.
-- large-table-lock: the highest id is read from the primary key's index, and nobody writes beside it.
DO $$ BEGIN
  EXECUTE format('CREATE FUNCTION ops.unhashed_through() RETURNS bigint LANGUAGE sql IMMUTABLE AS ''SELECT %s::bigint''',
    (SELECT coalesce(max(id), 0) FROM ops.roman_events));
END $$;

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
    AND total_events >= 0 AND total_events <= 9007199254740991 AND isfinite(sealed_at)
  ),
  ADD CONSTRAINT audit_seals_events_check CHECK (
    coalesce(array_ndims(event_ids), 1) = 1 AND array_position(event_ids, NULL) IS NULL
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

/* What `chain_hash` has to be: docs/audit.md has it in words. The sealer and a verification compute it on their own. */
CREATE FUNCTION ops.audit_chain_hash(seal ops.audit_seals) RETURNS bytea LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT sha256(
    'roman-audit-seal:v1'::bytea || '\x00'::bytea || seal.previous_hash
    || int8send(seal.seal_number) || int8send(seal.settled_id) || int8send(seal.through_id) || int8send(seal.total_events)
    || int8send((extract(epoch FROM seal.sealed_at) * 1000000)::bigint) || int8send(cardinality(seal.event_ids))
    || coalesce((SELECT string_agg(int8send(id), '' ORDER BY n) FROM unnest(seal.event_ids) WITH ORDINALITY AS u (id, n)), '')
    || seal.content_hashes
  )
$$;

/*
 * Whoever may insert a seal may insert one that says what is in the table, and nothing else: a single false one would end
 * sealing, or stand for events that nobody wrote. What it cannot know is whether a missing id will still come.
 * Planned once, by primary keys: planned for each array of ids, a large one would be thought worth a scan of the table.
 */
CREATE FUNCTION ops.check_seal() RETURNS trigger LANGUAGE plpgsql
SET search_path = '' SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  head ops.audit_seals;
  given bigint;
  fact text;
BEGIN
  SELECT * INTO head FROM ops.audit_seals ORDER BY seal_number DESC LIMIT 1;
  IF NOT FOUND THEN
    head.seal_number := 0;
    head.settled_id := 0;
    head.through_id := 0;
    head.total_events := 0;
    head.chain_hash := decode(repeat('00', 32), 'hex');
  END IF;
  SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO given FROM ops.roman_events_id_seq;
  fact := CASE
    WHEN NEW.seal_number IS DISTINCT FROM head.seal_number + 1 OR NEW.previous_hash IS DISTINCT FROM head.chain_hash
      THEN format('it does not continue seal %s', head.seal_number)
    WHEN greatest(NEW.settled_id, NEW.through_id) > given
      THEN format('it is ahead of the ids that were given out, which end at %s', given)
    WHEN NEW.settled_id < head.settled_id OR NEW.total_events <> head.total_events + cardinality(NEW.event_ids)
      OR NEW.through_id <> greatest(head.through_id, (SELECT max(id) FROM unnest(NEW.event_ids) AS id))
      THEN format('its numbers do not follow from seal %s', head.seal_number)
    WHEN EXISTS (
      SELECT FROM (SELECT id, lag(id, 1, head.settled_id) OVER (ORDER BY n) AS before FROM unnest(NEW.event_ids) WITH ORDINALITY AS u (id, n)) s
      WHERE id <= before
    ) THEN 'its events are not in order, or were settled before'
    WHEN NEW.sealed_at NOT BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp() + interval '1 second'
      THEN format('it was not sealed at %s', NEW.sealed_at)
    WHEN NEW.chain_hash IS DISTINCT FROM ops.audit_chain_hash(NEW)
      THEN 'its hash is not that of its content'
    WHEN NEW.content_hashes IS DISTINCT FROM (
      SELECT coalesce(string_agg(coalesce(e.content_hash, sha256(convert_to(ops.audit_content(e), 'UTF8'))), '' ORDER BY n), '')
      FROM unnest(NEW.event_ids) WITH ORDINALITY AS u (id, n) JOIN ops.roman_events e ON e.id = u.id
    ) THEN 'its events are not those that are stored'
    WHEN NEW.settled_id > head.settled_id AND EXISTS (
      SELECT id FROM ops.roman_events WHERE id > head.settled_id AND id <= NEW.settled_id
      EXCEPT SELECT unnest(NEW.event_ids)
      EXCEPT SELECT unnest(event_ids) FROM ops.audit_seals WHERE through_id > head.settled_id
    ) THEN 'it settles events that are not sealed'
  END;
  IF fact IS NOT NULL THEN
    RAISE EXCEPTION 'Seal % is refused: %', NEW.seal_number, fact
      USING ERRCODE = 'check_violation', HINT = 'Seals are written by the worker alone (docs/audit.md).';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER audit_seals_continue BEFORE INSERT ON ops.audit_seals
  FOR EACH ROW EXECUTE FUNCTION ops.check_seal();
