import { guardWorkflowId, rollbackWorkflowId } from '@roman/contracts'
import { tellOnce } from '@roman/control'
import { fixedRomanConfig } from '@roman/runtime'
import { waitFor } from '@roman/testing'
import { describe, expect, it } from 'vitest'
import { CALL, ended, startTestBed, type TestBed } from './test-bed.ts'

const never = new AbortController().signal

/** A good version that is known-good, and a bad one that is live and fails. */
const goodThenBad = async (bed: TestBed, suffix: string): Promise<{ good: string; bad: string }> => {
  const good = await bed.deploy(`v1.0.0-${suffix}`)
  await bed.untilStatus(good, 'success')
  const bad = await bed.deploy(`v1.0.1-${suffix}`)
  await bed.fail(`v1.0.1-${suffix}`, 30)
  return { good, bad }
}

describe('mode ask', async () => {
  const bed = await startTestBed({ mode: 'ask', decision_wait_seconds: 20 })

  it('waits for a person, holds nothing up, and rolls back once approved', async () => {
    const { bad } = await goodThenBad(bed, 'approve')
    await bed.untilPhase(bad, 'waiting')
    const { guard } = await bed.control.showDeployment(bad)
    expect(guard?.decision).toMatchObject({ kind: 'rollback', violations: [] })
    // Waiting holds no lock: somebody may announce the next deployment meanwhile.
    await bed.deploy('v1.0.2-approve', { status: 'pending' })

    const approval = { reason: 'Yes, that was us' }
    const answer = await bed.control.approve(bad, approval, { ...CALL, idempotency_key: 'approve-1' })
    expect(answer).toMatchObject({ success: true, status: 'approved', decision_id: guard?.decision?.decision_id })
    // The same request again, as after a lost answer, is the same answer.
    expect(await bed.control.approve(bad, approval, { ...CALL, idempotency_key: 'approve-1' })).toEqual(answer)
    await bed.untilRollback(bad, ({ event_id, status }) => event_id === answer.event_id && status === 'success')
    expect(await bed.status(bad)).toBe('rolled_back')
    await bed.untilPhase(bad, 'ended')
  })

  it('ends quietly when a person says no', async () => {
    const { bad } = await goodThenBad(bed, 'reject')
    await bed.untilPhase(bad, 'waiting')
    expect(await bed.control.reject(bad, { reason: 'A load test' }, CALL)).toMatchObject({
      status: 'rejected',
      event_id: null,
    })
    await bed.untilPhase(bad, 'ended')
    expect(await bed.control.showDeployment(bad)).toMatchObject({ status: 'in_progress', live: true })
    await expect(bed.control.approve(bad, { reason: 'Oh' }, CALL)).rejects.toMatchObject({ code: 'already_decided' })
  })

  it('answers from the Web UI’s own means: query and update', async () => {
    const { bad } = await goodThenBad(bed, 'query')
    await bed.untilPhase(bad, 'waiting')
    const handle = bed.temporal.client.workflow.getHandle(guardWorkflowId(bad))
    expect(await handle.query('progress')).toMatchObject({ phase: 'waiting', verdict: 'breach' })
    const metadata = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata')
    expect(metadata.currentDetails).toContain('High error rate')
    await bed.deploy('v1.0.3-fix')
    await bed.untilPhase(bad, 'ended')
    expect((await bed.control.showDeployment(bad)).guard?.decision).toBeNull()
    await expect(bed.control.approve(bad, { reason: 'Late' }, CALL)).rejects.toMatchObject({
      code: expect.stringMatching(/already_decided|superseded/),
    })
  })
})

describe('nobody decides', async () => {
  const bed = await startTestBed({
    mode: 'ask',
    decision_wait_seconds: 1,
    watch: { window_seconds: 1, auto_rollback_within_seconds: 3 },
  })

  it('is announced again, and the guard stops waiting', async () => {
    const { bad } = await goodThenBad(bed, 'expire')
    await bed.untilPhase(bad, 'ended')
    const told = await bed.context.control.db.prisma.announcements.findMany({
      where: { deployment_id: bad },
      orderBy: { created_at: 'asc' },
    })
    expect(told.map(({ kind }) => kind).slice(0, 2)).toEqual(['decision', 'decision_expired'])
    expect(await bed.status(bad)).toBe('in_progress')
  })
})

