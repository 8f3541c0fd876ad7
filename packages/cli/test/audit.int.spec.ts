import { startSealer } from '@roman/audit'
import { openDatabase } from '@roman/db'
import { temporaryDirectory } from '@roman/local-stack'
import { createLogger, loadEnv } from '@roman/runtime'
import { testDatabase, waitFor } from '@roman/testing'
import { afterAll, expect, test } from 'vitest'
import { checkDatabase } from '../src/doctor/servers.ts'
import { roman } from './screen.ts'

const directory = temporaryDirectory('roman-audit-cli')
afterAll(() => directory.remove())

test('audit proves the trail in the database and in a file, and says exactly what is wrong', async () => {
  const { url } = await testDatabase()
  const db = openDatabase(url, { connectionsMax: 2 })
  const audit = (...args: string[]) => roman(['audit', ...args], { DATABASE_URL: url }, directory.path)
  const write = (age: string) =>
    db.pool.query(
      `INSERT INTO ops.roman_events (event_type, severity, source, description, "timestamp")
       SELECT 'a', 'info', 'test', 'event', now() - interval '${age}' FROM generate_series(1, 5)`,
    )
  try {
    await write('2 minutes')
    const doctored = await checkDatabase(loadEnv({ DATABASE_URL: url }))
    expect(doctored.find(({ name }) => name === 'Audit trail')).toMatchObject({
      status: 'warning',
      found: expect.stringMatching(/^5 events are not sealed/),
    })

    const sealer = startSealer({ url, log: createLogger('test', 'fatal') })
    const head = async () => JSON.parse((await audit('anchor', '--json')).out)
    await waitFor(async () => (await head()).events === 5, { timeoutMs: 10_000, describe: 'the seal' })
    await sealer.stop()
    await write('0 minutes')
    const then = await checkDatabase(loadEnv({ DATABASE_URL: url }))
    expect(then.find(({ name }) => name === 'Audit trail')).toMatchObject({
      status: 'ok',
      found: '5 events sealed, up to seal 1',
    })

    const anchor = (await audit('anchor')).out.trim()
    const verified = await audit('verify', '--anchor', anchor)
    expect(verified).toMatchObject({
      code: 0,
      out: expect.stringContaining('✔ 5 events in 1 seals: each is as it was sealed.'),
    })
    expect(verified.out).toContain('Not sealed yet: 5')
    expect(verified.out).not.toContain('anchor"')
    expect((await audit('verify')).out).toContain('Not held against an anchor')
    expect(await audit('verify', '--anchor', 'abc')).toMatchObject({
      code: 2,
      all: expect.stringContaining('"abc" is not an anchor'),
    })

    expect((await audit('export', 'trail.ndjson.gz')).out).toContain(`--file trail.ndjson.gz --anchor ${anchor}`)
    const elsewhere = await roman(
      ['audit', 'verify', '--file', 'trail.ndjson.gz', '--anchor', anchor, '--json'],
      { DATABASE_URL: 'postgresql://postgres@127.0.0.1:1/none' },
      directory.path,
    )
    expect(elsewhere.code).toBe(0)
    expect(JSON.parse(elsewhere.out)).toMatchObject({ valid: true, anchored: true, events: 5 })

    await db.pool.query(`ALTER TABLE ops.roman_events DISABLE TRIGGER roman_events_append_only`)
    await db.pool.query(`UPDATE ops.roman_events SET severity = 'debug' WHERE id = 3`)
    const found = await audit('verify')
    expect(found).toMatchObject({
      code: 1,
      out: expect.stringContaining('✖ The audit trail is not as it was sealed: 1 finding.'),
    })
    expect(found.out).toMatch(/^changed +Event 3 was changed after seal 1 sealed it\.$/m)
  } finally {
    await db.close()
  }
})

test('audit says which database does not answer', async () => {
  const { code, all } = await roman(['audit', 'verify'], { DATABASE_URL: 'postgresql://me:secret@127.0.0.1:1/none' })
  expect(code).toBe(1)
  expect(all).toContain('postgresql://me:***@127.0.0.1:PORT/none does not answer')
  expect(all).toContain('correct DATABASE_URL')
})
