import { randomUUID } from 'node:crypto'
import { brakeFor } from '@roman/control'
import { waitFor } from '@roman/testing'
import { describe, expect, it } from 'vitest'
import { sweep } from '../src/sweep.ts'
import { CALL, commitOf, ended, startTestBed } from './test-bed.ts'

describe('after the guard has ended', async () => {
  const bed = await startTestBed()

  it('the sweep goes on watching: a late breach is put to people, and one approval rolls back', async () => {
    const good = await bed.deploy('v1.0.0')
    await bed.untilStatus(good, 'success')
    const late = await bed.deploy('v1.0.1')
    await bed.untilPhase(late, 'ended')
    expect(await bed.status(late)).toBe('success')
    await bed.fail('v1.0.1', 10)
    await sweep(bed.context.control, bed.context.sources)
    // Ten errors a minute are not enough by themselves this late.
    expect((await bed.control.showDeployment(late)).guard?.decision).toBeNull()
    await bed.fail('v1.0.1', 20)
    await Promise.all([
      sweep(bed.context.control, bed.context.sources),
      sweep(bed.context.control, bed.context.sources),
    ])
    expect((await bed.control.showDeployment(late)).guard?.decision).toMatchObject({
      kind: 'late_breach',
      reason: 'High error rate: 30 errors/minute',
    })
    const told = await bed.context.control.db.prisma.announcements.count({
      where: { deployment_id: late, kind: 'decision' },
    })
    expect(told).toBe(1)
    const answer = await bed.control.approve(late, { reason: 'It is ours' }, CALL)
    await bed.untilRollback(late, ended)
    expect(await bed.control.showRollback(answer.event_id!)).toMatchObject({
      status: 'success',
      trigger_type: 'manual',
    })
  })
})

describe('a late breach with nothing to go back to', async () => {
  const bed = await startTestBed({ decision_wait_seconds: 300 }, { worker: false })
  const { db } = bed.context.control
  const sweepTwice = () =>
    Promise.all([sweep(bed.context.control, bed.context.sources), sweep(bed.context.control, bed.context.sources)])
  const told = (id: string) => db.prisma.announcements.findMany({ where: { deployment_id: id } })

  it('is told once in every wait, kept and on the audit trail; nobody is asked', async () => {
    const first = await bed.deploy('v1.0.0')
    await bed.admin.query(
      `WITH d AS (UPDATE ops.deployments SET status = 'success', health_check_passed = true, deployed_at = now() - interval '1 hour')
       UPDATE ops.guards SET phase = 'ended', ended_at = now()`,
    )
    // A question about an inconclusive watch is none about this.
    await db.prisma.decisions.create({
      data: {
        decision_id: crypto.randomUUID(),
        deployment_id: first,
        kind: 'verify',
        reason: 'Blind',
        expires_at: new Date(Date.now() + 3_600_000),
      },
    })
    await bed.fail('v1.0.0', 200)
    await sweepTwice()
    await sweepTwice()
    const reason = 'High error rate: 200 errors/minute'
    expect(await told(first)).toMatchObject([{ kind: 'late_breach', decision_id: null, payload: { reason } }])
    expect(await db.prisma.roman_events.findMany({ where: { event_type: 'health_breach' } })).toMatchObject([
      { severity: 'error', source: 'sweep', metadata: { deployment_id: first, health: { recent_errors: 200 } } },
    ])
    expect(await db.prisma.decisions.count({ where: { deployment_id: first, kind: { not: 'verify' } } })).toBe(0)
    const { guard } = await bed.control.showDeployment(first)
    expect(guard?.decision).toMatchObject({ kind: 'verify' })
    const samples = await db.prisma.health_samples.findMany({ where: { deployment_id: first } })
    // Two workers may each have kept theirs.
    expect(samples.length).toBeLessThan(3)
    expect(samples[0]).toMatchObject({ phase: 'sweep', state: 'breach', reason })

    // Time goes by, and it is still so.
    await bed.admin.query(
      `UPDATE ops.announcements SET created_at = now() - interval '301 seconds', dedupe_key = 'earlier'`,
    )
    await sweepTwice()
    expect(await told(first)).toHaveLength(2)
  })

  it('is asked about as soon as there is something', async () => {
    const [live] = await db.prisma.deployments.findMany()
    await bed.admin.query(
      `INSERT INTO ops.deployments (deployment_id, service, environment, version, git_commit, git_branch, status, health_check_passed, fence, policy, deployed_at)
       SELECT gen_random_uuid(), service, environment, 'v0', 'b7f3b29', git_branch, status, true, 0, policy, deployed_at - interval '1 hour' FROM ops.deployments`,
    )
    await sweepTwice()
    expect((await bed.control.showDeployment(live!.deployment_id)).guard?.decision).toMatchObject({
      kind: 'late_breach',
    })
    expect(await told(live!.deployment_id)).toHaveLength(3)
  })
})

