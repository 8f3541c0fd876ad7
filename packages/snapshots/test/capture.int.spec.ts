import { describe, expect, it } from 'vitest'
import { captureDatabase } from '../src/index.ts'
import { connect, workbench } from './database.ts'

describe('a capture', async () => {
  const { url, client, capture } = await workbench()
  await client.query(`
    CREATE TABLE orders (id integer PRIMARY KEY, total integer DEFAULT 1 + 1 CHECK (total > 0));
    CREATE TABLE customers (id integer PRIMARY KEY);
    CREATE TABLE events (at date) PARTITION BY RANGE (at);
    CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE many (id integer) WITH (autovacuum_enabled = off);
    INSERT INTO orders SELECT generate_series(1, 3);
    INSERT INTO events SELECT '2026-01-05' FROM generate_series(1, 7);
    INSERT INTO many SELECT generate_series(1, 300000);
    CREATE VIEW totals AS SELECT total FROM orders;
    CREATE VIEW totals_again AS SELECT total FROM totals;
    CREATE POLICY who ON customers USING (id IN (SELECT id FROM orders));
    CREATE FUNCTION newest() RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT max(id) FROM orders; END;
    CREATE TABLE _prisma_migrations (migration_name text, started_at timestamptz, finished_at timestamptz, rolled_back_at timestamptz);
    INSERT INTO _prisma_migrations VALUES
      ('20260101_one', '2026-01-01', '2026-01-01', NULL), ('20260102_two', '2026-01-02', '2026-01-02', NULL),
      ('20260103_taken_back', '2026-01-03', NULL, '2026-01-03'), ('20260104_stuck', '2026-01-04', NULL, NULL);
  `)

  it('counts small tables exactly and estimates large ones, and says which is which', async () => {
    const { counts } = await capture()
    expect(counts).toEqual({
      tables: {
        'public._prisma_migrations': { rows: 4, exact: true },
        'public.customers': { rows: 0, exact: true },
        'public.orders': { rows: 3, exact: true },
        'public.events': { rows: 7, exact: true },
        // Never analysed: what the planner makes of its size.
        'public.many': { rows: expect.closeTo(300_000, -5), exact: false },
      },
      omitted: 0,
    })
    await client.query('ANALYZE many')
    expect((await capture()).counts.tables['public.many']).toEqual({ rows: 300_000, exact: false })
  })

  it('cuts a count that is slow, and keeps the estimate', async () => {
    const { counts } = await capture({ exactRowsMax: 1_000_000, countTimeoutMs: 2 })
    expect(counts.tables['public.many']).toEqual({ rows: 300_000, exact: false, reason: 'out of time' })
  })

  it('estimates what is left when its time is over', async () => {
    const other = await connect(url)
    const slow = {
      async query(sql: string) {
        const answer = await other.query(sql)
        // The tables were listed, and now nothing is left for counting them.
        if (sql.includes('AS partitioned')) await other.query('SELECT pg_sleep(0.6)')
        return answer
      },
    }
    const startedAt = performance.now()
    const { counts } = await captureDatabase(slow, { timeoutMs: 600 })
    expect(performance.now() - startedAt).toBeLessThan(3_000)
    expect(counts.tables['public.orders']).toMatchObject({ exact: false, reason: 'out of time' })
  })

  it('lists the service’s migrations in order, the unfinished ones apart', async () => {
    expect((await capture()).migrations).toEqual({
      total: 2,
      applied: ['20260101_one', '20260102_two'],
      unfinished: ['20260104_stuck'],
    })
  })

  it('is one moment, whatever is written meanwhile', async () => {
    await client.query('CREATE TABLE debit (id serial); CREATE TABLE zz_credit (id serial)')
    const writer = await connect(url)
    let writing = true
    const writes = (async () => {
      while (writing)
        await writer.query('BEGIN; INSERT INTO debit DEFAULT VALUES; INSERT INTO zz_credit DEFAULT VALUES; COMMIT')
    })()
    const seen = new Set<number | null>()
    for (let round = 0; round < 15; round += 1) {
      const { tables } = (await capture()).counts
      expect(tables['public.zz_credit']).toEqual(tables['public.debit'])
      seen.add(tables['public.debit']!.rows)
    }
    writing = false
    await writes
    // They were really written under its eyes.
    expect(seen.size).toBeGreaterThan(5)
  })

  it('gives every lock back with the statement that took it', async () => {
    const other = await connect(url)
    const { rows } = await other.query('SELECT pg_backend_pid() AS pid')
    const held: string[] = []
    const watched = {
      async query(sql: string) {
        const answer = await other.query(sql)
        const locks = await client.query(
          `SELECT relation::regclass::text AS name FROM pg_locks WHERE pid = $1 AND locktype = 'relation' AND relation >= 16384`,
          [rows[0].pid],
        )
        held.push(...locks.rows.map(({ name }) => name))
        return answer
      },
    }
    const { counts } = await captureDatabase(watched, { timeoutMs: 5_000 })
    expect(counts.tables['public.orders']).toMatchObject({ exact: true })
    expect(held).toEqual([])
  })

  it('does not wait for a table that somebody holds: it is named, and everything else is there', async () => {
    const before = await capture()
    const holder = await connect(url)
    await holder.query('BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE')
    const startedAt = performance.now()
    const { schema, counts } = await capture()
    expect(performance.now() - startedAt).toBeLessThan(1_500)
    await holder.query('ROLLBACK')
    expect(counts.tables['public.orders']).toMatchObject({ exact: false, reason: 'locked' })
    expect(counts.tables['public.events']).toEqual({ rows: 7, exact: true })
    // What cannot be described without opening it.
    const touching = ['public.customers', 'public.newest()', 'public.orders', 'public.totals', 'public.totals_again']
    expect(schema.unavailable).toEqual(touching)
    expect(schema.hash).not.toBe(before.schema.hash)
    const names = (objects: typeof schema.objects) => objects!.map(({ of, name }) => of ?? name)
    const missing = names(before.schema.objects).filter((name) => !names(schema.objects).includes(name))
    expect([...new Set(missing)].sort()).toEqual(touching)
  })

  it('fails rather than tell half, and leaves its connection in order', async () => {
    const other = await connect(url)
    await expect(captureDatabase(other, { timeoutMs: 1 })).rejects.toThrow('statement timeout')
    await expect(captureDatabase(other, { timeoutMs: 5_000 })).resolves.toMatchObject({ counts: { omitted: 0 } })
  })
})
