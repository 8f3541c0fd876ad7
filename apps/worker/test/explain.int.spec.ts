import { blindSample, keepSamples } from '@roman/control'
import { waitFor } from '@roman/testing'
import { describe, expect, it } from 'vitest'
import { CALL, ended, startTestBed } from './test-bed.ts'

describe('afterwards', async () => {
  const bed = await startTestBed({ watch: { window_seconds: 2 } })

  it('explains why, tries other rules over the past, and shows how noisy the rules are', async () => {
    const good = await bed.deploy('v1.0.0')
    await bed.untilStatus(good, 'success')
    // The standby's first sample is kept; after it none comes between those that are made up below.
    const standby = { deployment_id: good, phase: 'standby' }
    await waitFor(() => bed.context.control.db.prisma.health_samples.count({ where: standby }), {
      timeoutMs: 10_000,
      describe: 'a sample of the standby',
    })
    const bad = await bed.deploy('v1.0.1')
    await bed.fail('v1.0.1', 7)
    const eventId = await bed.untilRollback(bad, ended)
    await bed.untilPhase(bad, 'ended')

    const why = await bed.control.explainRollback(eventId)
    expect(why).toMatchObject({ deployment_id: bad, outcome: 'rolled_back' })
    expect(why.headline).toBe(
      'storefront v1.0.1 in production was rolled back to v1.0.0: High error rate: 7 errors/minute',
    )
    expect(why.rules[0]).toContain('More than 5 errors a minute')
    const lines = why.lines.map(({ text }) => text).join('\n')
    expect(lines).toContain('Verdict of the window: breach. High error rate: 7 errors/minute')
    expect(lines).toContain('The rule: error_rate_per_minute was 7, the threshold is 5')
    expect(lines).toContain('Law of Inhabitance: upheld')
    expect(lines).toContain('Snapshot taken. Since the deployment began: nothing is different')
    expect(lines).toContain('succeeded')
    expect(await bed.control.explainDeployment(good)).toMatchObject({ outcome: 'not_rolled_back' })
    expect(await bed.control.explainRollback(eventId.slice(0, 9))).toEqual(why)

    await bed.control.label(bad, { label: 'right' }, CALL)
    await bed.control.label(good, { label: 'right', reason: 'It was fine' }, CALL)
    const same = await bed.control.backtest({ environment: 'production', since_days: 1, thresholds: {}, watch: {} })
    expect(same).toMatchObject({
      deployments: 2,
      more: [],
      fewer: [],
      today: { rollbacks: 1, labelled: 2, precision: 1, recall: 1 },
    })
    const blunter = await bed.control.backtest({
      environment: 'production',
      since_days: 1,
      thresholds: { error_rate_per_minute: 10 },
      watch: { window_seconds: 60 },
    })
    // Its rollback came first: what it would have done further, nobody knows.
    expect(blunter).toMatchObject({ fewer: [], unknown: [bad], proposed: { rollbacks: 0, labelled: 1, recall: null } })

    // Errors of the good one's last moment, and the traffic of that moment.
    const { replaced_at } = await bed.context.control.db.prisma.deployments.findUniqueOrThrow({
      where: { deployment_id: good },
    })
    const last = (ms: number) => new Date(replaced_at!.getTime() - ms)
    await bed.fail('v1.0.0', 7, { occurred_at: last(2).toISOString() })
    const sample = { ...blindSample(last(3)), recent_errors: 0, unavailable: [], requests_per_minute: 99 }
    const kept = { deployment_id: good, phase: 'window', state: 'healthy', reason: 'System healthy', sample }
    await keepSamples(bed.context.control, [kept])
    const from = (min_requests: number) =>
      bed.control.backtest({
        environment: 'production',
        since_days: 1,
        thresholds: { min_requests },
        watch: { window_seconds: 60 },
      })
    const told = ['Not enough data for min_requests: of 1 of 2 deployments no traffic is stored']
    expect(await from(100)).toMatchObject({ more: [], unknown: [bad], not_enough_data: told })
    expect(await from(50)).toMatchObject({ more: [good], unknown: [bad] })

    const noise = await bed.control.thresholds({ environment: 'production', errors_per_minute: 3 })
    expect(noise.rules.length).toBeGreaterThan(3)
    expect(noise.noise.map(({ signal }) => signal)).toEqual(['error_rate_per_minute', 'recent_errors'])
    expect((await bed.control.thresholds({ environment: 'production' })).errors_per_minute).toBeGreaterThanOrEqual(0)
  })

  it('finds a rollback by the beginning of its event id, and says what to give where it cannot', async () => {
    const [one, other] = ['0badcafe-0000-4000-8000-000000000001', '0badcafe-1000-4000-8000-000000000002']
    const place = { service: 'storefront', environment: 'production' }
    for (const event_id of [one, other]) {
      await bed.context.control.db.prisma.rollback_events.create({
        data: { ...place, event_id, trigger_type: 'manual', trigger_reason: 'Feature bug', status: 'aborted' },
      })
    }
    expect(await bed.control.showRollback('0badcafe-1')).toMatchObject({ event_id: other })
    expect(await bed.control.showRollback(one.toUpperCase())).toMatchObject({ event_id: one })
    await expect(bed.control.abort('0BADCAFE', { reason: 'Stop' }, CALL)).rejects.toMatchObject({
      code: 'ambiguous_rollback',
      details: { candidates: [{ event_id: one }, { event_id: other }] },
    })
    for (const ref of ['nope', '0badcafe0', '0ba', crypto.randomUUID()]) {
      await expect(bed.control.abort(ref, { reason: 'Stop' }, CALL)).rejects.toMatchObject({
        code: 'rollback_not_found',
        message: expect.stringMatching(/Give its event id, .*"roman history"/),
      })
    }
  })
})
