-- Who may do what in ops. service_role is the application, authenticated are people who look, anon is everybody else.
-- On Supabase the three are there; elsewhere they are made, without login, so that the same grants hold everywhere.
-- large-table-lock: it creates roles and touches no table
DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['anon', 'authenticated', 'service_role'] LOOP
    CONTINUE WHEN EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted);
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
    EXCEPTION
      -- Roles belong to the whole server: another database's migration may have made it this moment.
      WHEN duplicate_object OR unique_violation THEN NULL;
      WHEN insufficient_privilege THEN
        RAISE NOTICE 'Role % is missing, and % may not create it', wanted, current_user
          USING HINT = format('As a superuser: CREATE ROLE %I NOLOGIN. Then as %I: SELECT ops.apply_grants();', wanted, current_user);
    END;
  END LOOP;
END $$;

-- Who a Discord member or a CI identity is, as a row of auth.users.
CREATE TABLE "ops"."actors" (
    "kind" TEXT NOT NULL,
    "identity" TEXT NOT NULL,
    "user_id" UUID NOT NULL,
    "name" TEXT,
    "added_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "added_by" JSONB NOT NULL,

    CONSTRAINT "actors_pkey" PRIMARY KEY ("kind","identity")
);
ALTER TABLE ops.actors
  ADD CONSTRAINT actors_kind_check CHECK (kind IN ('discord', 'ci')),
  ADD CONSTRAINT actors_identity_check CHECK (identity <> ''),
  -- Who is no user any more acts in nobody's name.
  ADD CONSTRAINT actors_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE;

-- What callers other than the service key may do. The token itself is nowhere: whoever reads this table cannot use it.
CREATE TABLE "ops"."api_tokens" (
    "token_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "token_hash" BYTEA NOT NULL,
    "scopes" TEXT[] NOT NULL,
    "user_id" UUID,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "created_by" JSONB NOT NULL,
    "expires_at" TIMESTAMPTZ(6),
    "revoked_at" TIMESTAMPTZ(6),

    CONSTRAINT "api_tokens_pkey" PRIMARY KEY ("token_id")
);
CREATE UNIQUE INDEX "api_tokens_token_hash_key" ON "ops"."api_tokens"("token_hash");
ALTER TABLE ops.api_tokens
  ADD CONSTRAINT api_tokens_name_check CHECK (name <> ''),
  -- SHA-256.
  ADD CONSTRAINT api_tokens_token_hash_check CHECK (octet_length(token_hash) = 32),
  ADD CONSTRAINT api_tokens_scopes_check CHECK (cardinality(scopes) > 0 AND array_position(scopes, NULL) IS NULL),
  -- Who is no user any more acts in nobody's name.
  ADD CONSTRAINT api_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE;

-- auth belongs to others: this much of it the application may know.
CREATE FUNCTION ops.is_user(candidate uuid) RETURNS boolean LANGUAGE sql STABLE SET search_path = '' AS $$
  SELECT EXISTS (SELECT FROM auth.users u WHERE u.id = candidate)
$$;

-- What was deployed, what was found of it and what was undone is history, for the owner too.
CREATE TRIGGER deployments_kept BEFORE DELETE ON ops.deployments
  FOR EACH ROW EXECUTE FUNCTION ops.refuse_change();
CREATE TRIGGER deployments_no_truncate BEFORE TRUNCATE ON ops.deployments
  FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_change();
CREATE TRIGGER guard_verdicts_kept BEFORE DELETE ON ops.guard_verdicts
  FOR EACH ROW EXECUTE FUNCTION ops.refuse_change();
CREATE TRIGGER guard_verdicts_no_truncate BEFORE TRUNCATE ON ops.guard_verdicts
  FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_change();
CREATE TRIGGER rollback_events_kept BEFORE DELETE ON ops.rollback_events
  FOR EACH ROW EXECUTE FUNCTION ops.refuse_change();
CREATE TRIGGER rollback_events_no_truncate BEFORE TRUNCATE ON ops.rollback_events
  FOR EACH STATEMENT EXECUTE FUNCTION ops.refuse_change();

/*
 * Grants of everything in ops, made what they should be whatever they were, and row-level security with the policies that are
 * missing (one that is there under its name is left as it is). Whoever adds a table or function calls it at the end of the
 * migration (new functions are PUBLIC's until then). Roles that are missing are left out; call it again once they are there.
 *
 *   service_role   reads and inserts everywhere; updates what is neither append-only (by a refuse_… trigger) nor written
 *                  once; deletes only what is named here
 *   authenticated  reads, but for what is private; computes a deployment's health
 *   anon, PUBLIC   nothing
 *
 * Nobody addresses a partition itself: it is reached through its table, whose grants and policies hold there.
 */
CREATE FUNCTION ops.apply_grants() RETURNS void LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  written_once constant name[] := ARRAY['_prisma_migrations', 'announcements', 'announcement_messages', 'health_samples', 'system_logs'];
  deletable constant name[] := ARRAY['actors'];
  -- Who is behind which account, and what workflows are started with, is nobody's to read.
  private constant name[] := ARRAY['_prisma_migrations', 'actors', 'api_tokens', 'outbox'];
  -- Run with the owner's rights: they read auth.users, or what pg_stat_activity hides from others.
  as_owner constant name[] := ARRAY['database_connections', 'get_deployment_health', 'is_user'];
  for_people constant name[] := ARRAY['get_deployment_health'];
  for_owner constant name[] := ARRAY['apply_grants'];
  roles text := 'PUBLIC';
  service boolean := false;
  people boolean := false;
  role_name name;
  object record;
  verbs text;
