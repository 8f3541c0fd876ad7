import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { AuditFinding, AuditVerification } from '@roman/contracts'
import { type Database, openDatabase } from '@roman/db'
import { createLogger } from '@roman/runtime'
import { asApplication, spawnProcess, testDatabase, waitFor } from '@roman/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { appendSeal, readBatch } from '../src/chain-store.ts'
import {
  exportAudit,
  parseAnchor,
  readAnchor,
  readUnsealed,
  type Sealer,
  type SealerOptions,
  startSealer,
  verifyDatabase,
  verifyFile,
} from '../src/index.ts'
import { chainHash, GENESIS, nextSeal, type Seal } from '../src/seal.ts'
import { atOneMoment, readEventTexts } from '../src/stored.ts'
import { readHead } from '../src/stored-seal.ts'
import { places } from './history.ts'

const log = createLogger('test', process.env.ROMAN_TEST_LOG ?? 'fatal')

const database = async (): Promise<Database> => {
  const { url } = await testDatabase()
  const db = openDatabase(url, { connectionsMax: 4 })
  afterAll(() => db.close())
  return db
}

const seals = (db: Database, options: Partial<SealerOptions> = {}): Sealer => {
  const sealer = startSealer({ url: db.url, log, takeOverMs: 50, settleAfterMs: 0, ...options })
  afterAll(() => sealer.stop())
  return sealer
}

const INSERT = `INSERT INTO ops.roman_events (event_type, severity, source, description, metadata)
  SELECT 'a', 'info', 'test', 'event ' || n, jsonb_build_object('n', n) FROM generate_series(1, $1::int) n RETURNING id`

/** Each in a transaction of its own, as the product writes. */
const write = async (db: Database, count: number): Promise<void> => {
  for (let left = count; left > 0; left -= 1) await db.pool.query(INSERT, [1])
}

const head = async (db: Database): Promise<{ events: number; settled: number }> => {
  const { rows } = await db.pool.query(
    'SELECT total_events, settled_id FROM ops.audit_seals ORDER BY seal_number DESC LIMIT 1',
  )
  return { events: Number(rows[0]?.total_events ?? 0), settled: Number(rows[0]?.settled_id ?? 0) }
}

const untilSealed = (db: Database, events: number) =>
  waitFor(async () => (await head(db)).events >= events, { timeoutMs: 10_000, describe: `${events} sealed events` })

const untilSettled = (db: Database, id: number) =>
  waitFor(async () => (await head(db)).settled >= id, { timeoutMs: 10_000, describe: `id ${id} to be settled` })

/** As a superuser who has switched the triggers off. */
const tamper = async (db: Database, ...statements: string[]): Promise<void> => {
  const client = await db.pool.connect()
  try {
    await client.query("SET session_replication_role = 'replica'")
    for (const statement of statements) await client.query(statement)
  } finally {
    client.release(true)
  }
}

const valid = (verification: AuditVerification) => expect(verification).toMatchObject({ findings: [], valid: true })

const kinds = (verification: AuditVerification): AuditFinding['kind'][] => verification.findings.map(({ kind }) => kind)

