/**
 * The structure of a database, one row per object: kind, the table it belongs to, name, properties. What has its default
 * is left out of the properties. Read from the catalogues by PostgreSQL's own deparsers; with an empty search_path their
 * output names everything in full.
 *
 * Attached partitions are their parent's matter: they come and go with the data. What is found among them is told of the
 * parent, without saying of which; only a partition's own indexes, constraints, triggers and policies are told of itself.
 * What belongs to an extension is the extension's version's matter. Left out as no structure: owners, grants, comments,
 * statistics, storage.
 */

/** What comes with PostgreSQL lies below it. Spares reading its thousands of functions. */
export const FIRST_USER_OID = 16_384

/** How a trigger, a rule and the like fires; null as it is made. */
const enabled = (column: string): string =>
  `CASE ${column} WHEN 'O' THEN NULL WHEN 'D' THEN 'no' WHEN 'R' THEN 'on replicas' ELSE 'always' END`

const sorted = (options: string): string => `(SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(${options}) o)`

const ROW_SECURITY = `CASE WHEN r.relrowsecurity THEN CASE WHEN r.relforcerowsecurity THEN 'forced' ELSE 'on' END
       WHEN r.relforcerowsecurity THEN 'off, though forced' END`

/** What of a partition's columns is not as its parent has it. A dump writes a default that is missing as NULL. */
const OWN_COLUMNS = `(
      SELECT string_agg(concat(quote_ident(a.attname), CASE WHEN a.attnotnull THEN ' not null' END,
        ' default ', coalesce(v.own, 'none')), ', ' ORDER BY a.attname)
      FROM pg_attribute a JOIN pg_attribute b ON b.attrelid = p.root AND b.attname = a.attname
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      LEFT JOIN pg_attrdef e ON e.adrelid = b.attrelid AND e.adnum = b.attnum,
      LATERAL (SELECT nullif(regexp_replace(pg_get_expr(d.adbin, d.adrelid), '^NULL::[[:alnum:]_ .,"()]+$', ''), '') AS own,
        pg_get_expr(e.adbin, e.adrelid) AS parents) v
      WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        AND (a.attnotnull <> b.attnotnull OR v.own IS DISTINCT FROM v.parents))`

const RELATION_KINDS = `'r', 'p', 'f', 'v', 'm', 'S', 'c'`

/** Of a function of an aggregate; null where there is none. */
const step = (column: string): string => `nullif(a.${column}::oid, 0)::regprocedure::text`

/** An aggregate has no deparser. */
const AGGREGATE = `(
       SELECT concat_ws(', ', 'returns ' || format_type(p.prorettype, NULL), 'state ' || format_type(a.aggtranstype, NULL),
         'kind ' || a.aggkind::text || a.aggnumdirectargs::text, 'state of ' || nullif(a.aggtransspace, 0)::text,
         'transition ' || ${step('aggtransfn')}, 'final ' || ${step('aggfinalfn')} || a.aggfinalmodify::text || a.aggfinalextra::text,
         'combine ' || ${step('aggcombinefn')}, 'serial ' || ${step('aggserialfn')}, 'deserial ' || ${step('aggdeserialfn')},
         'initial ' || quote_literal(a.agginitval), 'moving ' || ${step('aggmtransfn')}, 'inverse ' || ${step('aggminvtransfn')},
         'moving final ' || ${step('aggmfinalfn')} || a.aggmfinalmodify::text || a.aggmfinalextra::text,
         'moving state ' || nullif(a.aggmtranstype, 0)::regtype::text || a.aggmtransspace::text, 'moving initial ' || quote_literal(a.aggminitval),
         'sorted by ' || nullif(a.aggsortop, 0)::regoperator::text, 'parallel ' || p.proparallel::text, 'volatility ' || p.provolatile::text)
       FROM pg_aggregate a WHERE a.aggfnoid = p.oid)`