BEGIN
  -- Two at once would trip over each other's catalog rows.
  PERFORM pg_catalog.pg_advisory_xact_lock(7261618039);
  FOR role_name IN SELECT rolname FROM pg_catalog.pg_roles WHERE rolname IN ('anon', 'authenticated', 'service_role') LOOP
    roles := roles || format(', %I', role_name);
    service := service OR role_name = 'service_role';
    people := people OR role_name = 'authenticated';
  END LOOP;

  EXECUTE format('REVOKE ALL ON SCHEMA ops FROM %s', roles);
  IF service THEN
    GRANT USAGE ON SCHEMA ops TO service_role;
    -- What is created later begins with this; the rest comes with the next call.
    ALTER DEFAULT PRIVILEGES IN SCHEMA ops GRANT SELECT, INSERT ON TABLES TO service_role;
    ALTER DEFAULT PRIVILEGES IN SCHEMA ops GRANT USAGE, SELECT ON SEQUENCES TO service_role;
    ALTER DEFAULT PRIVILEGES IN SCHEMA ops GRANT EXECUTE ON FUNCTIONS TO service_role;
  END IF;
  IF people THEN
    GRANT USAGE ON SCHEMA ops TO authenticated;
  END IF;

  FOR object IN
    SELECT c.oid, c.oid::pg_catalog.regclass AS sql_name, c.relname, c.relkind, c.relrowsecurity, c.relispartition,
      EXISTS (
        SELECT FROM pg_catalog.pg_trigger t
        JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
        -- Every update of every row: 16 is UPDATE in tgtype, and a WHEN would leave some out.
        WHERE t.tgrelid = c.oid AND p.proname LIKE 'refuse\_%' AND t.tgtype & 16 <> 0 AND t.tgqual IS NULL
      ) AS append_only
    FROM pg_catalog.pg_class c
    WHERE c.relnamespace = 'ops'::pg_catalog.regnamespace
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
  LOOP
    IF object.relkind = 'S' THEN
      EXECUTE format('REVOKE ALL ON SEQUENCE %s FROM %s', object.sql_name, roles);
      IF service THEN
        EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %s TO service_role', object.sql_name);
      END IF;
      CONTINUE;
    END IF;
    EXECUTE format('REVOKE ALL ON TABLE %s FROM %s', object.sql_name, roles);
    IF service AND NOT object.relispartition THEN
      verbs := CASE
        WHEN object.relname = '_prisma_migrations' OR object.relkind IN ('v', 'm') THEN 'SELECT'
        WHEN object.append_only OR object.relname = ANY (written_once) THEN 'SELECT, INSERT'
        WHEN object.relname = ANY (deletable) THEN 'SELECT, INSERT, UPDATE, DELETE'
        ELSE 'SELECT, INSERT, UPDATE'
      END;
      EXECUTE format('GRANT %s ON TABLE %s TO service_role', verbs, object.sql_name);
    END IF;
    IF people AND NOT object.relispartition AND NOT object.relname = ANY (private) THEN
      EXECUTE format('GRANT SELECT ON TABLE %s TO authenticated', object.sql_name);
    END IF;
    CONTINUE WHEN object.relkind NOT IN ('r', 'p');

    -- These lock the table for a moment, so only where something is to do.
    IF NOT object.relrowsecurity THEN
      EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', object.sql_name);
    END IF;
    CONTINUE WHEN object.relispartition;
    IF service AND NOT EXISTS (SELECT FROM pg_catalog.pg_policy WHERE polrelid = object.oid AND polname = 'application') THEN
      EXECUTE format('CREATE POLICY application ON %s TO service_role USING (true) WITH CHECK (true)', object.sql_name);
    END IF;
    IF people AND NOT object.relname = ANY (private)
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_policy WHERE polrelid = object.oid AND polname = 'people_read') THEN
      EXECUTE format('CREATE POLICY people_read ON %s FOR SELECT TO authenticated USING (true)', object.sql_name);
    END IF;
  END LOOP;

  FOR object IN
    SELECT p.oid::pg_catalog.regprocedure AS sql_name, p.proname, p.prosecdef
    FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'ops'::pg_catalog.regnamespace AND pg_catalog.pg_has_role(p.proowner, 'USAGE')
  LOOP
    IF object.proname = ANY (as_owner) AND NOT object.prosecdef THEN
      EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER', object.sql_name);
    END IF;
    EXECUTE format('REVOKE ALL ON ROUTINE %s FROM %s', object.sql_name, roles);
    IF service AND NOT object.proname = ANY (for_owner) THEN
      EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO service_role', object.sql_name);
    END IF;
    IF people AND object.proname = ANY (for_people) THEN
      EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO authenticated', object.sql_name);
    END IF;
  END LOOP;
END $$;

SELECT ops.apply_grants();
