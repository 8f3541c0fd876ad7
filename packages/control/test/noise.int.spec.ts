import { DEFAULT_POLICY } from '@roman/constitution'
import type { Logger } from '@roman/runtime'
import { testDatabase } from '@roman/testing'
import { describe, expect, it } from 'vitest'
import { warnOfNoise } from '../src/index.ts'
import { CALL, openTestControl } from './open-control.ts'

const YAML = `
services:
  shop:
    environments:
      production: { deployer: { type: command, argv: ["true"] } }
      preview: { deployer: { type: command, argv: ["true"] }, thresholds: { min_requests: 50 } }
      canary: { deployer: { type: command, argv: ["true"] }, thresholds: { evidence: sequential } }`

describe('rules that would cry wolf at what known-good deployments live with', async () => {
  const { url } = await testDatabase()
  const { control, opened } = await openTestControl(url, YAML)
  const { context } = opened
  const { pool } = context.db

  /** A day of three errors a minute, and one hour in which much more went wrong. */
  const liveWith = async (environment: string): Promise<string> => {
    const id = crypto.randomUUID()
    await pool.query(
      `INSERT INTO ops.deployments (deployment_id, service, environment, version, git_commit, git_branch, status, health_check_passed, fence, policy, deployed_at)
       VALUES ($1, 'shop', $2, 'v1', 'a7f3b29', 'main', 'success', true, 1, $3, now() - interval '24 hours')`,
      [id, environment, DEFAULT_POLICY],
    )
    await pool.query(
      `INSERT INTO ops.system_logs (service, environment, severity, message, occurred_at)
       SELECT 'shop', $1, 'error', 'm', at FROM (
         SELECT generate_series(now() - interval '24 hours', now(), interval '20 seconds')
         UNION ALL SELECT generate_series(now() - interval '12.5 hours', now() - interval '12 hours', interval '1 second')
       ) AS e (at)`,
      [environment],
    )
    return id
  }

  it('are said in the log once for each environment, in the answer of a recording, and when asked', async () => {
    await liveWith('production')
    await liveWith('canary')
    const preview = await liveWith('preview')
    await pool.query(
      `INSERT INTO ops.health_samples (deployment_id, sampled_at, phase, state, reason, details)
       SELECT $1, now() - interval '20 hours', 'window', 'healthy', 'r', jsonb_build_object('requests_per_minute', n)
       FROM unnest(ARRAY[10, 40, 90]) AS n`,
      [preview],
    )
    const said: unknown[] = []
    const log = { ...context.log, warn: (...line: unknown[]) => said.push(line) } as unknown as Logger
    await warnOfNoise({ ...context, log }, new AbortController().signal)
    const warning = expect.stringMatching(
      /^At a steady 3 errors\/minute .* about 66% .* for_seconds: 120 .* sequential/,
    )
    // Neither the one that asks for proof, nor the one whose traffic is too low for errors to act.
    expect(said).toEqual([[expect.objectContaining({ service: 'shop', environment: 'production' }), warning]])

    const record = (environment: string) =>
      control.recordDeployment(
        { environment, version: 'v2', git_commit: 'b7f3b29', git_branch: 'main', status: 'in_progress' },
        CALL,
      )
    expect((await record('production')).body.warnings).toEqual([warning])
    expect((await record('preview')).body.warnings).toEqual([])

    expect(await control.thresholds({ environment: 'production' })).toMatchObject({
      rate_from: 'known_good',
      errors_per_minute: expect.closeTo(3, 1),
      requests_per_minute: null,
      warning,
      remedies: [
        { set: { error_rate_per_minute: 10 } },
        { set: { for_seconds: 120 } },
        { set: { evidence: 'sequential' } },
      ],
    })
    expect(await control.thresholds({ environment: 'preview' })).toMatchObject({
      requests_per_minute: 40,
      noise: [{ count: null, chance_per_deployment: 0 }, { count: null }],
      warning: null,
      remedies: [],
    })
    expect(await control.thresholds({ environment: 'canary', errors_per_minute: 6 })).toMatchObject({
      rate_from: 'request',
      warning: expect.stringContaining('Raise error_rate_per_minute to 6'),
    })
  })
})
