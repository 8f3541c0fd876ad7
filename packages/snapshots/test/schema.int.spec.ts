import { describe, expect, it } from 'vitest'
import { workbench } from './database.ts'
import { wordsOf } from './words.ts'

describe('the schema hash', () => {
  it('is the same for the same schema, in whatever order and by whatever statements it was made', async () => {
    const [one, other] = [await workbench(), await workbench()]
    await one.client.query(`
      CREATE TYPE mood AS ENUM ('fine', 'bad');
      CREATE TABLE customers (id serial PRIMARY KEY, name varchar(40) NOT NULL DEFAULT 'nobody', since timestamptz DEFAULT now());
      CREATE TABLE orders (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        customer integer NOT NULL REFERENCES customers,
        total numeric(10, 2) CHECK (total >= 0),
        mood mood DEFAULT 'fine'
      );
      CREATE INDEX orders_by_customer ON orders (customer) WHERE total > 0;
      CREATE VIEW big AS SELECT id, total FROM orders WHERE total > 1000;
      CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql AS 'SELECT 2 * n';
      INSERT INTO customers DEFAULT VALUES;
    `)
    // Other oids, other order of columns, another session; what was wrong at first was altered.
    await other.client.query(`
      SET search_path = pg_catalog, public; SET timezone = 'Asia/Tokyo'; SET quote_all_identifiers = on;
      CREATE TABLE public.dropped (); DROP TABLE public.dropped;
      CREATE FUNCTION public.twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
      CREATE TYPE public.mood AS ENUM ('bad'); ALTER TYPE public.mood ADD VALUE 'fine' BEFORE 'bad';
    `)
    await other.client.query(`
      CREATE TABLE public.orders (wrong text, mood public.mood, total int, customer int4);
      ALTER TABLE public.orders DROP COLUMN wrong;
      ALTER TABLE public.orders ALTER total TYPE numeric(10, 2), ALTER customer SET NOT NULL, ALTER mood SET DEFAULT 'fine';
      ALTER TABLE public.orders ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY;
      CREATE TABLE public.customers (since timestamp with time zone DEFAULT now(), name character varying(40), id int);
      CREATE SEQUENCE public.customers_id_seq AS integer OWNED BY public.customers.id;
      ALTER TABLE public.customers ALTER id SET DEFAULT nextval('public.customers_id_seq'), ADD PRIMARY KEY (id);
      ALTER TABLE public.customers ALTER name SET DEFAULT 'nobody', ALTER name SET NOT NULL;
      CREATE INDEX orders_by_customer ON public.orders (customer) WHERE (total > 0);
      ALTER TABLE public.orders ADD CONSTRAINT orders_total_check CHECK (total >= 0);
      ALTER TABLE public.orders ADD PRIMARY KEY (id);
      ALTER TABLE public.orders ADD CONSTRAINT orders_customer_fkey FOREIGN KEY (customer) REFERENCES public.customers (id);
      CREATE VIEW public.big AS SELECT id, total FROM public.orders WHERE total > 1000;
    `)
    const [{ schema: first }, { schema: second }] = [await one.capture(), await other.capture()]
    expect(wordsOf(first, second)).toEqual([])
    expect(second.hash).toBe(first.hash)
  })

  describe('differs for every change, and the difference says which', async () => {
    const { client, capture } = await workbench()
    await client.query(`
      CREATE SCHEMA stock;
      CREATE TYPE mood AS ENUM ('fine', 'bad');
      CREATE DOMAIN percent AS integer CHECK (VALUE <= 100);
      CREATE TABLE customers (id integer PRIMARY KEY, name text);
      CREATE TABLE orders (id integer PRIMARY KEY, total integer, note text DEFAULT 'none', mood mood, customer integer);
      CREATE INDEX orders_total_idx ON orders (total);
      CREATE VIEW totals AS SELECT total FROM orders;
      CREATE MATERIALIZED VIEW kept AS SELECT id FROM customers;
      CREATE FUNCTION check_order() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
      CREATE TRIGGER checked BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION check_order();
      CREATE POLICY own ON orders USING (id > 0);
      CREATE SEQUENCE numbers;
      CREATE TABLE events (at date NOT NULL, id integer) PARTITION BY RANGE (at);
    `)
    let { schema: before } = await capture()

    it.each<[statement: string, ...words: string[]]>([
      [
        'ALTER TABLE customers ADD COLUMN email text NOT NULL DEFAULT $$-$$',
        "column public.customers.email: new, text not null default '-'::text",
      ],
      ['ALTER TABLE orders ALTER customer TYPE bigint', 'column public.orders.customer: integer → bigint'],
      ['ALTER TABLE orders ALTER note DROP DEFAULT', "column public.orders.note: default 'none'::text → none"],
      ['ALTER TABLE orders ALTER note SET NOT NULL', 'column public.orders.note: must not be null now'],
      [
        'ALTER TABLE orders RENAME note TO remark',
        'column public.orders.note: gone',
        'column public.orders.remark: new, text not null',
      ],
      ['ALTER TABLE customers ADD CONSTRAINT named CHECK (name <> $$$$)', 'constraint named on public.customers: new'],
      [
        'ALTER TABLE orders ADD FOREIGN KEY (customer) REFERENCES customers',
        'constraint orders_customer_fkey on public.orders: new',
      ],
      [
        'ALTER TABLE orders DROP CONSTRAINT orders_customer_fkey; ALTER TABLE orders ADD FOREIGN KEY (customer) REFERENCES customers ON DELETE CASCADE',
        'constraint orders_customer_fkey on public.orders: another definition',
      ],
      ['DROP INDEX orders_total_idx', 'index orders_total_idx on public.orders: gone'],
      ['CREATE UNIQUE INDEX once ON orders (customer)', 'index once on public.orders: new'],
      [
        'CREATE OR REPLACE VIEW totals AS SELECT total FROM orders WHERE total > 0',
        'view public.totals: another definition',
      ],
      ['CREATE UNIQUE INDEX kept_id ON kept (id)', 'index kept_id on public.kept: new'],
      [
        "CREATE OR REPLACE FUNCTION check_order() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        'function public.check_order(): another definition',
      ],
      ['ALTER FUNCTION check_order() SECURITY DEFINER', 'function public.check_order(): another definition'],
      ['ALTER TABLE orders DISABLE TRIGGER checked', 'trigger checked on public.orders: enabled yes → no'],
      ['DROP TRIGGER checked ON orders', 'trigger checked on public.orders: gone'],
      ['ALTER TABLE orders ENABLE ROW LEVEL SECURITY', 'table public.orders: row security off → on'],
      ['ALTER POLICY own ON orders USING (id > 1)', 'policy own on public.orders: using (id > 0) → (id > 1)'],
      ['DROP POLICY own ON orders', 'policy own on public.orders: gone'],
      ["ALTER TYPE mood ADD VALUE 'worse'", "type public.mood: value 'worse' is new"],
      ['ALTER DOMAIN percent SET NOT NULL', 'domain public.percent: must not be null now'],
      ['ALTER SEQUENCE numbers INCREMENT 2', 'sequence public.numbers: increment 1 → 2'],
      ['CREATE TABLE stock.items (id serial PRIMARY KEY, label text)', 'table stock.items: new, with 2 columns'],
      ['ALTER TABLE stock.items SET (fillfactor = 70)', 'table stock.items: options none → fillfactor=70'],
      ['CREATE INDEX ON events (id)', 'index events_id_idx on public.events: new'],
      ['CREATE EXTENSION pgcrypto', 'extension pgcrypto: new'],
      ['CREATE RULE quiet AS ON DELETE TO customers DO INSTEAD NOTHING', 'rule quiet on public.customers: new'],
      ['DROP SCHEMA stock CASCADE', 'schema stock: gone', 'table stock.items: gone, with 2 columns'],
    ])('%s', async (statement, ...words) => {
      await client.query(statement)
      const { schema: after } = await capture()
      expect(wordsOf(before, after)).toEqual(words)
      expect(after.hash).not.toBe(before.hash)
      before = after
    })

    it.each([
      'CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ($$2026-01-01$$) TO ($$2026-02-01$$)',
      'CREATE TABLE events_2 (LIKE events); ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM ($$2026-02-01$$) TO ($$2026-03-01$$)',
      'DROP TABLE events_1',
      'INSERT INTO customers VALUES (1); REFRESH MATERIALIZED VIEW kept',
      "SELECT nextval('numbers')",
      'VACUUM',
      'ANALYZE',
      "COMMENT ON TABLE customers IS 'people'",
      'REINDEX TABLE orders',
    ])('but not for %s', async (statement) => {
      for (const one of statement.split('; ')) await client.query(one)
      const { schema: after } = await capture()
      expect(wordsOf(before, after)).toEqual([])
      expect(after.hash).toBe(before.hash)
    })

    it('tells what is a partition’s own', async () => {
      await client.query('CREATE INDEX only_here ON events_2 (at, id)')
      const { schema: after } = await capture()
      expect(wordsOf(before, after)).toEqual(['index only_here on public.events_2: new'])
    })
  })
})
