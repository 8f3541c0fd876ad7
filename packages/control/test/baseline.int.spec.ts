import { testDatabase } from '@roman/testing'
import { describe, expect, it } from 'vitest'
import { CALL, openTestControl } from './open-control.ts'

const MINUTE = 60_000

describe('the health before a deployment', async () => {
  const { url } = await testDatabase()
  const { control, opened } = await openTestControl(url)
  const { pool } = opened.context.db
  const record = async (version: string, status: 'pending' | 'in_progress') =>
    (
      await control.recordDeployment(
        { environment: 'production', version, git_commit: `${version}abcdef`, git_branch: 'main', status },
        CALL,
      )
    ).body
  /** Errors a while ago, at a time when what is live was live. */
  const errorsAgo = async (ms: number, count: number) => {
    await pool.query(`UPDATE ops.deployments SET deployed_at = now() - interval '1 day' WHERE status = 'in_progress'`)
    await pool.query(
      `INSERT INTO ops.system_logs (service, environment, severity, message, occurred_at)
       SELECT 'storefront', 'production', 'error', 'm', now() - $1 * interval '1 millisecond' FROM generate_series(1, $2)`,
      [ms, count],
    )
  }
  const baselineOf = async (deploymentId: string) => {
    const { rows } = await pool.query('SELECT baseline FROM ops.deployments WHERE deployment_id = $1', [deploymentId])
    return rows[0].baseline?.in_breach ?? null
  }
  const said = 'In breach before this deployment: error_rate_per_minute. It is not blamed'

  it('is kept with all else of the state before, when an intent is answered', async () => {
    const { deployment_id } = await record('v0', 'pending')
    const kept = await pool.query('SELECT snapshot_type FROM ops.system_snapshots WHERE deployment_id = $1', [
      deployment_id,
    ])
    expect(kept.rows).toEqual([{ snapshot_type: 'pre_deployment' }])
  })

  it('is that of the five minutes before an intent', async () => {
    const first = await record('v1', 'in_progress')
    expect(await baselineOf(first.deployment_id)).toBeNull()
    const calm = await record('v2', 'pending')
    expect(await baselineOf(calm.deployment_id)).toEqual([])
    expect(calm.warnings).toEqual([])
    await errorsAgo(4.5 * MINUTE, 6)
    const red = await record('v3', 'pending')
    expect(await baselineOf(red.deployment_id)).toEqual(['error_rate_per_minute'])
    expect(red.warnings).toEqual([expect.stringContaining(said)])
  })

  it('is none of what a version that is live already may have broken itself', async () => {
    await errorsAgo(MINUTE / 2, 6)
    await errorsAgo(8 * MINUTE, 6)
    await pool.query(
      'DELETE FROM ops.system_logs WHERE occurred_at BETWEEN now() - $1::interval AND now() - $2::interval',
      ['7 minutes', '1 minute'],
    )
    const own = await record('v4', 'in_progress')
    expect(await baselineOf(own.deployment_id)).toEqual([])
    await errorsAgo(3 * MINUTE, 6)
    const fix = await record('v5', 'in_progress')
    expect(await baselineOf(fix.deployment_id)).toEqual(['error_rate_per_minute'])
    expect(fix.warnings).toEqual([expect.stringContaining(said)])
  })
})