describe('errors that come late', async () => {
  // More than two within two seconds are a breach.
  const bed = await startTestBed({
    services: ['checkout', 'storefront'],
    watch: { window_seconds: 7, auto_rollback_within_seconds: 8 },
    thresholds: { rate_window_seconds: 2, error_rate_per_minute: 60 },
  })
  const sentLate = async (service: string, count: number) => {
    const id = await bed.deploy('v1.0.1', { service })
    const { deployed_at: deployedAt } = await bed.control.showDeployment(id)
    const occurredAt = Date.parse(deployedAt!) + 300
    await waitFor(
      async () => {
        const { rows } = await bed.admin.query<{ now: Date }>('SELECT now() AS now')
        return rows[0]!.now.getTime() > occurredAt + 3_000
      },
      { timeoutMs: 10_000, describe: 'the moment of the errors to be over' },
    )
    await bed.fail('v1.0.1', count, { service, occurred_at: new Date(occurredAt).toISOString() })
    return { id, occurredAt }
  }

  it('re-judge the moments they touch: a breach that was over when it was told of is rolled back', async () => {
    await bed.deploy('v1.0.0', { service: 'storefront' })
    await bed.admin.query(`UPDATE ops.deployments SET status = 'success', health_check_passed = true`)
    // Two are no breach, however late.
    const [calm, bad] = await Promise.all([sentLate('checkout', 2), sentLate('storefront', 3)])
    const rollback = await bed.control.showRollback(await bed.untilRollback(bad.id, ended))
    expect(rollback).toMatchObject({
      status: 'success',
      trigger_type: 'automatic',
      trigger_reason: 'High error rate: 90 errors/minute',
    })
    const { rows } = await bed.admin.query<{ sampled_at: Date }>(
      `SELECT sampled_at FROM ops.health_samples WHERE deployment_id = $1 AND state = 'breach'`,
      [bad.id],
    )
    for (const { sampled_at } of rows) expect(sampled_at.getTime()).toBeLessThan(bad.occurredAt + 2_000)
    expect(rows).not.toEqual([])
    await bed.untilStatus(calm.id, 'success')
  })
})

describe('a deployment that declares what breaks a law', async () => {
  const bed = await startTestBed({ watch: { window_seconds: 30 } })

  it('is rolled back for it, with no error at all', async () => {
    const good = await bed.deploy('v1.0.0')
    await bed.control.showDeployment(good)
    await bed.context.control.db.pool.query(`UPDATE ops.deployments SET status = 'success', health_check_passed = true`)
    const bad = await bed.deploy('v1.0.1', {
      action_profile: {
        method_type: 'brute_force',
        risk_to_life: 0.5,
        entropy_increase: 0,
        geometric_ratio: 1.618,
        target_frequency: 0,
        description: 'Drop a table',
      },
    })
    const eventId = await bed.untilRollback(bad, ended)
    expect(await bed.control.showRollback(eventId)).toMatchObject({
      status: 'success',
      trigger_type: 'constitutional_violation',
    })
  })
})

