import { describe, expect, it } from 'vitest'
import { findLocks } from './locks.ts'

const RELEASED = '20260101000000_first'
/** Each migration of `files` as the next one after the released; problems in order, without where they are. */
const problemsOf = async (...files: string[]): Promise<string[]> => {
  const migrations = files.map((sql, index) => ({ name: `202601010000${10 + index}_next`, sql }))
  return (await findLocks(migrations, RELEASED)).filter(({ allowed }) => allowed === null).map(({ problem }) => problem)
}

describe('a migration that would lock a large table', () => {
  it.each([
    ['CREATE INDEX ON ops.logs (at)', /CREATE INDEX CONCURRENTLY, in a migration of its own/],
    ['CREATE UNIQUE INDEX ON ops.logs (at)', /CREATE INDEX CONCURRENTLY/],
    [
      'CREATE INDEX CONCURRENTLY IF NOT EXISTS logs_at ON ops.logs (at)',
      /IF NOT EXISTS takes an index that .* left invalid/,
    ],
    ['ALTER TABLE ops.logs ADD COLUMN id uuid DEFAULT gen_random_uuid()', /ADD COLUMN id has a default that differs/],
    [
      "ALTER TABLE ops.logs ADD COLUMN at timestamptz DEFAULT clock_timestamp() + interval '1 s'",
      /default that differs/,
    ],
    ['ALTER TABLE ops.logs ADD COLUMN n bigserial', /is a serial/],
    ['ALTER TABLE ops.logs ADD COLUMN n int GENERATED ALWAYS AS IDENTITY', /is an identity/],
    [
      'ALTER TABLE ops.logs ADD COLUMN h text GENERATED ALWAYS AS (md5(message)) STORED',
      /is stored as it is generated/,
    ],
    ['ALTER TABLE ops.logs ADD COLUMN n int NOT NULL', /NOT NULL without a default fails/],
    ['ALTER TABLE ops.logs ADD COLUMN n int CHECK (n > 0)', /checked against all of ops.logs/],
    ['ALTER TABLE ops.logs ADD COLUMN n int REFERENCES ops.others (id)', /checked against all of ops.logs/],
    ['ALTER TABLE ops.logs ADD COLUMN n int UNIQUE', /CREATE UNIQUE INDEX CONCURRENTLY first/],
    ['ALTER TABLE ops.logs ALTER COLUMN n TYPE bigint', /ALTER COLUMN n TYPE rewrites ops.logs/],
    ['ALTER TABLE ops.logs ALTER COLUMN n SET NOT NULL', /first CHECK \(n IS NOT NULL\) NOT VALID/],
    ['ALTER TABLE ops.logs ADD CONSTRAINT c CHECK (n > 0)', /NOT VALID, and VALIDATE it in the next migration/],
    ['ALTER TABLE ops.logs ADD CONSTRAINT f FOREIGN KEY (n) REFERENCES ops.others (id)', /NOT VALID/],
    ['ALTER TABLE ops.logs ADD CONSTRAINT u UNIQUE (n)', /CREATE UNIQUE INDEX CONCURRENTLY first/],
    ['ALTER TABLE ops.logs ADD PRIMARY KEY (n)', /CREATE UNIQUE INDEX CONCURRENTLY first/],
    [
      'ALTER TABLE ops.logs ADD CONSTRAINT p PRIMARY KEY USING INDEX logs_n',
      /USING INDEX logs_n sets its columns NOT NULL, which reads all of ops.logs/,
    ],
    ['ALTER TABLE ops.logs ADD PRIMARY KEY USING INDEX logs_n', /unless they are: SET NOT NULL before/],
    ['ALTER TABLE ops.logs ADD EXCLUDE USING gist (n WITH =)', /nothing builds it otherwise/],
    ['ALTER TABLE ops.logs SET UNLOGGED', /SetUnLogged rewrites/],
    ['ALTER TABLE ops.logs SET TABLESPACE fast', /SetTableSpace rewrites/],
    ['ALTER TABLE ops.parts ATTACH PARTITION ops.logs DEFAULT', /ATTACH PARTITION locks ops.logs while it is read/],
    [
      'CREATE TABLE ops.a (n int); ALTER TABLE ops.parts ATTACH PARTITION ops.a FOR VALUES FROM (1) TO (2)',
      /ATTACH PARTITION reads all of the default partition of ops.parts/,
    ],
    [
      'CREATE TABLE ops.a PARTITION OF ops.parts FOR VALUES FROM (1) TO (2)',
      /PARTITION OF reads all of the default partition of ops.parts/,
    ],
    ['CREATE TABLE ops.a PARTITION OF ops.parts FOR VALUES IN (1)', /PARTITION OF reads all of/],
    ['UPDATE ops.logs SET n = 1', /UPDATE of ops.logs locks every row it touches/],
    ['DELETE FROM ops.logs WHERE at < now()', /DELETE of ops.logs/],
    ['MERGE INTO ops.logs l USING ops.others o ON l.id = o.id WHEN MATCHED THEN DELETE', /MERGE of ops.logs/],
    ['INSERT INTO ops.logs SELECT * FROM ops.logs ON CONFLICT (id) DO UPDATE SET n = 1', /DO UPDATE of ops.logs/],
    ['WITH u AS (UPDATE ops.logs SET n = 1 RETURNING n) INSERT INTO ops.others SELECT * FROM u', /UPDATE of ops.logs/],
    ['CREATE TABLE ops.a AS WITH d AS (DELETE FROM ops.logs RETURNING n) SELECT n FROM d', /DELETE of ops.logs/],
    ['CALL ops.rewrite_logs()', /CallStmt is nothing that this check knows/],
    ["COPY ops.logs FROM '/tmp/logs'", /CopyStmt/],
    ['EXPLAIN ANALYZE UPDATE ops.logs SET n = 1', /ExplainStmt/],
    ['PREPARE p AS UPDATE ops.logs SET n = 1', /PrepareStmt/],
    ['EXECUTE p', /ExecuteStmt/],
    ['ALTER DOMAIN ops.positive ADD CHECK (VALUE > 0)', /AlterDomainStmt/],
    ['ALTER TABLE ops.logs SET SCHEMA attic', /AlterObjectSchemaStmt/],
    [
      'CREATE DOMAIN ops.positive AS int CHECK (VALUE > 0); ALTER TABLE ops.logs ADD COLUMN n ops.positive',
      /n has a domain, whose rules are checked, which rewrites ops.logs/,
    ],
    [
      'CREATE TABLE IF NOT EXISTS ops.logs (id bigint); ALTER TABLE ops.logs ALTER COLUMN id TYPE numeric',
      /rewrites ops.logs/,
    ],
    ['CREATE TABLE logs (id bigint); UPDATE logs SET id = 1', /UPDATE of logs/],
    ['TRUNCATE ops.logs', /TRUNCATE locks ops.logs/],
    ['LOCK TABLE ops.logs IN SHARE MODE', /LOCK locks ops.logs/],
    ['CLUSTER ops.logs', /CLUSTER rewrites/],
    ['VACUUM FULL ops.logs', /VACUUM FULL rewrites/],
    ['REINDEX TABLE ops.logs', /REINDEX … CONCURRENTLY/],
    ['REFRESH MATERIALIZED VIEW ops.totals', /CONCURRENTLY/],
    ["DO $$ BEGIN EXECUTE 'LOCK TABLE ops.logs'; END $$", /DO block/],
    ['SELECT ops.rewrite_logs()', /inside a function/],
  ])('is refused: %s', async (sql, problem) => {
    expect(await problemsOf(sql)).toEqual([expect.stringMatching(problem)])
  })

  it.each([
    [
      'VALIDATE under the lock of what adds it',
      'ALTER TABLE ops.logs ADD CONSTRAINT c CHECK (n > 0) NOT VALID; ALTER TABLE ops.logs VALIDATE CONSTRAINT c',
      /ops.logs is read or written whole here, and has been locked since line 1/,
    ],
    [
      'VALIDATE beside what locks',
      'ALTER TABLE ops.logs DROP COLUMN n, VALIDATE CONSTRAINT c',
      /reads ops.logs under the lock of what stands beside it/,
    ],
    [
      'VALIDATE of a table that a new foreign key locks',
      `ALTER TABLE ops.small ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES ops.logs (id) NOT VALID;\nALTER TABLE ops.logs VALIDATE CONSTRAINT c`,
      /ops.logs .* has been locked since line 1/,
    ],
    [
      'VALIDATE after an index was dropped, of whichever table',
      `DROP INDEX ops.logs_old;\nALTER TABLE ops.logs VALIDATE CONSTRAINT c`,
      /has been locked since line/,
    ],
    [
      'VALIDATE after a trigger was dropped',
      `DROP TRIGGER t ON ops.logs;\nALTER TABLE ops.logs VALIDATE CONSTRAINT c`,
      /has been locked since line/,
    ],
    [
      'VALIDATE after a policy was altered',
      `ALTER POLICY p ON ops.logs TO PUBLIC;\nALTER TABLE ops.logs VALIDATE CONSTRAINT c`,
      /has been locked since line/,
    ],
    [
      'VALIDATE of a table that a new table points at',
      `CREATE TABLE ops.more (id bigint REFERENCES ops.logs (id));\nALTER TABLE ops.logs VALIDATE CONSTRAINT c`,
      /has been locked since line/,
    ],
    [
      'a copy of a table that was renamed before it',
      'ALTER TABLE ops.logs RENAME TO old_logs; CREATE TABLE ops.logs (id int); INSERT INTO ops.logs SELECT * FROM ops.old_logs; LOCK TABLE ops.old_logs; CREATE TABLE ops.copy AS SELECT * FROM ops.old_logs',
      /^LOCK locks ops.old_logs|ops.old_logs is read or written whole/,
    ],
    [
      'an index built concurrently inside a transaction',
      'CREATE INDEX CONCURRENTLY logs_at ON ops.logs (at); ALTER TABLE ops.small ADD COLUMN n int',
      /cannot run in a transaction/,
    ],
  ])('is refused for what stands together: %s', async (_what, sql, problem) => {
    const problems = await problemsOf(sql)
    expect(problems.length).toBeGreaterThan(0)
    for (const found of problems) expect(found).toMatch(problem)
  })

  it('is refused for every table that it does not know to be new', async () => {
    expect(await problemsOf('UPDATE auth.users SET id = id')).toHaveLength(1)
    const swap = 'ALTER TABLE ops.logs RENAME TO old_logs; CREATE TABLE ops.logs (id int);'
    expect(await problemsOf(`${swap} ALTER TABLE ops.old_logs ALTER COLUMN id TYPE bigint`)).toHaveLength(1)
    // The old rows may have been given to what has the old name now.
    expect(await problemsOf(`${swap} ALTER TABLE ops.logs ALTER COLUMN id TYPE bigint`)).toHaveLength(1)
    const parts = 'CREATE TABLE ops.parts (id int) PARTITION BY RANGE (id);'
    const attach = '-- large-table-lock: proved\nALTER TABLE ops.parts ATTACH PARTITION ops.logs DEFAULT;'
    expect(await problemsOf(`${parts} ${attach} UPDATE ops.parts SET id = 1`)).toEqual([
      expect.stringContaining('UPDATE of ops.parts'),
    ])
    const another = 'CREATE TABLE ops.a PARTITION OF ops.parts FOR VALUES FROM (1) TO (2)'
    expect(await problemsOf(`${parts} ${attach} ${another}`)).toEqual([
      expect.stringContaining('PARTITION OF reads all of the default partition of ops.parts'),
    ])
    expect(await problemsOf(`${parts} CREATE TABLE ops.rest PARTITION OF ops.parts DEFAULT`, another)).toHaveLength(1)
    expect(await problemsOf(`-- large-table-lock: it has no default partition\n${another}`)).toEqual([])
  })

  describe('whose SET NOT NULL has lost its proof', () => {
    const add = 'ALTER TABLE ops.logs ADD CONSTRAINT n_there CHECK (n IS NOT NULL) NOT VALID'
    const validate = 'ALTER TABLE ops.logs VALIDATE CONSTRAINT n_there'
    const set = 'ALTER TABLE ops.logs ALTER COLUMN n SET NOT NULL'

    it.each([
      ['the CHECK was dropped', 'ALTER TABLE ops.logs DROP CONSTRAINT n_there'],
      ['the CHECK was dropped if it existed', 'ALTER TABLE ops.logs DROP CONSTRAINT IF EXISTS n_there'],
      ['the CHECK was dropped and not validated again', `ALTER TABLE ops.logs DROP CONSTRAINT n_there; ${add}`],
      ['the CHECK was replaced out of sight', 'ALTER TABLE ops.logs ADD CONSTRAINT n_there CHECK (n > 0) NOT VALID'],
      ['the column was dropped', 'ALTER TABLE ops.logs DROP COLUMN n'],
      ['the column is another one', 'ALTER TABLE ops.logs DROP COLUMN n, ADD COLUMN n int'],
      ['the column was replaced out of sight', 'ALTER TABLE ops.logs ADD COLUMN n int'],
      ['the column was renamed', 'ALTER TABLE ops.logs RENAME COLUMN n TO m'],
      ['the CHECK was renamed', 'ALTER TABLE ops.logs RENAME CONSTRAINT n_there TO m_there'],
      ['the table was renamed', 'ALTER TABLE ops.logs RENAME TO old_logs'],
      ['the table has the name of one before', 'DROP TABLE ops.logs; ALTER TABLE ops.other_logs RENAME TO logs'],
      ['the table is another one', 'DROP TABLE ops.logs; CREATE TABLE ops.logs (n int)'],
      ['the table may be another one', 'DROP TABLE ops.logs; CREATE TABLE IF NOT EXISTS ops.logs (n int)'],
    ])('is refused: %s', async (_what, lost) => {
      expect(await problemsOf(add, validate, lost, set)).toEqual([expect.stringMatching(/first CHECK/)])
    })

    it('is refused beside what drops the CHECK, which is dropped first', async () => {
      const both = `${set}, DROP CONSTRAINT n_there`
      expect(await problemsOf(add, validate, both)).toEqual([expect.stringMatching(/first CHECK/)])
    })
  })

  it('is refused for what an earlier migration has created: it has been filled since', async () => {
    const create = 'CREATE TABLE ops.added (id int)'
    const index = 'CREATE INDEX ON ops.added (id)'
    expect(await problemsOf(`${create}; ${index}`)).toEqual([])
    expect(await problemsOf(create, index)).toEqual([expect.stringContaining('CREATE INDEX keeps everybody')])
  })
})

