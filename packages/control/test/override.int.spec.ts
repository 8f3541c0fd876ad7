import { testDatabase, waitFor } from '@roman/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { CALL, openTestControl } from './open-control.ts'

const NO_WAIT = { wait_ms: 0, signal: new AbortController().signal }
const OVERRIDE = { reason: 'A security hole', violations: ['stable_system'] }

describe('an override', async () => {
  const { url } = await testDatabase()
  const { control, opened } = await openTestControl(url)
  const { pool, prisma } = opened.context.db
  const audited = () => prisma.roman_events.count({ where: { event_type: 'constitutional_override' } })

  let deploymentId = ''
  let refusedId = ''
  let auditedBefore = 0
  /** A live deployment whose rollback the constitution has refused. */
  beforeEach(async () => {
    await pool.query(`UPDATE ops.rollback_events SET status = 'failed', phase = 'ended' WHERE status = 'pending'`)
    const deployment = { environment: 'production', version: 'v1', git_commit: 'a7f3b29', git_branch: 'main' }
    deploymentId = (await control.recordDeployment({ ...deployment, status: 'in_progress' }, CALL)).body.deployment_id
    refusedId = await request('a feeling')
    await pool.query(
      `UPDATE ops.rollback_events SET status = 'aborted', phase = 'ended', constitutional_validation = $2 WHERE event_id = $1`,
      [refusedId, { compliant: false, violations: ['System already stable'], violated: ['stable_system'] }],
    )
    auditedBefore = await audited()
  })
  const request = async (reason: string): Promise<string> => {
    const asked = { deployment_id: deploymentId, trigger_reason: reason }
    return (await control.executeRollback(asked, CALL, NO_WAIT)).body.event_id
  }
  const override = (key: string | null = null) =>
    control.override(refusedId, OVERRIDE, { ...CALL, idempotency_key: key })

  /** Sends requests that all wait for the environment's lock, in this order, before the first one gets it. */
  const atOnce = async <T>(requests: readonly (() => Promise<T>)[]): Promise<PromiseSettledResult<T>[]> => {
    const holder = await pool.connect()
    try {
      await holder.query('BEGIN')
      await holder.query('SELECT FROM ops.live FOR UPDATE')
      const sent: Promise<T>[] = []
      for (const send of requests) {
        sent.push(send())
        await waitFor(
          async () => {
            const { rows } = await pool.query<{ waiting: number }>(
              `SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
            )
            return rows[0]!.waiting === sent.length
          },
          { timeoutMs: 10_000, describe: 'the request to wait for the lock' },
        )
      }
      await holder.query('COMMIT')
      return await Promise.allSettled(sent)
    } finally {
      holder.release()
    }
  }

  it('that comes second to a person’s own rollback is refused, names that, and is not on record as one', async () => {
    const [plain, overriding] = await atOnce<{ event_id: string }>([
      async () => ({ event_id: await request('checkout is broken') }),
      () => override(),
    ])
    const running = (plain as PromiseFulfilledResult<{ event_id: string }>).value.event_id
    expect(overriding).toMatchObject({
      status: 'rejected',
      reason: { code: 'rollback_in_progress', details: { event_id: running } },
    })
    expect(await control.showRollback(running)).toMatchObject({ refused_event_id: null })
    expect(await audited()).toBe(auditedBefore)
  })

  it('that two people send at once is one rollback, with one row on the audit trail', async () => {
    const sent = await atOnce([() => override('one'), () => override('two')])
    const answers = sent.map((one) => (one as PromiseFulfilledResult<{ event_id: string }>).value)
    expect(answers).toMatchObject([{ success: true }, { event_id: answers[0]!.event_id, deduplicated: true }])
    expect(await control.showRollback(answers[0]!.event_id)).toMatchObject({ refused_event_id: refusedId })
    expect(await audited()).toBe(auditedBefore + 1)
    // The same again, with the same key and without one.
    for (const key of ['one', null])
      expect(await override(key)).toMatchObject({ event_id: answers[0]!.event_id, deduplicated: true })
    expect(await audited()).toBe(auditedBefore + 1)
  })

  it('does not take another override’s key for its own', async () => {
    const first = await override('key')
    await pool.query(`UPDATE ops.rollback_events SET status = 'failed', phase = 'ended' WHERE event_id = $1`, [
      first.event_id,
    ])
    const other = await request('a feeling')
    await pool.query(
      `UPDATE ops.rollback_events SET status = 'aborted', phase = 'ended', constitutional_validation = $2 WHERE event_id = $1`,
      [other, { compliant: false, violations: ['System already stable'], violated: ['stable_system'] }],
    )
    await expect(control.override(other, OVERRIDE, { ...CALL, idempotency_key: 'key' })).rejects.toMatchObject({
      code: 'idempotency_conflict',
    })
  })
})