describe('recording', async () => {
  const bed = await startTestBed({}, { worker: false })

  it('answers the same to the same deployment, and names the field that differs', async () => {
    const deployment = {
      deployment_id: crypto.randomUUID(),
      environment: 'production',
      version: 'v1.0.0',
      git_commit: 'a7f3b29',
      git_branch: 'main',
      status: 'in_progress' as const,
    }
    const first = await bed.control.recordDeployment(deployment, CALL)
    const second = await bed.control.recordDeployment(deployment, CALL)
    expect(first.created).toBe(true)
    expect(second).toEqual({ created: false, body: first.body })
    await expect(bed.control.recordDeployment({ ...deployment, version: 'v1.0.1' }, CALL)).rejects.toMatchObject({
      code: 'deployment_conflict',
      details: { fields: ['version'] },
    })
    await expect(bed.control.recordDeployment({ ...deployment, environment: 'moon' }, CALL)).rejects.toMatchObject({
      code: 'unknown_environment',
    })
    await expect(bed.control.recordDeployment({ ...deployment, service: 'nobody' }, CALL)).rejects.toMatchObject({
      code: 'unknown_service',
    })
  })

  it('keeps the good rows of a batch and names the bad ones', async () => {
    const answer = await bed.control.ingestErrors([
      { environment: 'production', severity: 'error', message: 'good', idempotency_key: 'k1' },
      { environment: 'production', severity: 'dreadful', message: 'bad' },
      { environment: 'moon', severity: 'error', message: 'bad' },
      { environment: 'production', severity: 'error', message: 'again', idempotency_key: 'k1' },
      { environment: 'production', severity: 'error', message: 'nul', metadata: { text: 'a\u0000b' } },
      'nonsense',
    ])
    expect(answer).toMatchObject({
      accepted: 2,
      duplicates: 1,
      rejected: [{ index: 1 }, { index: 2 }, { index: 4 }, { index: 5 }],
    })
    expect(answer.rejected[0]?.error).toContain('severity')
  })

  it('lets the same key ask once only, and another request with it clash', async () => {
    const live = await bed.deploy('v2.0.0')
    const ask = (reason: string) =>
      bed.control.executeRollback(
        { deployment_id: live, trigger_reason: reason },
        { ...CALL, idempotency_key: 'once' },
        { wait_ms: 0, signal: new AbortController().signal },
      )
    const first = await ask('a')
    expect((await ask('a')).body).toMatchObject({ event_id: first.body.event_id, deduplicated: true })
    await expect(ask('b')).rejects.toMatchObject({ code: 'idempotency_conflict' })
  })
})

