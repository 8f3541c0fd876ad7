import { describe, expect, it } from 'vitest'
import { captureDatabase, compareSnapshots } from '../src/index.ts'
import { connect, workbench } from './database.ts'
import { contentOf, wordsOf } from './words.ts'

/** One transaction from each state to the other; a description of the middle of it is of no schema that ever was. */
const TO_B = `BEGIN;
  ALTER TABLE t1 ADD CONSTRAINT positive CHECK (n > 0); CREATE INDEX t9_n ON t9 (n);
  CREATE OR REPLACE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 2';
  ALTER TABLE t2 RENAME n TO m; ALTER TABLE t15 RENAME n TO m; ALTER TABLE t29 RENAME n TO m; COMMIT`
const TO_A = `BEGIN;
  ALTER TABLE t1 DROP CONSTRAINT positive; DROP INDEX t9_n;
  CREATE OR REPLACE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
  ALTER TABLE t2 RENAME m TO n; ALTER TABLE t15 RENAME m TO n; ALTER TABLE t29 RENAME m TO n; COMMIT`
const ROUNDS = 12

describe('a schema that is changed while it is read', async () => {
  const { url, client, capture } = await workbench()
  const tables = Array.from(
    { length: 30 },
    (_, nr) => `CREATE TABLE t${nr} (id serial PRIMARY KEY, n integer CHECK (n <> 5), s text DEFAULT 'x');
      CREATE VIEW v${nr} AS SELECT id, n FROM t${nr} WHERE n > 1; CREATE INDEX ON t${nr} (s) WHERE n > 2;`,
  )
  await client.query(`CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'; ${tables.join('\n')}`)
  const hashOf = async () => (await capture()).schema.hash
  const a = await hashOf()
  await client.query(TO_B)
  const b = await hashOf()
  await client.query(TO_A)

  /** A connection through which something happens right before each description. */
  const meanwhile = async (happens: (nr: number) => Promise<unknown>) => {
    const other = await connect(url)
    let nr = 0
    return {
      query: async (sql: string) => {
        if (sql.includes('pg_get_functiondef')) {
          nr += 1
          await happens(nr)
        }
        return other.query(sql)
      },
    }
  }

  it('is described as it was before or after, and never as a mixture', async () => {
    expect(a).not.toBe(b)
    const other = await connect(url)
    const seen = new Set<string>()
    let looking = true
    // Looks itself, so that there are moments in which nobody changes anything.
    const changing = (async () => {
      while (looking) {
        for (const [statement, hash] of [
          [TO_B, b],
          [TO_A, a],
        ] as const) {
          await client.query(statement)
          expect(await hashOf()).toBe(hash)
        }
      }
    })()
    for (let round = 0; round < ROUNDS; round += 1) {
      const { schema } = await captureDatabase(other, { timeoutMs: 2_000 })
      seen.add(schema.unavailable.length > 0 ? 'not whole' : schema.hash)
    }
    looking = false
    await changing
    for (const hash of seen) expect([a, b, 'not whole']).toContain(hash)
    expect([a, b].some((hash) => seen.has(hash))).toBe(true)
  })

  it('is described again where it changed, also where that failed the description', async () => {
    await client.query('CREATE FUNCTION g() RETURNS integer LANGUAGE sql AS $$SELECT 1$$')
    await client.query('CREATE TABLE fails (n integer DEFAULT g())')
    const through = await meanwhile(async (nr) => {
      // The default is still seen, and the function in it is gone.
      if (nr === 1) await client.query('DROP FUNCTION g() CASCADE')
      if (nr === 2) await client.query(`DROP TABLE fails; ${TO_B}`)
    })
    const { schema } = await captureDatabase(through, { timeoutMs: 5_000 })
    expect(schema).toMatchObject({ hash: b, unavailable: [] })
    await client.query(TO_A)
  })

  it('has no hash where it never held still, and everything else is there', async () => {
    const through = await meanwhile((nr) => client.query(nr % 2 === 1 ? TO_B : TO_A))
    const { schema, counts } = await captureDatabase(through, { timeoutMs: 3_000 })
    const reason = 'the schema: it was changed while it was read, as long as there was time'
    expect(schema).toMatchObject({ objects: null, unavailable: [reason] })
    expect(counts.tables['public.t1']).toEqual({ rows: 0, exact: true })
    const whole = (await capture()).schema
    expect(wordsOf(whole, schema)).toEqual([])
    expect(compareSnapshots(contentOf(whole), contentOf(schema)).not_compared).toEqual([reason])
  })

  it('is no matter of temporary tables', async () => {
    let described = 0
    const through = await meanwhile(async () => {
      described += 1
      await client.query('CREATE TEMPORARY TABLE IF NOT EXISTS aside (id serial PRIMARY KEY, n integer CHECK (n > 0))')
    })
    await captureDatabase(through, { timeoutMs: 5_000 })
    expect(described).toBe(1)
  })
})
