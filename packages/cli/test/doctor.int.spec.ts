import { openDatabase } from '@roman/db'
import { loadEnv } from '@roman/runtime'
import { testDatabase } from '@roman/testing'
import { expect, test } from 'vitest'
import { checkDatabase } from '../src/doctor/servers.ts'

test('the doctor sees partitions that are missing, and rows that found none', async () => {
  const { url } = await testDatabase()
  const db = openDatabase(url, { connectionsMax: 1 })
  const findings = async (): Promise<string[]> =>
    (await checkDatabase(loadEnv({ DATABASE_URL: url }))).map(
      ({ name, status, found }) => `${name} ${status}: ${found}`,
    )
  try {
    const samples = expect.stringMatching(/^Partitions of health_samples ok: made for \d+ days ahead$/)
    const database = expect.stringMatching(/^Database ok/)
    const trail = expect.stringMatching(/^Audit trail ok/)
    expect(await findings()).toEqual([
      database,
      expect.stringMatching(/^Partitions of system_logs ok: made for [78] days ahead$/),
      samples,
      trail,
    ])
    await db.pool.query(
      `INSERT INTO ops.system_logs (service, environment, severity, message, occurred_at) VALUES ('s', 'e', 'info', 'm', now() + interval '99 days')`,
    )
    const inDefault = 'Partitions of system_logs warning: 1 of its rows found none and lie in ops.system_logs_default'
    expect(await findings()).toEqual([database, inDefault, samples, trail])
    await db.pool.query('DROP TABLE ops.system_logs_initial')
    expect(await findings()).toEqual([
      database,
      'Partitions of system_logs warning: made for 0 days ahead',
      samples,
      trail,
    ])
  } finally {
    await db.close()
  }
})