/** The relations to be described, without those in `blocked`, whose description would wait for a lock. */
const common = (blocked: string): string => `
spaces AS MATERIALIZED (
  SELECT n.oid, quote_ident(n.nspname) AS name FROM pg_namespace n
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
),
members AS MATERIALIZED (
  SELECT d.classid, d.objid FROM pg_depend d WHERE d.deptype = 'e'
),
relations AS MATERIALIZED (
  SELECT c.oid, c.relkind, c.relispartition, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.relreplident,
    s.name || '.' || quote_ident(c.relname) AS name,
    ${sorted('c.reloptions')} AS options
  FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace
  WHERE c.relkind IN (${RELATION_KINDS}) AND c.relpersistence <> 't' AND c.oid <> ALL (${blocked})
    AND (c.relkind <> 'c' OR EXISTS (SELECT FROM pg_type t WHERE t.typrelid = c.oid))
    AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_class'::regclass AND m.objid = c.oid)
),
parts AS (
  SELECT i.inhparent AS root, i.inhrelid AS oid FROM pg_inherits i JOIN relations r ON r.oid = i.inhparent AND r.relkind = 'p' AND NOT r.relispartition
  UNION ALL
  SELECT p.root, i.inhrelid FROM parts p JOIN pg_inherits i ON i.inhparent = p.oid
),
practices AS MATERIALIZED (
  SELECT p.root, nullif(string_agg(DISTINCT l.practice, '; ' ORDER BY l.practice), 'plain') AS partitions
  FROM parts p JOIN relations r ON r.oid = p.oid, LATERAL (
    SELECT coalesce(nullif(concat_ws(', ', 'row security ' || ${ROW_SECURITY},
      CASE r.relpersistence WHEN 'u' THEN 'unlogged' END, r.options, ${OWN_COLUMNS}), ''), 'plain')
  ) l (practice) GROUP BY p.root
),
constraints AS (
  SELECT k.oid, k.oid AS root FROM pg_constraint k WHERE k.conrelid <> 0 AND k.conparentid = 0
  UNION ALL
  SELECT k.oid, p.root FROM constraints p JOIN pg_constraint k ON k.conparentid = p.oid
),
switched AS MATERIALIZED (
  SELECT k.root, string_agg(DISTINCT l.state, ', ' ORDER BY l.state) AS checks
  FROM pg_trigger g JOIN constraints k ON k.oid = g.tgconstraint, LATERAL (
    SELECT concat(CASE g.tgenabled WHEN 'D' THEN 'off' WHEN 'R' THEN 'on replicas' ELSE 'always' END, ' for ', g.tgrelid::regclass)
  ) l (state)
  WHERE g.tgisinternal AND g.tgenabled <> 'O' GROUP BY k.root
)`

