import { openDatabase } from '@roman/db'
import { testDatabase } from '@roman/testing'
import { afterAll, expect, it } from 'vitest'
import { createAuditVerification } from '../src/use-cases/verify-audit.ts'

it('reads the audit trail once for all who ask the same, and refuses who asks something else meanwhile', async () => {
  const { url } = await testDatabase()
  const db = openDatabase(url, { connectionsMax: 2 })
  afterAll(() => db.close())
  const verify = createAuditVerification({ db })
  const first = verify({})
  expect(verify({})).toBe(first)
  const anchor = `roman-audit:v1:1:${'0'.repeat(64)}:1`
  expect(() => verify({ anchor })).toThrow(expect.objectContaining({ code: 'too_many_requests' }))
  expect(await first).toMatchObject({ valid: true })
  expect(await verify({ anchor })).toMatchObject({ valid: false, findings: [{ kind: 'truncated' }] })
})
