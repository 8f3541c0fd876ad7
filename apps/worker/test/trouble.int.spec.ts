import { guardWorkflowId } from '@roman/contracts'
import { createControl, openControl, reconcile } from '@roman/control'
import { freePort, startTemporal } from '@roman/local-stack'
import { createLogger, fixedRomanConfig, parseRomanConfig } from '@roman/runtime'
import { waitFor } from '@roman/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { CALL, ended, romanYaml, startTestBed, testEnv } from './test-bed.ts'

const never = new AbortController().signal

describe('a health source that cannot be read', async () => {
  const bed = await startTestBed({ watch: { window_seconds: 3 } })
  const pool = bed.admin

  it('never triggers a rollback and never makes a known-good', async () => {
    await pool.query('ALTER TABLE ops.system_logs RENAME TO system_logs_away')
    const id = await bed.deploy('v1.0.0')
    const unseen = async (): Promise<boolean> => {
      const { rows } = await pool.query(
        `SELECT FROM ops.deployments d JOIN ops.health_samples s USING (deployment_id)
         WHERE s.state = 'unknown' AND clock_timestamp() > d.deployed_at + interval '3.5 seconds'`,
      )
      return rows.length > 0
    }
    // Also by the guard: what nobody has watched is made up for from the log, once it is back.
    await waitFor(unseen, { timeoutMs: 15_000, describe: 'the window to be over, unseen' })
    await pool.query('ALTER TABLE ops.system_logs_away RENAME TO system_logs')
    await bed.untilPhase(id, 'ended')
    const view = await bed.control.showDeployment(id)
    expect(view).toMatchObject({
      status: 'in_progress',
      health_check_passed: false,
      guard: { verdict: 'inconclusive' },
    })
    expect((await bed.control.history({ limit: 5 })).rollbacks).toEqual([])
  })
})

describe('a fix that goes live while a rollback is being decided', async () => {
  let open = (): void => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  let dispatched = 0
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
            dispatched += 1
            return { outcome: 'live', run: null, output_tail: null }
          },
        }),
      },
    },
  )

  it('stays: nothing is undone', async () => {
    const good = await bed.deploy('v1.0.0')
    await bed.untilStatus(good, 'success')
    const bad = await bed.deploy('v1.0.1')
    await bed.fail('v1.0.1', 6)
    const eventId = await bed.untilRollback(bad, ({ status }) => status === 'pending')
    const fix = await bed.deploy('v1.0.2')
    expect(await bed.control.showDeployment(fix)).toMatchObject({ live: true, unfenced: true })
    open()
    await bed.untilRollback(bad, ended)
    expect(await bed.control.showRollback(eventId)).toMatchObject({
      status: 'aborted',
      detail: expect.stringContaining('is not live'),
      replacement_deployment_id: null,
    })
    expect(dispatched).toBe(0)
    expect(await bed.control.showDeployment(fix)).toMatchObject({ live: true })
    expect(await bed.status(bad)).toBe('in_progress')
  })
})

describe('Temporal away', async () => {
  const { env } = await testEnv()
  const port = await freePort()
  const away = { ...env, temporal: { ...env.temporal, address: `127.0.0.1:${port}` } }
  const config = fixedRomanConfig(parseRomanConfig(romanYaml(), 'roman.yaml'))
  const opened = await openControl(away, config, createLogger('test', 'fatal'), {
    name: 'test',
    needsTemporal: false,
  })
  afterAll(() => opened.close())
  const control = createControl(opened.context)

  it('records and accepts rollbacks as queued, and starts them when it is back', { timeout: 60_000 }, async () => {
    const recorded = await control.recordDeployment(
      {
        environment: 'production',
        version: 'v1.0.0',
        git_commit: 'a7f3b29',
        git_branch: 'main',
        status: 'in_progress',
      },
      CALL,
    )
    expect(recorded).toMatchObject({ created: true, body: { phase: 'queued', status: 'in_progress' } })
    const id = recorded.body.deployment_id
    const asked = await control.executeRollback({ deployment_id: id, trigger_reason: 'Bad' }, CALL, {
      wait_ms: 100,
      signal: never,
    })
    expect(asked).toMatchObject({ kind: 'running', body: { phase: 'queued', status: 'pending' } })
    await expect(control.abort(asked.body.event_id, { reason: 'x' }, CALL)).rejects.toMatchObject({
      code: 'temporal_unavailable',
    })
    // Nothing is concluded from Temporal being away.
    await reconcile(opened.context).catch(() => {})
    expect(await control.showRollback(asked.body.event_id)).toMatchObject({ status: 'pending' })

    const temporal = await startTemporal({ port, uiPort: false, env: process.env })
    try {
      await waitFor(
        async () => {
          await reconcile(opened.context).catch(() => {})
          return (await opened.context.db.prisma.outbox.count({ where: { delivered_at: null } })) === 0
        },
        { timeoutMs: 30_000, describe: 'the outbox to be delivered' },
      )
      expect(await opened.context.temporal.state(guardWorkflowId(id))).toBe('running')
      // Known to Temporal, so not orphaned.
      await reconcile(opened.context)
      expect(await control.showRollback(asked.body.event_id)).toMatchObject({ status: 'pending' })
      // A rollback that Temporal says it never heard of, after it was delivered, is.
      await opened.context.db.pool.query(
        `UPDATE ops.outbox SET key = 'rollback:' || gen_random_uuid() WHERE key = $1`,
        [`rollback:${asked.body.event_id}`],
      )
      const lost = crypto.randomUUID()
      await opened.context.db.pool.query(`UPDATE ops.rollback_events SET event_id = $1 WHERE event_id = $2`, [
        lost,
        asked.body.event_id,
      ])
      await opened.context.db.pool.query(
        `INSERT INTO ops.outbox (kind, key, payload, delivered_at) VALUES ('rollback', $1, '{}', now())`,
        [`rollback:${lost}`],
      )
      await reconcile(opened.context)
      expect(await control.showRollback(lost)).toMatchObject({
        status: 'failed',
        detail: expect.stringContaining('Orphaned'),
      })
    } finally {
      await temporal.stop()
    }
  })
})