const PIECES = (blocked: string): readonly string[] => [
  `SELECT 'schema', NULL, s.name, '{}'::jsonb FROM spaces s
   WHERE NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_namespace'::regclass AND m.objid = s.oid)`,

  `SELECT 'extension', NULL, quote_ident(e.extname), jsonb_build_object(
     'version', e.extversion, 'schema', e.extnamespace::regnamespace::text) FROM pg_extension e`,

  `SELECT CASE r.relkind WHEN 'f' THEN 'foreign table' ELSE 'table' END, NULL, r.name, jsonb_build_object(
     'partitioned by', CASE WHEN r.relkind = 'p' THEN pg_get_partkeydef(r.oid) END,
     'unlogged', CASE WHEN r.relpersistence = 'u' THEN true END,
     'row security', ${ROW_SECURITY},
     'partitions', (SELECT t.partitions FROM practices t WHERE t.root = r.oid),
     'clustered on', (SELECT quote_ident(c.relname) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
       WHERE i.indrelid = r.oid AND i.indisclustered),
     'replica identity', CASE r.relreplident WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full' WHEN 'i' THEN (
       SELECT quote_ident(c.relname) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
       WHERE i.indrelid = r.oid AND i.indisreplident) END,
     'inherits', (SELECT string_agg(p.name, ', ' ORDER BY i.inhseqno) FROM pg_inherits i
       JOIN relations p ON p.oid = i.inhparent WHERE i.inhrelid = r.oid),
     'server', (SELECT quote_ident(v.srvname) FROM pg_foreign_table f JOIN pg_foreign_server v ON v.oid = f.ftserver
       WHERE f.ftrelid = r.oid),
     'options', r.options)
   FROM relations r WHERE r.relkind IN ('r', 'p', 'f') AND NOT r.relispartition`,

  `SELECT 'column', r.name, quote_ident(a.attname), jsonb_build_object(
     'type', format_type(a.atttypid, a.atttypmod),
     'not null', CASE WHEN a.attnotnull THEN true END,
     'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
     'generated', CASE WHEN a.attgenerated <> '' THEN
       pg_get_expr(d.adbin, d.adrelid) || CASE a.attgenerated WHEN 's' THEN ' stored' ELSE ' virtual' END END,
     'identity', CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END,
     'collation', CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END)
   FROM relations r
   JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
   JOIN pg_type t ON t.oid = a.atttypid
   LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
   WHERE r.relkind IN ('r', 'p', 'f') AND NOT r.relispartition`,

  // NOT NULL is said by the column; from PostgreSQL 18 on it is a constraint as well. A foreign key to a partitioned table
  // has more constraints below it, one for each partition. Constraints are checked by triggers, which can be switched off.
  `SELECT 'constraint', r.name, quote_ident(k.conname), jsonb_build_object(
     'definition', pg_get_constraintdef(k.oid),
     'checks', w.checks,
     'options', (SELECT ${sorted('c.reloptions')} FROM pg_class c WHERE c.oid = k.conindid AND k.contype IN ('p', 'u', 'x')))
   FROM relations r JOIN pg_constraint k ON k.conrelid = r.oid LEFT JOIN switched w ON w.root = k.oid
   WHERE k.contype IN ('p', 'u', 'f', 'c', 'x') AND k.conparentid = 0 AND NOT (r.relispartition AND k.coninhcount > 0)`,

  // What stands behind a constraint is told by it. The definition has the options in the order in which they were given.
  `SELECT 'index', r.name, quote_ident(c.relname), jsonb_build_object(
     'definition', replace(pg_get_indexdef(i.indexrelid), coalesce(' WITH (' || (
       SELECT string_agg(quote_ident(v.name) || '=' ||
         CASE WHEN quote_ident(v.value) = v.value THEN v.value ELSE quote_literal(v.value) END, ', ' ORDER BY o.nr)
       FROM unnest(c.reloptions) WITH ORDINALITY o (text, nr), LATERAL (
         SELECT split_part(o.text, '=', 1) AS name, substr(o.text, strpos(o.text, '=') + 1) AS value) v) || ')', ''), ''),
     'options', ${sorted('c.reloptions')},
     'invalid', CASE WHEN NOT i.indisvalid THEN true END)
   FROM relations r JOIN pg_index i ON i.indrelid = r.oid JOIN pg_class c ON c.oid = i.indexrelid
   WHERE NOT c.relispartition
     AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))`,

  `SELECT CASE r.relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END, NULL, r.name, jsonb_build_object(
     'definition', pg_get_viewdef(r.oid), 'options', r.options,
     'defaults', (SELECT string_agg(quote_ident(a.attname) || ' ' || pg_get_expr(d.adbin, d.adrelid), ', ' ORDER BY a.attname)
       FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid = r.oid))
   FROM relations r WHERE r.relkind IN ('v', 'm')`,

  `SELECT 'rule', r.name, quote_ident(w.rulename), jsonb_build_object(
     'definition', pg_get_ruledef(w.oid),
     'enabled', ${enabled('w.ev_enabled')})
   FROM relations r JOIN pg_rewrite w ON w.ev_class = r.oid WHERE w.rulename <> '_RETURN'`,

  `SELECT 'trigger', r.name, quote_ident(g.tgname), jsonb_build_object(
     'definition', pg_get_triggerdef(g.oid),
     'enabled', ${enabled('g.tgenabled')})
   FROM relations r JOIN pg_trigger g ON g.tgrelid = r.oid LEFT JOIN pg_trigger p ON p.oid = g.tgparentid
   WHERE NOT g.tgisinternal AND (p.oid IS NULL OR g.tgenabled <> p.tgenabled)`,

  `SELECT 'policy', r.name, quote_ident(p.polname), jsonb_build_object(
     'command', CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete' ELSE 'all' END,
     'restrictive', CASE WHEN NOT p.polpermissive THEN true END,
     'roles', (SELECT string_agg(CASE o WHEN 0 THEN 'public' ELSE o::regrole::text END, ', '
       ORDER BY CASE o WHEN 0 THEN 'public' ELSE o::regrole::text END) FROM unnest(p.polroles) o),
     'using', pg_get_expr(p.polqual, p.polrelid),
     'check', pg_get_expr(p.polwithcheck, p.polrelid))
   FROM relations r JOIN pg_policy p ON p.polrelid = r.oid`,

  `SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, NULL,
     s.name || '.' || quote_ident(p.proname) || '(' || oidvectortypes(p.proargtypes) || ')',
     jsonb_build_object(
       'definition', CASE WHEN p.prokind = 'a' THEN ${AGGREGATE} WHEN p.proconfig IS NULL THEN pg_get_functiondef(p.oid) ELSE
         regexp_replace(pg_get_functiondef(p.oid), E'(\\n SET [^\\n]*){' || cardinality(p.proconfig) || E'}(?=\\n(AS |RETURN|BEGIN ATOMIC))', '') END,
       'settings', ${sorted('p.proconfig')})
   FROM pg_proc p JOIN spaces s ON s.oid = p.pronamespace
   WHERE p.oid >= ${FIRST_USER_OID}
     AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_proc'::regclass AND m.objid = p.oid)
     AND NOT EXISTS (SELECT FROM pg_depend d
       WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
     AND (p.prosqlbody IS NULL OR NOT EXISTS (SELECT FROM pg_depend d
       WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass
         AND d.refobjid = ANY (${blocked})))`,

  `SELECT 'type', NULL, s.name || '.' || quote_ident(t.typname), jsonb_build_object(
     'values', CASE WHEN t.typtype = 'e' THEN (
       SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid) END,
     'attributes', CASE WHEN t.typtype = 'c' THEN (
       SELECT string_agg(concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
         CASE WHEN a.attcollation <> b.typcollation THEN 'collate ' || a.attcollation::regcollation::text END), ', ' ORDER BY a.attnum)
       FROM pg_attribute a JOIN pg_type b ON b.oid = a.atttypid WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) END,
     'range of', CASE WHEN t.typtype = 'r' THEN (
       SELECT concat_ws(', ', format_type(g.rngsubtype, NULL), 'collate ' || nullif(g.rngcollation, b.typcollation)::regcollation::text,
         'canonical ' || nullif(g.rngcanonical::oid, 0)::regprocedure::text, 'difference ' || nullif(g.rngsubdiff::oid, 0)::regprocedure::text,
         'by ' || CASE WHEN NOT o.opcdefault THEN n.nspname || '.' || o.opcname END)
       FROM pg_range g JOIN pg_type b ON b.oid = g.rngsubtype JOIN pg_opclass o ON o.oid = g.rngsubopc
       JOIN pg_namespace n ON n.oid = o.opcnamespace WHERE g.rngtypid = t.oid) END)
   FROM pg_type t JOIN spaces s ON s.oid = t.typnamespace
   WHERE t.oid >= ${FIRST_USER_OID} AND (t.typtype IN ('e', 'r') OR (t.typtype = 'c' AND t.typrelid IN (SELECT r.oid FROM relations r WHERE r.relkind = 'c')))
     AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_type'::regclass AND m.objid = t.oid)`,

  `SELECT 'domain', NULL, s.name || '.' || quote_ident(t.typname), jsonb_build_object(
     'type', format_type(t.typbasetype, t.typtypmod),
     'not null', CASE WHEN t.typnotnull THEN true END,
     'default', pg_get_expr(t.typdefaultbin, 0),
     'collation', CASE WHEN t.typcollation <> b.typcollation THEN t.typcollation::regcollation::text END,
     'constraints', (SELECT string_agg(quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid), ', ' ORDER BY k.conname)
       FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'))
   FROM pg_type t JOIN spaces s ON s.oid = t.typnamespace JOIN pg_type b ON b.oid = t.typbasetype
   WHERE t.oid >= ${FIRST_USER_OID} AND t.typtype = 'd'
     AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_type'::regclass AND m.objid = t.oid)`,

  // Where a sequence stands is data. One that belongs to a column goes with its table.
  `SELECT 'sequence', (SELECT t.name FROM pg_depend d JOIN relations t ON t.oid = d.refobjid
       WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
         AND d.deptype IN ('a', 'i') LIMIT 1),
     r.name, jsonb_build_object(
     'type', format_type(q.seqtypid, NULL), 'start', q.seqstart::text, 'increment', q.seqincrement::text, 'minimum', q.seqmin::text,
     'maximum', q.seqmax::text, 'cache', q.seqcache::text, 'cycles', CASE WHEN q.seqcycle THEN true END,
     'unlogged', CASE WHEN r.relpersistence = 'u' THEN true END,
     'of column', (SELECT quote_ident(a.attname) FROM pg_depend d
       JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
       WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
         AND d.deptype IN ('a', 'i') LIMIT 1))
   FROM relations r JOIN pg_sequence q ON q.seqrelid = r.oid`,

  `SELECT 'event trigger', NULL, quote_ident(e.evtname), jsonb_build_object(
     'event', e.evtevent, 'function', e.evtfoid::regprocedure::text,
     'tags', (SELECT string_agg(g, ', ' ORDER BY g) FROM unnest(e.evttags) g),
     'enabled', ${enabled('e.evtenabled')})
   FROM pg_event_trigger e
   WHERE NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_event_trigger'::regclass AND m.objid = e.oid)`,
]