describe('a row', () => {
  it('carries the hash of its content, whatever the client says it is', async () => {
    const db = await database()
    const { rows } = await db.pool.query(`
      INSERT INTO ops.roman_events (event_type, severity, source, description, content_hash)
      VALUES ('a', 'info', 'test', 'b', '\\x00')
      RETURNING content_hash = sha256(convert_to(ops.audit_content(roman_events), 'UTF8')) AS right`)
    expect(rows).toEqual([{ right: true }])
  })

  it('is one text in every session, the same to the trigger and to a verification', async () => {
    const db = await database()
    const odd = `('infinity', '{}'), ('-infinity', '{}'), ('4713-01-01 00:00 BC', '{}'), ('294276-12-31 23:59:59.999999', '{"x": []}'),
      ('2026-03-29 02:30:00.000001+02', '{"b": 1.50, "a": 1e3, "é\\u2028\\"\\\\": ["\\u0001", null, -0.0, 12345678901234567890]}')`
    await db.pool.query(`INSERT INTO ops.roman_events (event_type, severity, source, description, "timestamp", metadata)
      SELECT E'a\\n"\\\\', 'info', 'tëst', '', t::timestamptz, m::jsonb FROM (VALUES ${odd}) AS odd (t, m)`)
    const read = 'SELECT ops.audit_content(e) AS text FROM ops.roman_events e ORDER BY id'
    const client = await db.pool.connect()
    const plain = (await client.query(read)).rows
    await client.query("SET timezone = 'Asia/Kathmandu'; SET datestyle = 'German'; SET extra_float_digits = -15")
    await client.query("SET intervalstyle = 'iso_8601'; SET bytea_output = 'escape'; SET search_path = 'ops'")
    expect((await client.query(read)).rows).toEqual(plain)
    client.release(true)
    await atOneMoment(db, async (one) => {
      for await (const part of readEventTexts(one)) expect(part.map(({ text }) => ({ text }))).toEqual(plain)
    })
    seals(db)
    await untilSealed(db, 5)
    valid(await verifyDatabase(db))
  })

  it('from before there were hashes is sealed like any other', async () => {
    const db = await database()
    const old = `INSERT INTO ops.roman_events (event_type, severity, source, description) VALUES ('a', 'info', 'old', 'b')`
    await tamper(db, old, old, 'ALTER FUNCTION ops.unhashed_through() RENAME TO since_then')
    await tamper(db, "CREATE FUNCTION ops.unhashed_through() RETURNS bigint LANGUAGE sql AS 'SELECT 2::bigint'")
    await write(db, 1)
    seals(db)
    await untilSealed(db, 3)
    valid(await verifyDatabase(db))
    await tamper(db, "UPDATE ops.roman_events SET description = 'c' WHERE id = 1")
    expect(places(await verifyDatabase(db))).toEqual(['changed 1'])
  })
})

