import { waitFor } from '@roman/testing'
import { describe, expect, it } from 'vitest'
import { ended, startTestBed } from './test-bed.ts'

describe('one deployment, from record to proof', async () => {
  const bed = await startTestBed()

  it('makes a deployment known-good after a clean window, and rolls a bad one back to it', async () => {
    const good = await bed.deploy('v2.5.2')
    await bed.untilStatus(good, 'success')
    expect(await bed.control.showDeployment(good)).toMatchObject({
      health_check_passed: true,
      guard: { verdict: 'healthy' },
    })

    const bad = await bed.deploy('v2.5.3')
    await bed.fail('v2.5.3', 6)
    const eventId = await bed.untilRollback(bad, ended)
    const rollback = await bed.control.showRollback(eventId)
    expect(rollback).toMatchObject({
      status: 'success',
      trigger_type: 'automatic',
      trigger_reason: 'High error rate: 6 errors/minute',
      target_deployment: { deployment_id: good, version: 'v2.5.2' },
      validation: { compliant: true, violations: [] },
    })
    expect(rollback.steps.map(({ step, status }) => `${step} ${status}`)).toEqual([
      'validate_rollback completed',
      'create_snapshot completed',
      'claim_live completed',
      'deploy_previous_version started',
      'deploy_previous_version completed',
      'verify_health completed',
    ])
    const { deployment, pre_rollback, diff } = rollback.snapshots
    expect(deployment).toMatchObject({ snapshot_type: 'post_deployment' })
    expect(pre_rollback).toMatchObject({ snapshot_type: 'pre_rollback', snapshot_id: rollback.snapshot_id })
    expect(diff).toBe(`/v1/snapshots/${deployment!.snapshot_id}/diff/${rollback.snapshot_id}`)
    for (const length of Object.values(rollback.segments)) expect(length).toBeGreaterThanOrEqual(0)
    expect(await bed.status(bad)).toBe('rolled_back')
    const replacement = await bed.control.showDeployment(rollback.replacement_deployment_id!)
    expect(replacement).toMatchObject({
      status: 'success',
      live: true,
      version: 'v2.5.2',
      rollback_from: bad,
      health_check_passed: true,
    })
    await bed.untilPhase(bad, 'ended')

    // The audit trail of all this is sealed by the worker, and holds.
    const verified = () => bed.control.verifyAudit({})
    await waitFor(async () => (await verified()).unsealed === 0, { timeoutMs: 5_000, describe: 'the last seal' })
    expect(await verified()).toMatchObject({ valid: true, complete: true, findings: [] })
    expect((await bed.control.auditAnchor()).events).toBeGreaterThanOrEqual(10)
  })

  it('needs no snapshot to be rolled back', async () => {
    await bed.admin.query(
      `ALTER TABLE ops.system_snapshots ADD CONSTRAINT none CHECK (snapshot_type <> 'pre_rollback') NOT VALID`,
    )
    const bad = await bed.deploy('v2.5.4')
    await bed.fail('v2.5.4', 6)
    const rollback = await bed.control.showRollback(await bed.untilRollback(bad, ended))
    expect(rollback).toMatchObject({ status: 'success', snapshot_id: null, target_deployment: { version: 'v2.5.2' } })
    expect(rollback.steps.find(({ step }) => step === 'create_snapshot')).toMatchObject({
      status: 'warning',
      detail: expect.stringContaining('The rollback goes on without it'),
    })
  })
})