describe('a migration that locks no large table for long', () => {
  it.each([
    'CREATE INDEX CONCURRENTLY logs_at ON ops.logs (at)',
    'DROP INDEX CONCURRENTLY ops.logs_at',
    "ALTER TABLE ops.logs ADD COLUMN a text, ADD COLUMN b text NOT NULL DEFAULT '', ADD COLUMN c timestamptz DEFAULT now(), ADD COLUMN d jsonb DEFAULT '{}'::jsonb, ADD COLUMN e int[] DEFAULT ARRAY[1, 2], ADD COLUMN f timestamptz DEFAULT CURRENT_TIMESTAMP",
    'ALTER TABLE ops.logs ADD COLUMN h int GENERATED ALWAYS AS (n + 1) VIRTUAL',
    'ALTER TABLE ops.logs DROP COLUMN n, ALTER COLUMN m DROP NOT NULL, ALTER COLUMN m SET DEFAULT 1, DROP CONSTRAINT c',
    'ALTER TABLE ops.logs ADD CONSTRAINT c CHECK (n > 0) NOT VALID, ADD CONSTRAINT f FOREIGN KEY (n) REFERENCES ops.others (id) NOT VALID',
    'ALTER TABLE ops.logs VALIDATE CONSTRAINT c, VALIDATE CONSTRAINT f; ALTER TABLE ops.others VALIDATE CONSTRAINT g',
    'ALTER TABLE ops.logs ADD CONSTRAINT u UNIQUE USING INDEX logs_n',
    'CREATE TABLE ops.parts (n int) PARTITION BY LIST (n); CREATE TABLE ops.a PARTITION OF ops.parts FOR VALUES IN (1); CREATE TABLE ops.b (n int); ALTER TABLE ops.parts ATTACH PARTITION ops.b FOR VALUES IN (2)',
    'CREATE TABLE ops.rest PARTITION OF ops.parts DEFAULT',
    'CREATE TABLE ops.rest (n int); ALTER TABLE ops.parts ATTACH PARTITION ops.rest DEFAULT',
    'CREATE TABLE ops.a PARTITION OF ops.parts FOR VALUES WITH (MODULUS 2, REMAINDER 0)',
    'CREATE TABLE ops.heir () INHERITS (ops.logs); ALTER TABLE ops.parts DETACH PARTITION ops.a',
    'CREATE TRIGGER t BEFORE INSERT ON ops.logs FOR EACH ROW EXECUTE FUNCTION ops.f(); ALTER TABLE ops.logs ENABLE ROW LEVEL SECURITY',
    "INSERT INTO ops.settings (name) VALUES ('x')",
    'CREATE TABLE ops.added (id bigserial PRIMARY KEY, n int UNIQUE CHECK (n > 0)); CREATE INDEX ON ops.added (n); ALTER TABLE ops.added ALTER COLUMN n SET NOT NULL; UPDATE ops.added SET n = 1',
    'CREATE TEMP TABLE picked AS SELECT 1 AS id; UPDATE picked SET id = 2',
    "CREATE FUNCTION ops.rewrite_logs() RETURNS void LANGUAGE sql BEGIN ATOMIC UPDATE ops.logs SET n = 1; END; COMMENT ON TABLE ops.logs IS 'x'; GRANT SELECT ON ops.logs TO public; SELECT ops.apply_grants()",
    'SELECT ops.apply_grants()',
  ])('passes: %s', async (sql) => {
    expect(await problemsOf(sql)).toEqual([])
  })

  it('passes where SET NOT NULL follows a CHECK that a migration between has validated', async () => {
    const add = 'ALTER TABLE ops.logs ADD CONSTRAINT n_there CHECK (n IS NOT NULL) NOT VALID'
    const validate = 'ALTER TABLE ops.logs VALIDATE CONSTRAINT n_there'
    const set = 'ALTER TABLE ops.logs ALTER COLUMN n SET NOT NULL'
    expect(await problemsOf(add, validate, set)).toEqual([])
    expect(await problemsOf(add, validate, 'ALTER TABLE ops.logs DROP COLUMN m, DROP CONSTRAINT o', set)).toEqual([])
    const drop = 'ALTER TABLE ops.logs DROP CONSTRAINT n_there'
    expect(await problemsOf(add, validate, `${set}; ${drop}`)).toEqual([])
    expect(await problemsOf(add, validate, drop, add, validate, set)).toEqual([])
    const second = add.replace('n_there', 'n_known')
    expect(await problemsOf(add, validate, second, validate.replace('n_there', 'n_known'), drop, set)).toEqual([])
    expect(await problemsOf(add, set)).toHaveLength(1)
    expect(await problemsOf(add, validate, set.replace(' n ', ' m '))).toHaveLength(1)
  })

  it('passes where it was released, whatever it does', async () => {
    expect(await findLocks([{ name: RELEASED, sql: 'CLUSTER ops.logs' }], RELEASED)).toEqual([])
  })
})

