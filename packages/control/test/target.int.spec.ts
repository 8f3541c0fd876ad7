import { DEFAULT_POLICY } from '@roman/constitution'
import { testDatabase } from '@roman/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { findTarget } from '../src/index.ts'
import { openTestControl } from './open-control.ts'

describe('what a rollback would go back to', async () => {
  const { url } = await testDatabase()
  const { opened } = await openTestControl(url)
  const { context } = opened
  const { pool, prisma } = context.db
  const BAD = 'bad0000deadbeef'

  let environment = ''
  beforeEach(() => {
    environment = `e-${crypto.randomUUID()}`
  })
  /** So many known-good deployments of a commit, the first one so many hours ago and the others a minute apart. */
  const knownGood = (commit: string, hoursAgo: number, times = 1) =>
    pool.query(
      `INSERT INTO ops.deployments (deployment_id, service, environment, version, git_commit, git_branch, status, health_check_passed, fence, policy, deployed_at)
       SELECT gen_random_uuid(), 'storefront', $1, 'v-' || $2, $2, 'main', 'success', true, n, $3,
         now() - make_interval(hours => $4, mins => -n) FROM generate_series(0, $5 - 1) n`,
      [environment, commit, DEFAULT_POLICY, hoursAgo, times],
    )
  const target = async () => {
    const failing = await prisma.deployments.findFirstOrThrow({
      where: { environment, git_commit: BAD },
      orderBy: { deployed_at: 'desc' },
    })
    return (await findTarget(context, failing))?.target.git_commit ?? null
  }

  it.each([
    ['in full', BAD],
    ['abbreviated', BAD.slice(0, 7)],
  ])('is found behind however many redeploys of the failing commit, %s', async (_how, commit) => {
    await knownGood('600d000', 48)
    await knownGood(commit, 24, 120)
    await knownGood(BAD, 1)
    expect(await target()).toBe('600d000')
  })

  it('is nothing newer than the failing one, and nothing quarantined', async () => {
    await knownGood('600d000', 48)
    await knownGood('600d001', 24)
    await knownGood(BAD, 2)
    await knownGood('600d002', 1)
    expect(await target()).toBe('600d001')
    const place = { service: 'storefront', environment }
    const { event_id } = await prisma.rollback_events.create({
      data: { ...place, event_id: crypto.randomUUID(), trigger_type: 'manual', trigger_reason: 'x', status: 'failed' },
    })
    await prisma.quarantine.create({ data: { ...place, git_commit: '600d001', status: 'quarantined', event_id } })
    expect(await target()).toBe('600d000')
  })
})