describe('the sealer', () => {
  it('seals what becomes visible late, and settles what was aborted; who only reads is not waited for', async () => {
    const db = await database()
    seals(db)
    const [late, aborted, reader] = [await db.pool.connect(), await db.pool.connect(), await db.pool.connect()]
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await reader.query('SELECT count(*) FROM ops.roman_events')
    await late.query('BEGIN')
    await late.query(INSERT, [1])
    await aborted.query('BEGIN')
    await aborted.query(INSERT, [1])
    await write(db, 1)
    await untilSealed(db, 1)
    await aborted.query('ROLLBACK')
    await write(db, 1)
    await untilSealed(db, 2)
    // Event 1 may still come, so nothing is settled.
    expect(await head(db)).toEqual({ events: 2, settled: 0 })
    await late.query('COMMIT')
    await untilSettled(db, 4)
    expect(await head(db)).toEqual({ events: 3, settled: 4 })
    await reader.query('COMMIT')
    for (const client of [late, aborted, reader]) client.release()
    valid(await verifyDatabase(db))
  })

  it('is followed by another one when its process hangs, ends or dies, or its connection does, without gap or fork', async () => {
    const db = await database()
    const first = spawnProcess(new URL('./fixtures/sealer.ts', import.meta.url), {
      env: { PATH: process.env.PATH, DATABASE_URL: db.url },
    })
    await first.untilPrints(/sealing/, 15_000)
    let writing = true
    let written = 0
    const writers = Array.from({ length: 2 }, async () => {
      while (writing) {
        await db.pool.query(INSERT, [1])
        written += 1
      }
    })
    const sealsOn = async () => untilSealed(db, (await head(db)).events + 20)
    const takesOver = async (sealer: Sealer) => {
      await waitFor(() => sealer.sealing, { timeoutMs: 10_000, describe: 'the other sealer' })
      await sealsOn()
    }
    await sealsOn()
    const second = seals(db)
    process.kill(first.pid, 'SIGSTOP')
    await takesOver(second)
    process.kill(first.pid, 'SIGCONT')
    await first.untilPrints(/standing by/)
    await second.stop()
    await first.untilPrints(/sealing\s+standing by\s+sealing/)
    await sealsOn()
    const third = seals(db)
    await first.kill('SIGKILL')
    await takesOver(third)
    const { rowCount } = await db.pool.query(`
      SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
      WHERE locktype = 'advisory' AND granted AND datname = current_database() AND application_name = 'roman-sealer'`)
    expect(rowCount).toBe(1)
    await sealsOn()
    writing = false
    await Promise.all(writers)
    await untilSealed(db, written)
    const result = await verifyDatabase(db)
    valid(result)
    expect(result).toMatchObject({ events: written, unsealed: 0 })
  })

  it('continues the chain alone, also where two believe that they are the one', async () => {
    const db = await database()
    let head = GENESIS
    for (let id = 1; id <= 20; id += 2) {
      await write(db, 2)
      const batches = await Promise.all([readBatch(db.pool, [[id, id + 1]], 1), readBatch(db.pool, [[id, id + 1]], 2)])
      const next = batches.map((batch) => nextSeal(head, { ...batch, settled_id: batch.event_ids.at(-1)! }))
      // Who comes a moment too late is told so by the trigger.
      const refused = (error: Error): false => {
        if (!error.message.includes('refused: it does not continue')) throw error
        return false
      }
      const stored = await Promise.all(next.map((seal) => appendSeal(db.pool, seal).catch(refused)))
      expect(stored.toSorted()).toEqual([false, true])
      head = next[stored.indexOf(true)]!
      if (head.through_id > id) continue
      const rest = await readBatch(db.pool, [[id + 1, id + 1]], 1)
      const last = nextSeal(head, { ...rest, settled_id: id + 1 })
      expect(await appendSeal(db.pool, last)).toBe(true)
      head = last
    }
    expect(await verifyDatabase(db)).toMatchObject({ valid: true, events: 20, findings: [] })
  })

  it('is not led astray by an id that somebody chose', async () => {
    const db = await database()
    const chosen = (id: string) =>
      db.pool.query(
        `INSERT INTO ops.roman_events (id, event_type, severity, source, description) VALUES (${id}, 'a', 'info', 's', 'd')`,
      )
    await chosen('9007199254740991')
    seals(db)
    await write(db, 3)
    await untilSealed(db, 3)
    expect(await verifyDatabase(db)).toMatchObject({ valid: true, events: 3, unsealed: 1 })
    await chosen('-5')
    await db.pool.query("SELECT setval('ops.roman_events_id_seq', 5000000)")
    await write(db, 1)
    await untilSettled(db, 5_000_001)
    await chosen('4000000')
    expect(places(await verifyDatabase(db))).toEqual(['inserted_afterwards -5', 'inserted_afterwards 4000000'])
    // Also where no number in the answer could say which it is.
    await chosen('9223372036854775807')
    const { findings } = await verifyDatabase(db)
    expect(findings.at(-1)).toMatchObject({ event_id: null, message: expect.stringContaining('9223372036854775807') })
  })

  it('leaves nothing unnoticed when it does not run', async () => {
    const db = await database()
    await write(db, 1)
    const old = `INSERT INTO ops.roman_events (event_type, severity, source, description, "timestamp")
      VALUES ('a', 'info', 'test', 'b', now() - interval '2 minutes')`
    await db.pool.query(old)
    expect(await readUnsealed(db)).toMatchObject({ count: 1, since: expect.any(Date) })
    expect(places(await verifyDatabase(db))).toEqual(['not_sealed_in_time 2'])
    const sealer = seals(db)
    await untilSealed(db, 2)
    expect(await readUnsealed(db)).toEqual({ count: 0, since: null, broken: null })
    await sealer.stop()
    await db.pool.query(old)
    expect((await readUnsealed(db)).count).toBe(1)
  })
})

