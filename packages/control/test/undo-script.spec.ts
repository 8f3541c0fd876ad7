import { withoutSecrets } from '@roman/snapshots'
import { describe, expect, it } from 'vitest'
import { faultOfScript } from '../src/migrations/undo-script.ts'

describe('a rollback script', () => {
  it.each([
    'DROP TABLE cart;',
    `INSERT INTO notes VALUES ('it''s; COMMIT;', E'\\'; COMMIT; ', U&'; COMMIT')`,
    'SELECT "a;COMMIT" FROM "commit"',
    'DO $$ BEGIN PERFORM 1; COMMIT; END $$;',
    'CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN RETURN NEW; END $body$; DROP TABLE cart',
    'CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; DROP TABLE cart',
    'REFRESH MATERIALIZED VIEW CONCURRENTLY totals',
    'ALTER TABLE cart DROP COLUMN "concurrently"',
    'PREPARE q AS SELECT $1; -- COMMIT;',
  ])('may be %s', (script) => {
    expect(faultOfScript(script)).toBeNull()
  })

  it.each([
    ['DROP TABLE cart; COMMIT; DROP TABLE coupon', 'has COMMIT: it is run in a transaction of its own'],
    ['begin; DROP TABLE cart; end;', 'has BEGIN'],
    ['/* a /* b; */ */ rollback', 'has ROLLBACK'],
    ['DO $x$ BEGIN PERFORM 1; END $x$; END', 'has END'],
    [`SELECT 'a'; PREPARE TRANSACTION 'x'`, 'has PREPARE'],
    [
      'CREATE UNIQUE INDEX CONCURRENTLY i ON t (n)',
      'has CREATE UNIQUE … CONCURRENTLY, which cannot run in a transaction',
    ],
    ['DROP INDEX CONCURRENTLY i', 'has DROP INDEX … CONCURRENTLY'],
    ['ALTER TABLE t DETACH PARTITION p CONCURRENTLY', 'has ALTER TABLE … CONCURRENTLY'],
    ['REINDEX TABLE CONCURRENTLY t', 'has REINDEX TABLE … CONCURRENTLY'],
    ['VACUUM t', 'has VACUUM, which'],
    ['DROP DATABASE shop', 'has DROP DATABASE'],
    ['ALTER SYSTEM SET work_mem = 1', 'has ALTER SYSTEM'],
    ['COPY t FROM STDIN', 'has COPY from or to the client'],
    ['\\i other.sql', 'has a command of psql'],
    [`SELECT 'a`, 'has a quote that does not end'],
    ['SELECT $$a', 'has a $$ that does not end'],
    ['SELECT 1 /* a', 'has a comment that does not end'],
    ['-- cannot be undone\n/* really */ ;', 'has no statement'],
  ])('may not be %s', (script, fault) => {
    expect(faultOfScript(script)).toContain(fault)
  })
})

describe('what a database says', () => {
  it.each([
    ['no route to postgres://app:hun:ter2@db:5432/shop', 'no route to postgres://[redacted]@db:5432/shop'],
    [`ALTER ROLE app PASSWORD 'it''s' failed`, 'ALTER ROLE app PASSWORD [redacted] failed'],
    ['password=hunter2 host=db', 'password=[redacted] host=db'],
    ['relation "cart" does not exist', 'relation "cart" does not exist'],
  ])('is kept as %s → %s', (said, kept) => {
    expect(withoutSecrets(said)).toBe(kept)
  })
})
