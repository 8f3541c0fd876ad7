import { describe, expect, it } from 'vitest'
import { workbench } from './database.ts'
import { wordsOf } from './words.ts'

describe('the schema hash sees what is easily overlooked', async () => {
  const { client, capture } = await workbench()
  await client.query(`
    CREATE TABLE customers (id integer PRIMARY KEY, code integer UNIQUE DEFERRABLE);
    CREATE TABLE orders (id integer PRIMARY KEY, customer integer REFERENCES customers, total integer);
    CREATE VIEW totals AS SELECT id, total FROM orders;
    CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TABLE events (at date, id integer REFERENCES customers, note text DEFAULT 'none') PARTITION BY RANGE (at);
    CREATE TRIGGER noted AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION noted();
    CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
    CREATE TYPE pair AS (a text, b text);
    CREATE AGGREGATE added (integer) (sfunc = int4pl, stype = integer);
    CREATE TYPE span AS RANGE (subtype = float8);
    CREATE SEQUENCE numbers;
    CREATE SCHEMA extensions;
    CREATE EXTENSION pgcrypto;
  `)
  let { schema: before } = await capture()

  it.each<[statement: string, ...words: string[]]>([
    [
      'ALTER TABLE orders DISABLE TRIGGER ALL',
      'constraint orders_customer_fkey on public.orders: checks on → off for public.orders',
    ],
    [
      'ALTER TABLE customers DISABLE TRIGGER ALL',
      'constraint customers_code_key on public.customers: checks on → off for public.customers',
      'constraint events_id_fkey on public.events: checks on → off for public.customers',
      'constraint orders_customer_fkey on public.orders: checks off for public.orders → off for public.customers, off for public.orders',
    ],
    [
      'ALTER TABLE customers ENABLE TRIGGER ALL; ALTER TABLE orders ENABLE TRIGGER ALL',
      'constraint customers_code_key on public.customers: checks off for public.customers → on',
      'constraint events_id_fkey on public.events: checks off for public.customers → on',
      'constraint orders_customer_fkey on public.orders: checks off for public.customers, off for public.orders → on',
    ],
    [
      'ALTER TABLE events_1 DISABLE TRIGGER ALL',
      'constraint events_id_fkey on public.events: checks on → off for public.events_1',
      'trigger noted on public.events_1: new',
    ],
    [
      'ALTER TABLE events_1 ENABLE TRIGGER ALL',
      'constraint events_id_fkey on public.events: checks off for public.events_1 → on',
      'trigger noted on public.events_1: gone',
    ],
    [
      "ALTER TABLE events_1 ALTER note SET DEFAULT 'some'",
      "table public.events: partitions none → note default 'some'::text; plain",
    ],
    [
      'ALTER TABLE events_1 ALTER note DROP DEFAULT',
      "table public.events: partitions note default 'some'::text; plain → note default none; plain",
    ],
    [
      "ALTER TABLE events_1 ALTER note SET DEFAULT 'none'",
      'table public.events: partitions note default none; plain → none',
    ],
    [
      'ALTER TABLE events_1 ALTER id SET NOT NULL',
      'table public.events: partitions none → id not null default none; plain',
    ],
    [
      'ALTER TABLE events_1 ALTER id DROP NOT NULL',
      'table public.events: partitions id not null default none; plain → none',
    ],
    [
      'ALTER TABLE events_1 ENABLE ROW LEVEL SECURITY; ALTER TABLE events_2 ENABLE ROW LEVEL SECURITY',
      'table public.events: partitions none → row security on',
    ],
    [
      'ALTER TABLE events_2 DISABLE ROW LEVEL SECURITY',
      'table public.events: partitions row security on → plain; row security on',
    ],
    [
      'ALTER TABLE events_2 SET UNLOGGED',
      'table public.events: partitions plain; row security on → row security on; unlogged',
    ],
    [
      'ALTER INDEX orders_pkey SET (fillfactor = 70)',
      'constraint orders_pkey on public.orders: options none → fillfactor=70',
    ],
    ['CREATE INDEX by_total ON orders (total)', 'index by_total on public.orders: new'],
    ['ALTER INDEX by_total SET (fillfactor = 70)', 'index by_total on public.orders: options none → fillfactor=70'],
    ['ALTER VIEW totals ALTER total SET DEFAULT 5', 'view public.totals: defaults none → total 5'],
    ['ALTER TABLE orders FORCE ROW LEVEL SECURITY', 'table public.orders: row security off → off, though forced'],
    ['CLUSTER orders USING orders_pkey', 'table public.orders: clustered on none → orders_pkey'],
    ['ALTER SEQUENCE numbers SET UNLOGGED', 'sequence public.numbers: unlogged no → yes'],
    [
      'ALTER TYPE pair ALTER ATTRIBUTE b TYPE text COLLATE "C"',
      'type public.pair: attributes a text, b text → a text, b text collate "C"',
    ],
    [
      'CREATE OR REPLACE AGGREGATE added (integer) (sfunc = int4pl, stype = integer, combinefunc = int4pl)',
      'aggregate public.added(integer): another definition',
    ],
    [
      'CREATE OR REPLACE AGGREGATE added (integer) (sfunc = int4pl, stype = integer, combinefunc = int4pl, parallel = safe)',
      'aggregate public.added(integer): another definition',
    ],
    [
      'DROP TYPE span; CREATE TYPE span AS RANGE (subtype = float8, subtype_diff = float8mi)',
      'type public.span: range of double precision → double precision, difference float8mi(double precision,double precision)',
    ],
    ['ALTER EXTENSION pgcrypto SET SCHEMA extensions', 'extension pgcrypto: schema public → extensions'],
    [
      "ALTER FUNCTION noted() SET work_mem = '8MB' SET search_path = ''",
      'function public.noted(): settings none → search_path="", work_mem=8MB',
    ],
  ])('%s', async (statement, ...words) => {
    await client.query(statement)
    const { schema: after } = await capture()
    expect(wordsOf(before, after)).toEqual(words)
    expect(after.hash).not.toBe(before.hash)
    before = after
  })

  it.each([
    ["ALTER FUNCTION noted() RESET ALL; ALTER FUNCTION noted() SET search_path = '' SET work_mem = '8MB'"],
    [
      'DROP INDEX by_total; CREATE INDEX by_total ON orders (total) WITH (deduplicate_items = off, fillfactor = 70); ALTER INDEX by_total RESET (deduplicate_items)',
    ],
    [
      "CREATE TABLE events_3 PARTITION OF events FOR VALUES FROM ('2026-03-01') TO ('2026-04-01'); ALTER TABLE events_3 ENABLE ROW LEVEL SECURITY",
    ],
  ])('but the order in which it was said makes no difference: %s', async (statement) => {
    await client.query(statement)
    const { schema: after } = await capture()
    expect(wordsOf(before, after)).toEqual([])
    expect(after.hash).toBe(before.hash)
  })
})