const oids = (blocked: readonly number[]): string => `'{${blocked.map(Number).join(',')}}'::oid[]`

/** @param blocked relations that would make the description wait, as `BLOCKED_RELATIONS` finds them. */
export const describeSchemaSql = (blocked: readonly number[]): string => `
WITH RECURSIVE ${common(oids(blocked))}
SELECT o.kind, o.of, o.name, jsonb_strip_nulls(o.properties) AS properties
FROM (${PIECES(oids(blocked)).join('\nUNION ALL\n')}) AS o (kind, of, name, properties)`

/**
 * Relations that somebody holds exclusively or waits to (a reader queues behind both), and what cannot be described
 * without opening them: views over them, and tables whose policies read them. Beside these, functions whose body was
 * parsed when they were made.
 */
export const BLOCKED_RELATIONS = `
WITH RECURSIVE held AS (
  SELECT DISTINCT l.relation AS oid FROM pg_locks l
  WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.pid <> pg_backend_pid()
    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
), blocked AS (
  SELECT oid FROM held
  UNION
  SELECT coalesce(w.ev_class, p.polrelid) FROM blocked b
  JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = b.oid
  LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
  LEFT JOIN pg_policy p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
  WHERE w.oid IS NOT NULL OR p.oid IS NOT NULL
)
SELECT b.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name
FROM blocked b JOIN pg_class c ON c.oid = b.oid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN (${RELATION_KINDS}) AND n.nspname !~ '^pg_'
UNION ALL
SELECT NULL, quote_ident(n.nspname) || '.' || quote_ident(p.proname) || '(' || oidvectortypes(p.proargtypes) || ')'
FROM blocked b
JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = b.oid
JOIN pg_proc p ON p.oid = d.objid JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prosqlbody IS NOT NULL`
