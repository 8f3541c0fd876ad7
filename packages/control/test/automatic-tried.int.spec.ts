import { testDatabase } from '@roman/testing'
import { expect, it } from 'vitest'
import { automaticKey } from '../src/automatic.ts'
import { gatherEvidence } from '../src/evidence.ts'
import { CALL, openTestControl } from './open-control.ts'

it.each([
  ['a guard’s, for errors', 'automatic', true],
  ['a guard’s, for a declared violation of the laws', 'constitutional_violation', true],
  ['a person’s', 'manual', false],
])('a rollback before this one: %s', async (_, trigger_type, tried) => {
  const { url } = await testDatabase()
  const { control, opened } = await openTestControl(url)
  const { prisma } = opened.context.db
  const deployment = { environment: 'production', version: 'v1', git_commit: 'a7f3b29', git_branch: 'main' }
  const { deployment_id } = (await control.recordDeployment({ ...deployment, status: 'in_progress' }, CALL)).body
  const place = { deployment_id, service: 'storefront', environment: 'production', trigger_reason: 'Broken' }
  const idempotency_key = trigger_type === 'manual' ? 'a person’s own' : automaticKey(deployment_id)
  await prisma.rollback_events.create({
    data: { ...place, event_id: crypto.randomUUID(), trigger_type, idempotency_key, status: 'failed' },
  })
  const event = await prisma.rollback_events.create({
    data: { ...place, event_id: crypto.randomUUID(), trigger_type: 'automatic', status: 'pending' },
  })
  const { evidence } = await gatherEvidence(opened.context, event, { able: true, able_detail: null, current: null })
  expect(evidence.deployment.automatic_tried).toBe(tried)
})
