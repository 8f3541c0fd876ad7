import { randomUUID } from 'node:crypto'
import { testDatabase } from '@roman/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { readHealth } from '../src/health.ts'
import { giveVerdict, type NewVerdict, readVerdict } from '../src/steps/guard.ts'
import { CALL, openTestControl } from './open-control.ts'

describe('a verdict', async () => {
  const { url } = await testDatabase()
  const { control, opened } = await openTestControl(url)
  const { context } = opened
  const { prisma } = context.db

  let deploymentId = ''
  let versions = 0
  beforeEach(async () => {
    await prisma.rollback_events.updateMany({
      where: { status: 'pending' },
      data: { status: 'failed', phase: 'ended' },
    })
    versions += 1
    const deployment = { environment: 'production', version: `v${versions}`, git_commit: `a7f3b2${versions}` }
    const recorded = await control.recordDeployment({ ...deployment, git_branch: 'main', status: 'in_progress' }, CALL)
    deploymentId = recorded.body.deployment_id
  })
  const give = async (kind: NewVerdict['kind'], more: Partial<NewVerdict> = {}) => {
    const [reading] = await readHealth(context.db, [deploymentId])
    const verdict = { phase: 'window', kind, reason: `It is ${kind}`, sample: reading!.sample, ...more } as const
    return (await giveVerdict(context, deploymentId, verdict))?.kind ?? null
  }
  const openRollback = () =>
    prisma.rollback_events.create({
      data: {
        event_id: randomUUID(),
        deployment_id: deploymentId,
        service: 'storefront',
        environment: 'production',
        trigger_type: 'manual',
        trigger_reason: 'Somebody saw something',
        status: 'pending',
      },
    })
  const status = async () =>
    (await prisma.deployments.findUniqueOrThrow({ where: { deployment_id: deploymentId } })).status

  it.each(['healthy', 'inconclusive'] as const)('of %s is not said while a rollback is open', async (kind) => {
    const { event_id } = await openRollback()
    expect(await give(kind)).toBeNull()
    expect(await readVerdict(context, deploymentId, 'window')).toBeNull()
    await prisma.rollback_events.update({ where: { event_id }, data: { status: 'failed', phase: 'ended' } })
    expect(await give(kind)).toBe(kind)
  })

  it('says that the rollback outlasted the watch, while it is open', async () => {
    await openRollback()
    expect(await give('inconclusive', { despite_rollback: true })).toBe('inconclusive')
    expect(await give('healthy', { phase: 'standby', despite_rollback: true })).toBeNull()
  })

  it('that was given first stands', async () => {
    expect(await give('breach')).toBe('breach')
    expect(await give('healthy')).toBe('breach')
    expect(await status()).toBe('in_progress')
  })

  it('of healthy proves what is in progress, and leaves as failed what a rollback had failed for', async () => {
    expect(await give('healthy')).toBe('healthy')
    expect(await status()).toBe('success')
    await prisma.deployments.update({ where: { deployment_id: deploymentId }, data: { status: 'failed' } })
    expect(await give('healthy', { phase: 'standby' })).toBe('healthy')
    expect(await status()).toBe('failed')
    const last = await prisma.roman_events.findFirstOrThrow({
      where: { event_type: 'health_check_passed' },
      orderBy: { id: 'desc' },
    })
    expect(last.description).toContain('its status stays what people and rollbacks made it')
  })
})