describe('a verification', () => {
  it('is refused to whom row-level security may hide rows: a trail without any would be valid', async () => {
    const db = await database()
    seals(db)
    await write(db, 2)
    await untilSealed(db, 2)
    const role = `auditor_${new URL(db.url).pathname.slice(1)}`
    await db.pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA ops TO ${role};
      GRANT SELECT ON ops.roman_events, ops.audit_seals, ops.roman_events_id_seq TO ${role}`)
    const url = new URL(db.url)
    url.username = role
    url.password = 'x'
    const auditor = openDatabase(url.href, { connectionsMax: 2 })
    afterAll(async () => {
      await auditor.close()
      await db.pool.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    })
    const file = path.join(await mkdtemp(path.join(tmpdir(), 'roman-audit-')), 'hidden.jsonl')
    const looks = [verifyDatabase, readAnchor, readUnsealed, (it: Database) => exportAudit(it, file)]
    for (const look of looks)
      await expect(look(auditor)).rejects.toThrow(
        `hide rows of ops.roman_events and ops.audit_seals from role "${role}", so nothing can be said of the trail. As a superuser: GRANT authenticated TO "${role}".`,
      )
    const hidden = /hide rows of ops.roman_events from role/
    await db.pool.query(`
      CREATE POLICY part ON ops.roman_events FOR SELECT TO ${role} USING (id > 1);
      CREATE POLICY whole ON ops.audit_seals FOR SELECT TO ${role} USING (true)`)
    await expect(verifyDatabase(auditor)).rejects.toThrow(hidden)
    await db.pool.query(`GRANT authenticated TO ${role}`)
    for (const look of looks) await look(auditor)
    expect(await verifyDatabase(auditor)).toMatchObject({ valid: true, events: 2 })
    await db.pool.query('CREATE POLICY less ON ops.roman_events AS RESTRICTIVE FOR SELECT USING (id > 1)')
    await expect(verifyDatabase(auditor)).rejects.toThrow(hidden)
    await expect(verifyDatabase(auditor)).rejects.toThrow('drop restrictive policies')
  })

  it('does not wait for an event that says it is from the future', async () => {
    const db = await database()
    await db.pool.query(`INSERT INTO ops.roman_events (event_type, severity, source, description, "timestamp")
      VALUES ('a', 'info', 's', 'd', now() + interval '1 hour')`)
    expect(await readUnsealed(db)).toEqual({ count: 1, since: null, broken: null })
    expect(places(await verifyDatabase(db))).toEqual(['not_sealed_in_time 1'])
    const file = path.join(await mkdtemp(path.join(tmpdir(), 'roman-audit-')), 'future.jsonl')
    await exportAudit(db, file)
    expect(places(await verifyFile(file))).toEqual(['not_sealed_in_time 1'])
  })
})

describe('whoever may insert seals', () => {
  it('can insert only the one that the sealer would', async () => {
    const made = await testDatabase()
    const db = openDatabase(made.url, { connectionsMax: 2 })
    const application = openDatabase(await asApplication(made), { connectionsMax: 1 })
    afterAll(() => Promise.all([db.close(), application.close()]))
    const sealer = seals(db)
    await write(db, 3)
    await untilSettled(db, 3)
    await sealer.stop()
    await write(db, 3)

    const head = (await readHead(db.pool)) as Seal
    const { sealed_at_us, ...batch } = await readBatch(db.pool, [[4, 6]], 2)
    expect(batch.event_ids).toEqual([4, 5])
    const right = nextSeal(head, { ...batch, settled_id: 5, sealed_at_us })
    const insert = async (change: Partial<Seal>, rehash = true): Promise<string> => {
      const seal = { ...right, ...change }
      const hashed = rehash ? { ...seal, chain_hash: chainHash(seal) } : seal
      return application.pool
        .query(
          `INSERT INTO ops.audit_seals (seal_number, event_ids, content_hashes, settled_id, through_id, total_events, previous_hash, sealed_at, chain_hash)
           VALUES ($1, $2, $3, $4, $5, $6, $7, 'epoch'::timestamptz + $8::bigint * interval '1 microsecond', $9)`,
          [
            hashed.seal_number,
            `{${hashed.event_ids.join()}}`,
            hashed.content_hashes,
            hashed.settled_id,
            hashed.through_id,
            hashed.total_events,
            hashed.previous_hash,
            hashed.sealed_at_us,
            hashed.chain_hash,
          ],
        )
        .then(
          () => 'accepted',
          (error: Error) => error.message,
        )
    }
    const ahead = Number.MAX_SAFE_INTEGER
    for (const [change, fact] of [
      [{ seal_number: head.seal_number }, /does not continue seal/],
      [{ seal_number: head.seal_number + 2 }, /does not continue seal/],
      [{ previous_hash: Buffer.alloc(32) }, /does not continue seal/],
      [{ settled_id: ahead, through_id: ahead }, /ahead of the ids that were given out, which end at 6/],
      [{ settled_id: 2 }, /its numbers do not follow/],
      [{ through_id: 6 }, /its numbers do not follow/],
      [{ total_events: 6 }, /its numbers do not follow/],
      [{ event_ids: [5, 4], through_id: 5 }, /not in order, or were settled before/],
      [{ event_ids: [3, 5] }, /not in order, or were settled before/],
      [{ sealed_at_us: sealed_at_us - 3_600e6 }, /it was not sealed at/],
      [{ sealed_at_us: sealed_at_us + 60e6 }, /it was not sealed at/],
      [{ content_hashes: Buffer.alloc(64) }, /its events are not those that are stored/],
      [
        { event_ids: [4], content_hashes: right.content_hashes.subarray(0, 32), through_id: 4, total_events: 4 },
        /settles events that are not sealed/,
      ],
    ] as const)
      expect(await insert(change)).toMatch(fact)
    expect(await insert({ chain_hash: Buffer.alloc(32, 1) }, false)).toMatch(/its hash is not that of its content/)
    expect(await insert({})).toBe('accepted')
    seals(db)
    await untilSettled(db, 6)
    valid(await verifyDatabase(db))
  })

  it('past that, as a superuser, ends sealing, but not unnoticed', async () => {
    const db = await database()
    const errors: unknown[][] = []
    const listening = { info: () => {}, warn: () => {}, error: (...said: unknown[]) => errors.push(said) }
    const sealer = seals(db, { log: listening })
    await write(db, 3)
    await untilSettled(db, 3)
    await tamper(
      db,
      `INSERT INTO ops.audit_seals SELECT seal_number + 1, '{}', '', 9007199254740991, 9007199254740991, 59, chain_hash, sha256(''), now()
       FROM ops.audit_seals ORDER BY seal_number DESC LIMIT 1`,
    )
    await db.pool.query(`INSERT INTO ops.roman_events (event_type, severity, source, description, "timestamp")
      VALUES ('a', 'info', 'test', 'b', now() - interval '2 minutes')`)
    await waitFor(() => errors.length > 0, { timeoutMs: 10_000, describe: 'the sealer to say so' })
    expect(errors).toEqual([[{ reason: expect.stringContaining('is not that of its content') }, expect.any(String)]])
    expect(await readUnsealed(db)).toMatchObject({ count: 1, broken: expect.stringContaining('seal') })
    await sealer.stop()

    // A right hash makes it no better.
    const { rows } = await db.pool.query('SELECT max(seal_number)::int AS n FROM ops.audit_seals')
    await tamper(
      db,
      `UPDATE ops.audit_seals s SET chain_hash = ops.audit_chain_hash(s) WHERE seal_number = ${rows[0].n}`,
    )
    expect(await readUnsealed(db)).toMatchObject({ count: 1, broken: expect.stringContaining('ahead of the ids') })
    // What docs/audit.md says to do.
    await tamper(db, `DELETE FROM ops.audit_seals WHERE seal_number = ${rows[0].n}`)
    seals(db, { log: listening })
    await untilSettled(db, 4)
    expect(await readUnsealed(db)).toEqual({ count: 0, since: null, broken: null })
    valid(await verifyDatabase(db))
  })
})

describe('a superuser without triggers', () => {
  it('is found out at every place', async () => {
    const db = await database()
    const sealer = seals(db)
    for (let batch = 1; batch <= 6; batch += 1) {
      await db.pool.query(INSERT, [10])
      await untilSealed(db, batch * 10)
    }
    const gap = await db.pool.connect()
    await gap.query('BEGIN')
    await gap.query(INSERT, [1])
    await gap.query('ROLLBACK')
    gap.release()
    await write(db, 1)
    await untilSettled(db, 62)
    await sealer.stop()
    const anchor = parseAnchor((await readAnchor(db)).anchor)
    valid(await verifyDatabase(db, { anchor }))

    const { rows } = await db.pool.query('SELECT seal_number::int AS n FROM ops.audit_seals WHERE 45 = ANY (event_ids)')
    const fifth = rows[0].n
    await tamper(
      db,
      "UPDATE ops.roman_events SET description = 'nothing happened' WHERE id = 7",
      // Also where the hash beside it is made to fit.
      "UPDATE ops.roman_events SET metadata = '{}' WHERE id = 8",
      "UPDATE ops.roman_events e SET content_hash = sha256(convert_to(ops.audit_content(e), 'UTF8')) WHERE id = 8",
      "UPDATE ops.roman_events SET content_hash = sha256('') WHERE id = 9",
      'UPDATE ops.roman_events SET content_hash = NULL WHERE id = 10',
      'DELETE FROM ops.roman_events WHERE id = 15',
      'UPDATE ops.roman_events SET id = -1 WHERE id = 25',
      'UPDATE ops.roman_events SET id = 25 WHERE id = 26',
      'UPDATE ops.roman_events SET id = 26 WHERE id = -1',
      `INSERT INTO ops.roman_events (id, event_type, severity, source, description) VALUES (61, 'a', 'info', 's', 'd')`,
      `UPDATE ops.audit_seals SET sealed_at = sealed_at - interval '1 hour' WHERE seal_number = ${fifth}`,
    )
    expect(places(await verifyDatabase(db, { anchor }))).toEqual([
      'changed 7',
      'changed 8',
      'changed 9',
      'changed 10',
      'missing 15',
      'reordered 25',
      'reordered 26',
      `seal_changed #${fifth}`,
      'inserted_afterwards 61',
    ])
  })

  it('who makes seals that no program could read is told where, in the database and in an export', async () => {
    const db = await database()
    const sealer = seals(db)
    for (let batch = 1; batch <= 5; batch += 1) {
      await db.pool.query(INSERT, [2])
      await untilSealed(db, batch * 2)
    }
    await sealer.stop()
    const { rows } = await db.pool.query('SELECT max(seal_number)::int AS n FROM ops.audit_seals')
    const last: number = rows[0].n
    const anchor = parseAnchor((await readAnchor(db)).anchor)
    await tamper(
      db,
      'ALTER TABLE ops.audit_seals DROP CONSTRAINT audit_seals_numbers_check, DROP CONSTRAINT audit_seals_events_check, DROP CONSTRAINT audit_seals_hashes_check, ALTER previous_hash DROP NOT NULL',
      `UPDATE ops.audit_seals SET sealed_at = 'infinity' WHERE seal_number = 1`,
      `UPDATE ops.audit_seals SET event_ids = ARRAY[[3], [4]] WHERE 3 = ANY (event_ids)`,
      `UPDATE ops.audit_seals SET previous_hash = NULL, sealed_at = '294276-12-31' WHERE seal_number = ${last}`,
      `INSERT INTO ops.audit_seals SELECT 9007199254740993, '{}', '', settled_id, through_id, total_events, chain_hash, chain_hash, now() FROM ops.audit_seals WHERE seal_number = 3`,
    )
    const verification = await verifyDatabase(db, { anchor })
    const changed = verification.findings.filter(({ kind }) => kind === 'seal_changed')
    expect(changed.map(({ seal_number }) => seal_number)).toEqual([1, expect.any(Number), last, null])
    expect(changed.at(-1)?.message).toContain('Seal 9007199254740993')
    expect(kinds(verification)).not.toContain('truncated')
    const file = path.join(await mkdtemp(path.join(tmpdir(), 'roman-audit-')), 'trail.ndjson')
    await exportAudit(db, file)
    expect(places(await verifyFile(file, anchor))).toEqual(places(verification))
    await expect(readAnchor(db)).rejects.toThrow(
      'Seal 9007199254740993, the last one, has values that no seal can have',
    )
  })

  it('who makes the database’s own function lie hides nothing by that', async () => {
    const db = await database()
    const sealer = seals(db)
    await write(db, 2)
    await untilSealed(db, 2)
    await sealer.stop()
    const { rows } = await db.pool.query('SELECT ops.audit_content(e) AS text FROM ops.roman_events e WHERE id = 1')
    await tamper(
      db,
      `CREATE OR REPLACE FUNCTION ops.audit_content(event ops.roman_events) RETURNS text LANGUAGE sql AS $lie$ SELECT $text$${rows[0].text}$text$ $lie$`,
      "UPDATE ops.roman_events SET description = 'nothing happened' WHERE id = 1",
    )
    expect(places(await verifyDatabase(db))).toEqual(['changed 1'])
  })

  it('who cuts the end off is found out by an anchor, and by the sealer that wrote it', async () => {
    const db = await database()
    const errors: unknown[] = []
    const sealer = seals(db, {
      log: { info: () => {}, warn: () => {}, error: (...said: unknown[]) => errors.push(said) },
    })
    await write(db, 3)
    await untilSealed(db, 3)
    const anchor = parseAnchor((await readAnchor(db)).anchor)
    await tamper(db, 'DELETE FROM ops.audit_seals', 'DELETE FROM ops.roman_events')
    valid(await verifyDatabase(db))
    expect(kinds(await verifyDatabase(db, { anchor }))).toEqual(['truncated'])
    await write(db, 1)
    await untilSealed(db, 1)
    expect(errors).toHaveLength(1)
    await sealer.stop()
    // What was sealed since then does not hide it.
    for (let more = 0; (await readAnchor(db)).seal_number < anchor.seal_number; more += 1) {
      const another = seals(db)
      await write(db, 1)
      await untilSealed(db, 2 + more)
      await another.stop()
    }
    expect(kinds(await verifyDatabase(db, { anchor }))).toEqual(['rewritten'])
  })
})

