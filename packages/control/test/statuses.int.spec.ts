import {
  DEPLOYMENT_STATUSES,
  type DeploymentStatus,
  mayTransition,
  ROLLBACK_STATUSES,
  type RollbackStatus,
} from '@roman/constitution'
import { openDatabase, type Tx } from '@roman/db'
import { testDatabase } from '@roman/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { moveDeployment } from '../src/store/statuses.ts'
import { advance } from '../src/store/steps.ts'

class TakeBack extends Error {}

describe('of the table of statuses, the database sees only what is legal', async () => {
  const { url } = await testDatabase()
  const db = openDatabase(url)
  afterAll(() => db.close())
  /** What a change answers; nothing of it stays. */
  const tried = async <T>(change: (tx: Tx) => Promise<T>): Promise<T> => {
    let answer: T | undefined
    await db
      .transaction(async (tx) => {
        answer = await change(tx)
        throw new TakeBack()
      })
      .catch((error) => {
        if (!(error instanceof TakeBack)) throw error
      })
    return answer as T
  }

  it.each(DEPLOYMENT_STATUSES)('for a deployment that is %s', async (from) => {
    const id = crypto.randomUUID()
    const facts = { service: 's', environment: 'e', version: 'v', git_commit: 'a7f3b29', git_branch: 'main' }
    const move = (to: DeploymentStatus) =>
      tried(async (tx) => {
        await tx.deployments.create({ data: { ...facts, deployment_id: id, status: from, fence: 1, policy: {} } })
        const refused = await moveDeployment(tx, id, to, { completed_at: new Date() }).catch((error) => error.code)
        const { status } = await tx.deployments.findUniqueOrThrow({ where: { deployment_id: id } })
        return { refused, status }
      })
    for (const to of DEPLOYMENT_STATUSES) {
      const legal = from === to || mayTransition('deployment', from, to).allowed
      expect(await move(to), to).toEqual({
        refused: legal ? undefined : 'illegal_transition',
        status: legal ? to : from,
      })
    }
  })

  it.each(ROLLBACK_STATUSES)('for a rollback that is %s', async (from) => {
    const id = crypto.randomUUID()
    const move = (change: { status: RollbackStatus } | { phase: 'claiming' } | object) =>
      tried(async (tx) => {
        const facts = { service: 's', environment: 'e', trigger_type: 'manual', trigger_reason: 'r' }
        await tx.rollback_events.create({ data: { ...facts, event_id: id, status: from } })
        const done = await advance(tx, id, change)
        const { status } = await tx.rollback_events.findUniqueOrThrow({ where: { event_id: id } })
        return { done, status }
      })
    const open = from === 'pending' || from === 'in_progress'
    for (const to of ROLLBACK_STATUSES) {
      const legal = open && (from === to || mayTransition('rollback', from, to).allowed)
      expect(await move({ status: to }), to).toEqual({ done: legal, status: legal ? to : from })
    }
    expect(await move({ phase: 'claiming' })).toEqual({ done: open, status: open ? 'in_progress' : from })
    expect(await move({})).toEqual({ done: open, status: from })
  })
})