describe('a freeze', async () => {
  const bed = await startTestBed({ watch: { window_seconds: 3 } })

  it('refuses intents and makes an automatic rollback ask; people can still act, and unfreezing ends it', async () => {
    const good = await bed.deploy('v1.0.0')
    await bed.untilStatus(good, 'success')
    const bad = await bed.deploy('v1.0.1')
    const frozen = await bed.control.freeze({ environment: 'production', reason: 'Black Friday' }, CALL)
    expect(frozen.created).toBe(true)
    expect(frozen.body.warnings).toEqual([expect.stringContaining('people can still roll back')])
    expect(await bed.control.freeze({ environment: 'production', reason: 'Again' }, CALL)).toEqual({
      created: false,
      body: { ...frozen.body, warnings: [expect.stringContaining('by service key since')] },
    })
    await expect(bed.control.freeze({ environment: 'produktion', reason: 'Typo' }, CALL)).rejects.toMatchObject({
      code: 'unknown_environment',
    })
    await expect(bed.deploy('v1.0.2', { status: 'pending' })).rejects.toMatchObject({ code: 'environment_frozen' })

    await bed.fail('v1.0.1', 6)
    await bed.untilPhase(bad, 'waiting')
    const asked = await bed.context.control.db.prisma.announcements.findFirstOrThrow({ where: { kind: 'decision' } })
    const why = `automatic rollbacks are frozen by service key since ${frozen.body.frozen_at}: Black Friday; the constitution would allow it, back to v1.0.0 (commit ${commitOf('v1.0.0')})`
    expect(asked.payload).toMatchObject({ detail: why })
    expect((await bed.control.explainDeployment(bad)).headline).toContain(
      `people were asked, who have not answered yet: ${why}`,
    )
    const answer = await bed.control.approve(bad, { reason: 'Do it all the same' }, CALL)
    await bed.untilRollback(bad, ({ event_id, status }) => event_id === answer.event_id && status === 'success')

    expect(await bed.control.unfreeze({ environment: 'production', reason: 'Over' }, CALL)).toEqual({
      success: true,
      unfrozen: 1,
      warnings: [expect.stringContaining('only later breaches act by themselves')],
    })
    expect(await bed.control.unfreeze({ environment: 'production', reason: 'Over' }, CALL)).toMatchObject({
      unfrozen: 0,
    })
    expect(await bed.control.listFreezes()).toEqual({ freezes: [] })
    await bed.deploy('v1.0.3', { status: 'pending' })
  })

  it('is not the only brake: services that break together are named, and people asked for a shared cause', async () => {
    const { db } = bed.context.control
    const place = { environment: 'canary', git_commit: 'a7f3b29', git_branch: 'main', version: 'v1' }
    const rows = await Promise.all(
      ['web', 'api', 'shop'].map(async (service, index) => {
        const { deployment_id } = await db.prisma.deployments.create({
          data: {
            ...place,
            service,
            deployment_id: randomUUID(),
            // Guarded no more, so that nobody but this test judges it.
            status: 'success',
            fence: index + 1,
            policy: { mode: 'auto' },
          },
        })
        // One of them was rolled back already: what they share is still in breach.
        if (service !== 'web') {
          await db.prisma.live.create({
            data: { service, environment: 'canary', deployment_id, fence: index + 1, last_fence: index + 1 },
          })
        }
        await db.prisma.guard_verdicts.create({
          data: { deployment_id, phase: 'window', verdict: 'breach', reason: 'High error rate: 6 errors/minute' },
        })
        return db.prisma.deployments.findUniqueOrThrow({ where: { deployment_id } })
      }),
    )
    expect(await brakeFor(bed.context.control, rows[0]!, { late: false })).toEqual({
      action: 'ask',
      reason: '3 services are in breach together (api, shop, web): shared cause?',
    })
  })

  it('has a cap that counts what nobody asked for, whatever it was for, and nothing that was refused', async () => {
    const { db } = bed.context.control
    const deployment = await db.prisma.deployments.create({
      data: {
        service: 'capped',
        environment: 'capped',
        version: 'v1',
        git_commit: 'a7f3b29',
        git_branch: 'main',
        deployment_id: randomUUID(),
        status: 'success',
        fence: 1,
        policy: { mode: 'auto', rollbacks_per_hour: 2 },
      },
    })
    const rolledBack = (trigger_type: string, status: string, idempotency_key: string) =>
      db.prisma.rollback_events.create({
        data: {
          event_id: randomUUID(),
          service: 'capped',
          environment: 'capped',
          trigger_type,
          trigger_reason: 'r',
          status,
          idempotency_key,
          completed_at: new Date(),
        },
      })
    const action = async () => (await brakeFor(bed.context.control, deployment, { late: false })).action
    await rolledBack('automatic', 'aborted', `auto:${randomUUID()}`)
    // A person's override of an automatic one.
    await rolledBack('automatic', 'success', `override:${randomUUID()}`)
    await rolledBack('constitutional_violation', 'success', `auto:${randomUUID()}`)
    expect(await action()).toBe('auto')
    await rolledBack('automatic', 'failed', `auto:${randomUUID()}`)
    expect(await action()).toBe('ask')
  })
})