describe('an export', () => {
  it('verifies without the database; what was changed or taken out of it is named', async () => {
    const db = await database()
    const sealer = seals(db)
    const texts = ['line\u2028separator', 'carriage\rreturn', 'new\nline', 'ünïcödé']
    for (const text of texts)
      await db.pool.query(
        `INSERT INTO ops.roman_events (event_type, severity, source, description) VALUES ('a', 'info', 's', $1)`,
        [text],
      )
    await untilSealed(db, 4)
    await sealer.stop()
    await write(db, 1)
    const { anchor } = await readAnchor(db)
    const directory = await mkdtemp(path.join(tmpdir(), 'roman-audit-'))
    const file = path.join(directory, 'trail.ndjson.gz')
    expect(await exportAudit(db, file)).toMatchObject({ events: 5, head: { anchor } })
    await expect(exportAudit(db, file)).rejects.toThrow('is there already')
    const whole = await verifyFile(file, parseAnchor(anchor))
    valid(whole)
    expect(whole).toMatchObject({ events: 4, unsealed: 1, anchored: true })
    expect(whole.head).toEqual((await verifyDatabase(db)).head)

    const lines = gunzipSync(await readFile(file))
      .toString()
      .split('\n')
    const changed = async (text: string) => {
      const other = path.join(directory, 'other.ndjson')
      await writeFile(other, text)
      return verifyFile(other, parseAnchor(anchor))
    }
    expect(places(await changed(lines.map((line) => line.replace('ünï', 'uni')).join('\n')))).toEqual(['changed 4'])
    const without = lines.filter((line) => !line.startsWith('[2, '))
    expect(places(await changed(without.join('\n')))[0]).toBe('missing 2')
    await expect(changed(lines.slice(0, -3).join('\n'))).rejects.toThrow('was cut off')
    await expect(changed(lines.join('\n').slice(0, -20))).rejects.toThrow('was cut off')
    await expect(changed('{"a": 1}\n')).rejects.toThrow('Line 1')

    const cut = path.join(directory, 'cut.ndjson.gz')
    await writeFile(cut, (await readFile(file)).subarray(0, -30))
    await expect(verifyFile(cut)).rejects.toThrow('was cut off')
  })
})
