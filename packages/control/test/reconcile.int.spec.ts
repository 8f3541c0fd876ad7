import { rollbackWorkflowId } from '@roman/contracts'
import { testDatabase } from '@roman/testing'
import { expect, it } from 'vitest'
import { reconcile } from '../src/steps/reconcile.ts'
import { openTestControl } from './open-control.ts'

it('finds a rollback that Temporal has lost behind hundreds that are only waiting to be started', async () => {
  const { url } = await testDatabase()
  const { opened } = await openTestControl(url)
  const { pool, prisma } = opened.context.db
  await pool.query(`
    INSERT INTO ops.rollback_events (event_id, service, environment, trigger_type, trigger_reason, status)
    SELECT gen_random_uuid(), 'service-' || n, 'production', 'manual', 'Broken', 'pending' FROM generate_series(1, 1001) n`)
  const { event_id } = await prisma.rollback_events.findFirstOrThrow({ orderBy: { id: 'desc' } })
  await prisma.outbox.create({
    data: { key: rollbackWorkflowId(event_id), kind: 'rollback', payload: {}, delivered_at: new Date() },
  })
  await reconcile(opened.context)
  const closed = await prisma.rollback_events.findMany({ where: { status: { not: 'pending' } } })
  expect(closed.map((event) => [event.event_id, event.status])).toEqual([[event_id, 'failed']])
  expect(await prisma.roman_events.count({ where: { source: 'reconciler' } })).toBe(1)
})
