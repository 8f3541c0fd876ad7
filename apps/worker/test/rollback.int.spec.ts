import { waitFor } from '@roman/testing'
import { describe, expect, it } from 'vitest'
import { CALL, commitOf, ended, startTestBed } from './test-bed.ts'

describe('a rollback that cannot help', async () => {
  const bed = await startTestBed()

  it('says that there is no target, and asks nobody to override that', async () => {
    const first = await bed.deploy('v1.0.0')
    await bed.fail('v1.0.0', 6)
    const eventId = await bed.untilRollback(first, ended)
    const rollback = await bed.control.showRollback(eventId)
    expect(rollback).toMatchObject({ status: 'aborted', validation: { compliant: false, violated: ['no_target'] } })
    await bed.untilPhase(first, 'ended')
    expect((await bed.control.showDeployment(first)).guard).toMatchObject({ decision: null })

    const asked = await bed.control.executeRollback({ deployment_id: first, trigger_reason: 'Please' }, CALL, {
      wait_ms: 10_000,
      signal: new AbortController().signal,
    })
    expect(asked.kind).toBe('no_target')
    expect(asked.body).toMatchObject({
      success: false,
      code: 'no_valid_target',
      error: expect.stringMatching(/^No valid rollback target found/),
    })
    expect(asked.body.event_id).toMatch(/-/)
  })
})

describe('with evidence: sequential', async () => {
  const bed = await startTestBed({
    thresholds: { evidence: 'sequential', error_rate_per_minute: 20, recent_errors: 100 },
    watch: { window_seconds: 3 },
  })

  it('errors that prove a rate above the threshold are rolled back, though none of the counts is above', async () => {
    const good = await bed.deploy('v1.0.0')
    await bed.untilStatus(good, 'success')
    const bad = await bed.deploy('v1.0.1')
    await bed.fail('v1.0.1', 20)
    const eventId = await bed.untilRollback(bad, ended)
    expect(await bed.control.showRollback(eventId)).toMatchObject({
      status: 'success',
      trigger_reason: 'High error rate: proved above 20 errors/minute (false alarm at most 1%)',
    })
  })
})

describe('a rollback that does not help', async () => {
  const bed = await startTestBed({ watch: { verify_seconds: 1, verify_deadline_seconds: 2 } })

  it('is unhealthy, stays live as failed, and is never rolled back again by itself', async () => {
    const good = await bed.deploy('v1.0.0')
    await bed.untilStatus(good, 'success')
    const bad = await bed.deploy('v1.0.1')
    await bed.fail('v1.0.1', 6)
    const eventId = await bed.untilRollback(bad, ({ phase }) => phase === 'verifying' || phase === 'ended')
    await bed.fail('v1.0.0', 10)
    await bed.untilRollback(bad, ended)
    const rollback = await bed.control.showRollback(eventId)
    expect(rollback).toMatchObject({ status: 'failed', detail: expect.stringContaining('The rollback did not help') })
    expect(await bed.control.showDeployment(rollback.replacement_deployment_id!)).toMatchObject({
      status: 'failed',
      live: true,
      health_check_passed: false,
    })
    expect(await bed.status(bad)).toBe('rolled_back')
    const events = await bed.control.history({ limit: 50 })
    expect(events.rollbacks).toHaveLength(1)
  })
})

describe('a deploy that fails', async () => {
  const bed = await startTestBed({
    deployer: JSON.stringify({
      type: 'command',
      argv: ['/bin/sh', '-c', 'echo "no such image at https://ci:$PULL_TOKEN@registry" >&2; exit 3'],
      env: { PULL_TOKEN: 'hunter2' },
    }),
  })

  it('leaves the failing deployment live, says so without secrets, and allows a new request', async () => {
    const good = await bed.deploy('v1.0.0')
    await bed.untilStatus(good, 'success')
    const bad = await bed.deploy('v1.0.1')
    await bed.fail('v1.0.1', 6)
    const eventId = await bed.untilRollback(bad, ended)
    const rollback = await bed.control.showRollback(eventId)
    expect(rollback).toMatchObject({
      status: 'failed',
      detail: expect.stringContaining('no such image at https://[redacted]@registry'),
    })
    const { rows } = await bed.admin.query(
      `SELECT r::text || (SELECT string_agg(e::text, '') FROM ops.roman_events e) AS kept
       FROM ops.rollback_events r WHERE event_id = $1`,
      [eventId],
    )
    expect(rows[0].kept).toContain('PULL_TOKEN')
    expect(rows[0].kept).not.toContain('hunter2')
    expect(await bed.control.showDeployment(bad)).toMatchObject({ status: 'failed', live: true })
    expect(await bed.status(rollback.replacement_deployment_id!)).toBe('failed')
    const holds = await bed.context.control.db.prisma.quarantine.findMany({ where: { event_id: eventId } })
    expect(holds.map(({ status }) => status)).toEqual(['released'])

    const again = await bed.control.executeRollback({ deployment_id: bad, trigger_reason: 'Once more' }, CALL, {
      wait_ms: 15_000,
      signal: new AbortController().signal,
    })
    expect(again.kind).toBe('failed')
    expect(again.body.event_id).not.toBe(eventId)
  })
})

