import { openDatabase } from '@roman/db'
import { testDatabase } from '@roman/testing'
import { expect, test } from 'vitest'
import { roman } from './screen.ts'

test('the doctor sees partitions that are missing, and rows that found none', async () => {
  const { url } = await testDatabase()
  const db = openDatabase(url, { connectionsMax: 1 })
  const findings = async (): Promise<Record<string, string>> => {
    const { out } = await roman(['doctor', '--json'], { DATABASE_URL: url })
    return Object.fromEntries(
      JSON.parse(out).findings.map((finding: { name: string; status: string; found: string }) => [
        finding.name,
        `${finding.status}: ${finding.found}`,
      ]),
    )
  }
  try {
    const logs = 'Partitions of system_logs'
    expect((await findings())[logs]).toMatch(/^ok: made for [78] days ahead$/)
    await db.pool.query(
      `INSERT INTO ops.system_logs (service, environment, severity, message, occurred_at) VALUES ('s', 'e', 'info', 'm', now() + interval '99 days')`,
    )
    expect((await findings())[logs]).toBe('warning: 1 of its rows found none and lie in ops.system_logs_default')
    await db.pool.query('DROP TABLE ops.system_logs_initial')
    expect(await findings()).toMatchObject({
      [logs]: 'warning: made for 0 days ahead',
      'Partitions of health_samples': expect.stringMatching(/^ok/),
    })
  } finally {
    await db.close()
  }
})