describe('a comment large-table-lock', () => {
  const only = async (sql: string) =>
    (await findLocks([{ name: '20260101000010_next', sql }], RELEASED)).map(({ line, allowed }) => ({ line, allowed }))

  it('allows one statement, for the reason it gives, which is told', async () => {
    const sql = `-- Très large.\n-- large-table-lock: a row per service, dozens at most\nUPDATE ops.live SET fence = 0;\nUPDATE ops.logs SET n = 0`
    expect(await only(sql)).toEqual([
      { line: 3, allowed: 'a row per service, dozens at most' },
      { line: 4, allowed: null },
    ])
  })

  it('is refused without a reason, and where nothing needs it', async () => {
    expect(await only('-- large-table-lock:\nUPDATE ops.live SET fence = 0')).toEqual([{ line: 2, allowed: null }])
    expect(await only('-- large-table-lock: just in case\nCREATE TYPE ops.mood AS ENUM ()')).toEqual([
      { line: 2, allowed: null },
    ])
  })
})

describe('grants', () => {
  const later = (sql: string) => findLocks([{ name: '20991231000000_later', sql }], RELEASED)

  it('must be applied at the end of a migration that creates something', async () => {
    const table = 'CREATE TABLE ops.added (id int);'
    expect(await later(table)).toMatchObject([{ problem: expect.stringContaining('SELECT ops.apply_grants()') }])
    expect(await later(`SELECT ops.apply_grants(); ${table}`)).toHaveLength(1)
    expect(await later(`CREATE FUNCTION ops.f() RETURNS int LANGUAGE sql AS 'SELECT 1'`)).toHaveLength(1)
    expect(await later(`${table} SELECT ops.apply_grants();`)).toEqual([])
  })
})