describe('many who ask at once', async () => {
  const bed = await startTestBed()

  it('get one rollback', async () => {
    const good = await bed.deploy('v1.0.0')
    await bed.untilStatus(good, 'success')
    const bad = await bed.deploy('v1.0.1')
    const user = crypto.randomUUID()
    await bed.admin.query('INSERT INTO auth.users (id) VALUES ($1)', [user])
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        bed.control.executeRollback(
          { deployment_id: bad, trigger_reason: 'Critical bug in payment flow', initiated_by: user },
          { actor: { kind: 'service_key', user_id: user }, idempotency_key: null },
          { wait_ms: 20_000, signal: new AbortController().signal },
        ),
      ),
    )
    expect(new Set(answers.map(({ body }) => body.event_id)).size).toBe(1)
    expect(answers.map(({ kind }) => kind)).toEqual(Array(20).fill('verified'))
    expect(answers.filter(({ body }) => body.deduplicated)).toHaveLength(19)
    expect((await bed.control.history({ limit: 50 })).rollbacks).toHaveLength(1)
    const replacements = await bed.context.control.db.prisma.deployments.count({ where: { rollback_from: bad } })
    expect(replacements).toBe(1)
  })
})

describe('a newer deployment', async () => {
  const bed = await startTestBed({ watch: { window_seconds: 30 } })

  it('supersedes the guard of the older one', async () => {
    const first = await bed.deploy('v1.0.0')
    await bed.untilPhase(first, 'watching')
    const second = await bed.deploy('v1.0.1')
    await bed.untilPhase(first, 'ended')
    expect(await bed.control.showDeployment(first)).toMatchObject({
      live: false,
      status: 'in_progress',
      guard: { verdict: 'superseded' },
    })
    expect(await bed.control.showDeployment(second)).toMatchObject({ live: true })
    await expect(
      bed.control.executeRollback({ deployment_id: first, trigger_reason: 'x' }, CALL, {
        wait_ms: 0,
        signal: new AbortController().signal,
      }),
    ).rejects.toMatchObject({ code: 'deployment_not_live', details: { live: { deployment_id: second } } })
  })
})

describe('errors of another build', async () => {
  const bed = await startTestBed({ watch: { window_seconds: 2 } })

  it('do not count', async () => {
    const good = await bed.deploy('v1.0.0')
    await bed.untilPhase(good, 'watching')
    await bed.fail('v0.9.9', 40)
    await bed.fail('v1.0.0', 40, { deployment_id: crypto.randomUUID() })
    await bed.untilStatus(good, 'success')
    expect((await bed.control.showDeployment(good)).health).toMatchObject({
      error_rate_per_minute: 0,
      recent_errors: 0,
    })
  })
})

describe('a window with a few errors', async () => {
  const bed = await startTestBed({ watch: { window_seconds: 2, auto_rollback_within_seconds: 60 } })

  it('is inconclusive: people are asked, and a person can mark it verified', async () => {
    const id = await bed.deploy('v1.0.0')
    await bed.untilPhase(id, 'watching')
    await bed.fail('v1.0.0', 5)
    await bed.untilPhase(id, 'standing_by')
    expect(await bed.control.showDeployment(id)).toMatchObject({
      status: 'in_progress',
      health_check_passed: false,
      guard: { verdict: 'inconclusive', decision: { kind: 'verify' } },
    })
    expect(await bed.control.verify(id, { reason: 'Known test traffic' }, CALL)).toMatchObject({ status: 'success' })
    expect(await bed.control.showDeployment(id)).toMatchObject({ status: 'success', health_check_passed: true })
    const told = await bed.context.control.db.prisma.announcements.findMany({ where: { deployment_id: id } })
    expect(told.map(({ kind }) => kind)).toEqual(['inconclusive'])
  })
})

describe('two-step recording', async () => {
  const bed = await startTestBed({ watch: { window_seconds: 30 } })

  it('refuses the intent to deploy a quarantined commit, and accepts, flags and guards the fact', async () => {
    const { db } = bed.context.control
    const place = { service: 'storefront', environment: 'production' }
    const event_id = crypto.randomUUID()
    await db.prisma.rollback_events.create({
      data: { ...place, event_id, trigger_type: 'automatic', trigger_reason: 'Bad', status: 'success' },
    })
    await db.prisma.quarantine.create({
      data: { ...place, git_commit: commitOf('v6.6.6'), status: 'quarantined', event_id },
    })
    await expect(bed.deploy('v6.6.6', { status: 'pending' })).rejects.toMatchObject({ code: 'commit_quarantined' })
    const id = await bed.deploy('v6.6.6')
    expect(await bed.control.showDeployment(id)).toMatchObject({ live: true, unfenced: true })
    await bed.untilPhase(id, 'watching')
    await waitFor(
      async () => (await db.prisma.announcements.count({ where: { deployment_id: id, kind: 'unfenced' } })) === 1,
      {
        timeoutMs: 5_000,
        describe: 'the announcement',
      },
    )
  })

  it('flags an older intent that goes live after a newer one', async () => {
    const older = await bed.deploy('v1.1.0', { status: 'pending' })
    const newer = await bed.deploy('v1.2.0')
    const late = await bed.control.changeDeployment(older, { status: 'in_progress' }, CALL)
    expect(late).toMatchObject({ unfenced: true, status: 'in_progress' })
    expect(await bed.control.showDeployment(newer)).toMatchObject({ live: false })
  })
})
