import { openDatabase } from '@roman/db'
import { testDatabase } from '@roman/testing'
import { afterAll, expect, it } from 'vitest'
import { createAuditVerification, readAuditAnchor } from '../src/use-cases/verify-audit.ts'

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

it('names no head where the last seal is unreadable, and says so instead of failing', async () => {
  const { url } = await testDatabase()
  const db = openDatabase(url, { connectionsMax: 1 })
  afterAll(() => db.close())
  expect(await readAuditAnchor({ db })).toMatchObject({ seal_number: 0, events: 0 })
  await db.pool.query(`
    SET session_replication_role = replica;
    ALTER TABLE ops.audit_seals DROP CONSTRAINT audit_seals_numbers_check;
    INSERT INTO ops.audit_seals VALUES (1, '{}', '', 0, 0, 0, sha256(''), sha256(''), 'infinity');
    RESET session_replication_role`)
  await expect(readAuditAnchor({ db })).rejects.toMatchObject({
    code: 'internal_error',
    message: expect.stringContaining('Seal 1, the last one, has values that no seal can have'),
  })
})
