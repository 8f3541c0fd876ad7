import { setTimeout as pause } from 'node:timers/promises'
import { guardWorkflowId } from '@roman/contracts'
import { decideOnBreach } from '@roman/control'
import { waitFor } from '@roman/testing'
import { describe, expect, it } from 'vitest'
import { CALL, ended, startTestBed, type TestBed } from './test-bed.ts'

const never = new AbortController().signal
const PERSON = { actor: { kind: 'discord', user_id: null, name: 'ada' }, idempotency_key: null } as never
const toldOf = async (bed: TestBed, id: string): Promise<string[]> =>
  (
    await bed.context.control.db.prisma.announcements.findMany({
      where: { deployment_id: id },
      orderBy: { created_at: 'asc' },
    })
  ).map(({ kind }) => kind)

describe('a deployment recorded during the rollback of an older one, and in breach itself', async () => {
  let open = (): void => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const bed = await startTestBed(
    { watch: { window_seconds: 20, auto_rollback_within_seconds: 60 } },
    {
      deployers: {
        of: () => ({
          type: 'gated',
          able: async () => ({ able: true, detail: 'now' }),
          deploy: async (_request, { onDispatched }) => {
            onDispatched({ id: '1', url: null })
            await gate
            return { outcome: 'live', run: null, output_tail: null }
          },
        }),
      },
    },
  )

  it('keeps its guard: the breach is put to people or acted on, not lost', async () => {
    const good = await bed.deploy('v1.0.0')
    await bed.context.control.db.pool.query(
      `UPDATE ops.deployments SET status = 'success', health_check_passed = true WHERE deployment_id = $1`,
      [good],
    )
    const bad = await bed.deploy('v1.0.1')
    await bed.control.executeRollback({ deployment_id: bad, trigger_reason: 'Feature bug' }, PERSON, {
      wait_ms: 1,
      signal: never,
    })
    await bed.untilRollback(bad, ({ phase }) => phase === 'deploying')
    const worse = await bed.deploy('v1.0.2')
    await bed.fail('v1.0.2', 30)
    await pause(3_000)
    const told = await toldOf(bed, worse)
    const guard = await bed.temporal.client.workflow.getHandle(guardWorkflowId(worse)).describe()
    open()
    await bed.untilRollback(bad, ended)
    expect(guard.status.name).toBe('RUNNING')
    expect(told.length).toBeGreaterThan(1)
  })
})

describe('a guard that asks after an earlier rollback of the same deployment failed', async () => {
  const bed = await startTestBed({
    deployer: '{"type":"command","argv":["/bin/false"]}',
    mode: 'ask',
    watch: { auto_rollback_within_seconds: 60 },
  })

  it('waits for the answer', async () => {
    const good = await bed.deploy('v1.0.0')
    await bed.untilStatus(good, 'success')
    const bad = await bed.deploy('v1.0.1')
    await bed.untilPhase(bad, 'standing_by')
    await bed.control.executeRollback({ deployment_id: bad, trigger_reason: 'Feature bug' }, PERSON, {
      wait_ms: 15_000,
      signal: never,
    })
    await bed.fail('v1.0.1', 60)
    await waitFor(async () => (await toldOf(bed, bad)).includes('decision'), {
      timeoutMs: 10_000,
      describe: 'the question',
    })
    await pause(1_000)
    expect(await bed.control.approve(bad, { reason: 'Yes' }, CALL)).toMatchObject({ status: 'approved' })
  })
})

describe('the decision on a breach', async () => {
  const bed = await startTestBed({ watch: { window_seconds: 20 } }, { worker: false })

  it('is the same when its answer was lost and it is asked for again, also at the hourly cap', async () => {
    const { pool } = bed.context.control.db
    const good = await bed.deploy('v1.0.0')
    const bad = await bed.deploy('v1.0.1')
    await pool.query(
      `INSERT INTO ops.rollback_events (event_id, deployment_id, trigger_type, trigger_reason, status, service, environment)
       SELECT gen_random_uuid(), $1, 'automatic', 'x', 'aborted', 'storefront', 'production' FROM generate_series(1, 2)`,
      [good],
    )
    await pool.query(
      `INSERT INTO ops.guard_verdicts (deployment_id, phase, verdict, reason) VALUES ($1, 'window', 'breach', 'x')`,
      [bad],
    )
    const first = await decideOnBreach(bed.context.control, bad, 'window')
    expect(await decideOnBreach(bed.context.control, bad, 'window')).toEqual(first)
  })
})

describe('what the constitution refused', async () => {
  const bed = await startTestBed({
    deployer: '{"type":"command","argv":["/bin/sleep","5"],"grace_seconds":1}',
    decision_wait_seconds: 3,
    watch: { window_seconds: 2, auto_rollback_within_seconds: 60 },
  })
  const refused = async (version: string): Promise<{ bad: string; eventId: string }> => {
    const good = await bed.deploy(`v1.0.0-${version}`)
    await bed.untilStatus(good, 'success')
    await bed.context.control.db.pool.query(
      `INSERT INTO ops.migration_history (deployment_id, migration_name, migration_hash, error_message) VALUES ($1, $2, 'h', 'boom')`,
      [good, version],
    )
    const bad = await bed.deploy(version)
    await bed.fail(version, 30)
    await bed.untilPhase(bad, 'waiting')
    return { bad, eventId: await bed.untilRollback(bad, ended) }
  }

  it('answers a plain approval with the catalogue’s code', async () => {
    const { bad } = await refused('v1.0.1')
    await expect(bed.control.approve(bad, { reason: 'Go' }, CALL)).rejects.toMatchObject({
      code: 'constitutional_rejection',
    })
  })
})

describe('a question about a late breach', async () => {
  const bed = await startTestBed({ decision_wait_seconds: 2 })

  it('cannot be approved after it has expired', { timeout: 60_000 }, async () => {
    const { prisma } = bed.context.control.db
    const good = await bed.deploy('v1.0.0')
    await bed.untilStatus(good, 'success')
    const bad = await bed.deploy('v1.0.1')
    await bed.untilPhase(bad, 'ended')
    await bed.fail('v1.0.1', 60)
    await waitFor(async () => (await prisma.decisions.count({ where: { deployment_id: bad } })) > 0, {
      timeoutMs: 15_000,
      describe: 'the question',
    })
    await bed.admin.query(`UPDATE ops.system_logs SET occurred_at = occurred_at - interval '30 minutes'`)
    await bed.admin.query(`UPDATE ops.health_samples SET sampled_at = sampled_at - interval '30 minutes'`)
    await pause(4_000)
    await expect(bed.control.approve(bad, { reason: 'An old button' }, PERSON)).rejects.toMatchObject({
      code: 'nothing_waiting',
    })
  })
})