describe('mode observe', async () => {
  const bed = await startTestBed({ mode: 'observe' })

  it('says what would have happened and does nothing', async () => {
    const { bad } = await goodThenBad(bed, 'observe')
    await bed.untilPhase(bad, 'ended')
    expect((await bed.control.history({ limit: 10 })).rollbacks).toEqual([])
    const told = await bed.context.control.db.prisma.announcements.findMany({ where: { deployment_id: bad } })
    const detail = expect.stringMatching(/^mode is observe; the constitution would allow it, back to v1\S* \(commit /)
    expect(told).toMatchObject([
      { kind: 'observed', payload: { reason: expect.stringContaining('High error rate'), detail } },
    ])
    const { headline } = await bed.control.explainDeployment(bad)
    expect(headline).toContain('nothing was done: mode is observe; the constitution would allow it, back to v1')

    // No Discord is configured, so nothing waits for it; with one, the same is delivered.
    const { control } = bed.context
    const workflowOf = (row?: { announcement_id: string }) => control.temporal.state(`announce:${row?.announcement_id}`)
    expect(await workflowOf(told[0])).toBe('absent')
    expect(await control.db.prisma.outbox.count({ where: { delivered_at: null } })).toBe(0)
    const discord = { alert_channel_id: '12345', approver_role_ids: [], override_role_ids: [] }
    const config = fixedRomanConfig({ ...control.config.current(), discord })
    await tellOnce({ ...control, config }, bad, 'blind', 'Nothing can be read')
    const heard = await control.db.prisma.announcements.findFirstOrThrow({ where: { kind: 'blind' } })
    expect(await workflowOf(heard)).toBe('running')
    await bed.temporal.client.workflow.getHandle(`announce:${heard.announcement_id}`).terminate()
  })
})

describe('a refusal', async () => {
  const bed = await startTestBed({ watch: { window_seconds: 2 } })

  it('can be overridden by a new request that names it, on fresh evidence', async () => {
    const good = await bed.deploy('v1.0.0')
    await bed.untilStatus(good, 'success')
    const calm = await bed.deploy('v1.0.1')
    await bed.untilStatus(calm, 'success')
    // Nobody in particular asks, and the system is stable.
    const refused = await bed.control.executeRollback({ deployment_id: calm, trigger_reason: 'A feeling' }, CALL, {
      wait_ms: 15_000,
      signal: never,
    })
    expect(refused).toMatchObject({
      kind: 'rejected',
      body: { success: false, error: 'Constitutional validation failed', validation: { violated: ['stable_system'] } },
    })
    await expect(
      bed.control.override(refused.body.event_id, { reason: 'Trust me', violations: ['total_coherence'] }, CALL),
    ).rejects.toMatchObject({ code: 'override_incomplete' })
    const overridden = await bed.control.override(
      refused.body.event_id,
      { reason: 'Security hole', violations: ['stable_system'] },
      { ...CALL, idempotency_key: 'o-1' },
    )
    expect(overridden.event_id).not.toBe(refused.body.event_id)
    const again = await bed.control.override(
      refused.body.event_id,
      { reason: 'Security hole', violations: ['stable_system'] },
      { ...CALL, idempotency_key: 'o-1' },
    )
    expect(again.event_id).toBe(overridden.event_id)
    await bed.untilRollback(calm, ended)
    expect(await bed.control.showRollback(overridden.event_id)).toMatchObject({
      status: 'success',
      refused_event_id: refused.body.event_id,
    })
    const audit = await bed.context.control.db.prisma.roman_events.findMany({
      where: { event_type: 'constitutional_override' },
    })
    expect(audit).toMatchObject([
      { severity: 'critical', metadata: { violations: ['stable_system'], deployment_id: calm } },
    ])
  })
})

describe('an abort', async () => {
  const slow = await startTestBed({
    deployer: '{"type":"command","argv":["/bin/sleep","20"],"grace_seconds":1}',
    watch: { verify_seconds: 5 },
  })

  it('during the deploy cancels the deployer; the failing version stays live and is said to', async () => {
    const { bad } = await goodThenBad(slow, 'abort')
    const eventId = await slow.untilRollback(bad, ({ phase }) => phase === 'deploying')
    expect(await slow.control.abort(eventId, { reason: 'Wrong service' }, CALL)).toMatchObject({
      success: true,
      status: 'failed',
    })
    expect(await slow.control.showDeployment(bad)).toMatchObject({ status: 'failed', live: true })
    expect((await slow.control.showRollback(eventId)).detail).toContain('Aborted')
    await expect(slow.control.abort(eventId, { reason: 'Again' }, CALL)).rejects.toMatchObject({
      code: 'already_decided',
    })
  })

  const quick = await startTestBed({ watch: { verify_seconds: 5 } })
  it('is refused once the previous version is live', async () => {
    const { bad } = await goodThenBad(quick, 'late')
    const eventId = await quick.untilRollback(bad, ({ phase }) => phase === 'verifying')
    await expect(quick.control.abort(eventId, { reason: 'Too late' }, CALL)).rejects.toMatchObject({
      code: 'abort_too_late',
    })
    await quick.untilRollback(bad, ({ status }) => status === 'success')
  })
})

describe('an abort before the deploy', async () => {
  let open = (): void => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const bed = await startTestBed(
    {},
    {
      deployers: {
        of: () => ({
          type: 'gated',
          able: async () => {
            await gate
            return { able: true, detail: 'now' }
          },
          deploy: async () => {
            throw new Error('must not be dispatched')
          },
        }),
      },
    },
  )

  it('ends it aborted, with nothing dispatched and nothing undone', async () => {
    const { bad } = await goodThenBad(bed, 'early')
    const eventId = await bed.untilRollback(bad, ({ status }) => status === 'pending')
    await waitFor(
      async () =>
        (await bed.temporal.client.workflow.getHandle(rollbackWorkflowId(eventId)).describe()).status.name ===
        'RUNNING',
      { timeoutMs: 10_000, describe: 'the rollback to run' },
    )
    const aborting = bed.control.abort(eventId, { reason: 'Never mind' }, CALL)
    setTimeout(open, 200)
    expect(await aborting).toMatchObject({ status: 'aborted' })
    expect(await bed.control.showDeployment(bad)).toMatchObject({ status: 'in_progress', live: true })
  })
})
