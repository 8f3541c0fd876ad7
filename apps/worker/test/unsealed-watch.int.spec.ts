import type { ControlContext } from '@roman/control'
import { openDatabase } from '@roman/db'
import { testDatabase } from '@roman/testing'
import { afterAll, expect, it } from 'vitest'
import { createUnsealedWatch } from '../src/unsealed-watch.ts'

it('says once that events wait to be sealed, at the second look, and once that none does any more', async () => {
  const db = openDatabase((await testDatabase()).url, { connectionsMax: 1 })
  afterAll(() => db.close())
  const said: string[] = []
  const say = (level: string) => (_: object | string, text?: string) => said.push(`${level} ${text ?? _}`)
  const log = { error: say('error'), info: say('info') } as unknown as ControlContext['log']
  const look = createUnsealedWatch({ db, log })

  await look()
  await db.pool.query(`INSERT INTO ops.roman_events (event_type, severity, source, description, "timestamp")
    VALUES ('a', 'info', 's', 'd', now() - interval '2 minutes')`)
  await look()
  expect(said).toEqual([])
  await look()
  await look()
  const waiting = 'error Events of the audit trail wait to be sealed for more than a minute'
  expect(said).toEqual([waiting])

  await db.pool.query("SET session_replication_role = 'replica'")
  await db.pool.query('DELETE FROM ops.roman_events')
  await look()
  await look()
  expect(said).toEqual([waiting, 'info All events of the audit trail are sealed'])
})
