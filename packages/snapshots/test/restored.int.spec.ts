import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { emptyDatabase, findPostgresClient, temporaryDirectory, testDatabase } from '@roman/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { captureDatabase } from '../src/index.ts'
import { connect } from './database.ts'
import { wordsOf } from './words.ts'

const run = promisify(execFile)

/** What a dump words otherwise than it was written, and much that it does not. */
const TYPICAL = `
  CREATE SCHEMA shop; CREATE EXTENSION IF NOT EXISTS pgcrypto;
  CREATE TYPE shop.mood AS ENUM ('fine', 'bad');
  CREATE DOMAIN shop.email AS varchar(200) CHECK (VALUE LIKE '%@%' AND VALUE NOT IN ('a@b', 'c@d'));
  CREATE DOMAIN shop.code AS text DEFAULT 'x' NOT NULL;
  CREATE TYPE shop.pair AS (a int, b text COLLATE "C");
  CREATE TABLE shop.customers (id serial PRIMARY KEY, name varchar(40) NOT NULL DEFAULT 'nobody', mail shop.email, code shop.code, state varchar DEFAULT 'new' CHECK (state IN ('new', 'old')), kind char(1) CHECK (kind IN ('a','b')), since timestamptz DEFAULT now(), note text, CHECK (coalesce(name, note) <> ''), CHECK (mail IN ('a@b', 'b@c')), CHECK (note <> ALL (ARRAY['a', 'b'])));
  ALTER TABLE shop.customers ADD COLUMN later varchar DEFAULT 'x' CHECK (later IN ('x','y')); ALTER TABLE shop.customers ALTER later TYPE text;
  ALTER TABLE shop.customers ALTER kind TYPE text;
  CREATE TABLE shop.orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer integer NOT NULL REFERENCES shop.customers ON DELETE CASCADE DEFERRABLE, total numeric(10,2) CHECK (total >= 0), qty int DEFAULT -1 CHECK (qty IN (1,2,-3)), big bigint CHECK (big IN (1,2)), price float8 DEFAULT 1.5, mood shop.mood DEFAULT 'fine' CHECK (mood IN ('fine')), tags text[] DEFAULT '{}', vtags varchar[] DEFAULT ARRAY['a','b'], doc jsonb DEFAULT '{}', twice numeric GENERATED ALWAYS AS (total * 2) STORED, label varchar GENERATED ALWAYS AS (CASE WHEN total > 5 THEN 'big' ELSE 'small' END) STORED, span interval DEFAULT '1 day', d date CHECK (d > '2020-01-01' AND d BETWEEN '2021-01-01' AND '2030-01-01'), EXCLUDE USING gist (int4range(qty, qty+1) WITH &&));
  CREATE INDEX ON shop.orders (customer) WITH (fillfactor=70, deduplicate_items=off) WHERE total > 0;
  CREATE INDEX st ON shop.customers (lower(name)) WHERE state IN ('new', 'old');
  CREATE INDEX st2 ON shop.customers ((name || ' ' || coalesce(state, '-'))) WHERE state NOT IN ('new', 'old') AND (name = 'x' OR name ~ '^a');
  CREATE UNIQUE INDEX st3 ON shop.customers (name text_pattern_ops, state DESC NULLS LAST) INCLUDE (note);
  CREATE VIEW shop.big AS SELECT o.id, c.name, CASE c.state WHEN 'new' THEN 'n' ELSE 'o' END AS s, o.total::int AS t FROM shop.orders o JOIN shop.customers c ON c.id = o.customer WHERE c.state IN ('new','old') AND c.name LIKE 'a%' AND (o.total > 5 OR o.qty IN (1,2));
  CREATE VIEW shop.agg AS WITH x AS (SELECT customer, count(*) AS n, string_agg(label, ',') AS l FROM shop.orders GROUP BY customer HAVING count(*) > 1) SELECT x.*, row_number() OVER (PARTITION BY customer ORDER BY n) rn FROM x UNION ALL SELECT 1, 2, 'x', 3;
  CREATE MATERIALIZED VIEW shop.kept AS SELECT state, count(*) FROM shop.customers WHERE state IN ('new','x') GROUP BY 1; CREATE UNIQUE INDEX ON shop.kept (state);
  CREATE FUNCTION shop.chk() RETURNS trigger LANGUAGE plpgsql SET search_path = '' SET work_mem = '8MB' AS 'BEGIN RETURN NEW; END';
  CREATE FUNCTION shop.atomic(v varchar) RETURNS bool LANGUAGE sql BEGIN ATOMIC SELECT v IN ('a', 'b'); END;
  CREATE FUNCTION shop.n(n int DEFAULT 5, t varchar DEFAULT 'x') RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2*n';
  CREATE TRIGGER checked AFTER UPDATE OF total ON shop.orders FOR EACH ROW WHEN (OLD.total IS DISTINCT FROM NEW.total AND NEW.label IN ('big','x')) EXECUTE FUNCTION shop.chk();
  ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY;
  CREATE POLICY own ON shop.orders FOR SELECT USING (label IN ('big', 'small') AND customer IN (SELECT id FROM shop.customers WHERE state IN ('new','old')));
  CREATE POLICY ins ON shop.orders FOR INSERT WITH CHECK (label = 'big');
  CREATE RULE q AS ON DELETE TO shop.customers WHERE old.state IN ('a','b') DO INSTEAD NOTHING;
  CREATE TABLE shop.events (at date NOT NULL, id int, kind varchar(10) DEFAULT 'a' CHECK (kind IN ('a','b')), PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
  CREATE TABLE shop.events_1 PARTITION OF shop.events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
  CREATE TABLE shop.events_2 PARTITION OF shop.events (kind DEFAULT 'b') DEFAULT;
  CREATE INDEX ON shop.events (kind);
  CREATE TABLE shop.refs (at date, id int, FOREIGN KEY (at, id) REFERENCES shop.events);
  CREATE TABLE shop.listed (k varchar, v int) PARTITION BY LIST (k); CREATE TABLE shop.listed_a PARTITION OF shop.listed FOR VALUES IN ('a','b');
  CREATE TRIGGER ev AFTER INSERT ON shop.events FOR EACH ROW EXECUTE FUNCTION shop.chk(); ALTER TABLE shop.events_1 DISABLE TRIGGER ev;
  CREATE AGGREGATE shop.total(int) (sfunc = int4pl, stype = int, initcond = '0', combinefunc = int4pl, parallel = safe);
  CREATE TYPE shop.fr AS RANGE (subtype = float8, subtype_diff = float8mi);
  CREATE UNLOGGED TABLE shop.cache (k text PRIMARY KEY WITH (fillfactor = 80), v bytea DEFAULT '\\xdeadbeef');
  ALTER TABLE shop.cache CLUSTER ON cache_pkey; CREATE SEQUENCE shop.s INCREMENT 2 CYCLE MAXVALUE 10;
  CREATE TABLE shop.parent (id int); CREATE TABLE shop.child (extra text) INHERITS (shop.parent);`

describe('a database that was dumped and restored', async () => {
  const directory = temporaryDirectory('roman-restored')
  afterAll(() => directory.remove())

  const structureOf = async (url: string) => (await captureDatabase(await connect(url), { timeoutMs: 9_000 })).schema

  it.each([
    ['a typical one', () => emptyDatabase(), TYPICAL],
    ['our own', () => testDatabase(), ''],
  ])('has the hash that it had: %s', async (_name, made, structure) => {
    const [origin, restored] = [await made(), await emptyDatabase()]
    const client = await connect(origin.url)
    await client.query(structure)
    const { rows } = await client.query(`SELECT current_setting('server_version_num')::int / 10000 AS major`)
    const { dump, restore } = await findPostgresClient(rows[0].major)
    const file = `${directory.path}/${origin.name}.dump`
    await run(dump, ['--format=custom', `--file=${file}`, origin.url])
    await run(restore, ['--exit-on-error', '--no-owner', '--no-privileges', `--dbname=${restored.url}`, file])
    const [before, after] = [await structureOf(origin.url), await structureOf(restored.url)]
    expect(wordsOf(before, after)).toEqual([])
    expect(after.hash).toBe(before.hash)
    expect(before.object_count).toBeGreaterThan(80)
  })
})
