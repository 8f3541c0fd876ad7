import type { AddressInfo } from 'node:net'
import { buildServer } from '@roman/api'
import { afterAll, describe, expect, it } from 'vitest'
import { metric } from './metric.ts'
import { commitOf, ended, startTestBed } from './test-bed.ts'

const KEY = 'a-service-key-for-tests'

interface Scenario {
  name: string
  /** What is wrong, beside what its name says. */
  errors: number
  slow?: boolean
  failedMigration?: boolean
  /** An automatic rollback is asked for by the breach, and refused. */
  refused?: boolean
  /** In which nothing happens by itself, so that a person's request can be seen alone. */
  mode?: 'observe'
  /** Rolled back with nobody asking. */
  automatic: boolean
  reason: string
  /** What a person must override by name; nothing: the request alone is enough. */
  override?: string[]
}

/** The decision matrix of the documentation, row by row. */
const MATRIX: Scenario[] = [
  { name: 'error-rate-above-5', errors: 8, automatic: true, reason: 'Errors everywhere' },
  { name: 'error-rate-above-5-manually', errors: 8, mode: 'observe', automatic: false, reason: 'Errors everywhere' },
  { name: 'error-rate-1-to-5', errors: 3, automatic: false, reason: 'It is getting worse' },
  { name: 'feature-bug', errors: 0, automatic: false, reason: 'Critical bug in payment flow' },
  { name: 'security-vulnerability', errors: 0, automatic: false, reason: 'Security hole in login' },
  { name: 'performance-degradation', errors: 0, slow: true, automatic: false, reason: 'Pages take ten seconds' },
  {
    name: 'database-migration-issue',
    errors: 0,
    failedMigration: true,
    automatic: false,
    reason: 'The migration failed half-way',
    override: ['inhabitance', 'database_inconsistent'],
  },
  {
    name: 'database-migration-issue-in-breach',
    errors: 8,
    failedMigration: true,
    refused: true,
    automatic: false,
    reason: 'The migration failed half-way',
    override: ['inhabitance', 'database_inconsistent'],
  },
]

/** Each in a house of its own: three services in breach at once would have a shared cause, and nothing would act by itself. */
describe.each([
  { by: 'itself', rows: MATRIX.filter(({ automatic, refused }) => automatic || refused) },
  { by: 'people', rows: MATRIX.filter(({ automatic, refused }) => !automatic && !refused) },
])('the decision matrix, through the API, by $by', async ({ rows }) => {
  const { source } = await metric('p95_response_ms', 9000)
  const bed = await startTestBed({
    services: rows.map(({ name }) => name),
    watch: { window_seconds: 2, auto_rollback_within_seconds: 3 },
    differs: Object.fromEntries(
      rows.map(({ name, mode, slow }) => [
        name,
        { ...(mode === undefined ? {} : { mode }), ...(slow ? { health: [{ type: 'postgres' }, source] } : {}) },
      ]),
    ),
  })
  const { db } = bed.context.control
  const app = await buildServer({ control: bed.control, serviceKey: KEY })
  await app.listen({ port: 0, host: '127.0.0.1' })
  afterAll(() => app.close())
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const post = async (path: string, body: unknown): Promise<{ status: number; body: Record<string, unknown> }> => {
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  const user = crypto.randomUUID()
  await bed.admin.query('INSERT INTO auth.users (id) VALUES ($1)', [user])

  const record = async (service: string, version: string): Promise<string> => {
    const { body } = await post('/v1/deployments', {
      service,
      environment: 'production',
      version,
      git_commit: commitOf(version),
      git_branch: 'main',
    })
    return body.deployment_id as string
  }

  it.concurrent.each(rows)(
    '$name',
    async ({ name, errors, slow, failedMigration, refused, automatic, reason, override }) => {
      const good = await record(name, 'v2.5.2')
      await db.pool.query(
        `UPDATE ops.deployments SET status = 'success', health_check_passed = true WHERE deployment_id = $1`,
        [good],
      )
      const bad = await record(name, 'v2.5.3')
      if (failedMigration) {
        await db.pool.query(
          `INSERT INTO ops.migration_history (deployment_id, migration_name, migration_hash, error_message) VALUES ($1, $2, 'x', 'column does not exist')`,
          [bad, `${name}-1`],
        )
      }
      if (errors > 0)
        await post('/v1/errors', {
          errors: Array.from({ length: errors }, () => ({
            service: name,
            environment: 'production',
            severity: 'error',
            message: 'oops',
            version: 'v2.5.3',
          })),
        })

      if (automatic) {
        const eventId = await bed.untilRollback(bad, ended)
        expect(await bed.control.showRollback(eventId)).toMatchObject({ status: 'success', trigger_type: 'automatic' })
        return
      }
      if (refused) {
        const eventId = await bed.untilRollback(bad, ended)
        expect(await bed.control.showRollback(eventId)).toMatchObject({
          status: 'aborted',
          trigger_type: 'automatic',
          constitutional_validation: { compliant: false, violated: override },
        })
        expect((await bed.control.showDeployment(bad)).live).toBe(true)
        return
      }
      await bed.untilPhase(bad, 'ended')
      if (slow) {
        const { rows } = await bed.admin.query('SELECT ops.get_deployment_health($1) AS health', [bad])
        expect(rows[0].health.warnings).toEqual([expect.stringContaining('Slow responses: P95 is 9000 ms')])
      }
      expect((await bed.control.history({ service: name, limit: 5 })).rollbacks).toEqual([])
      const manual = await post('/auto-rollback', { deployment_id: bad, trigger_reason: reason, initiated_by: user })
      if (override === undefined) {
        expect(manual).toMatchObject({
          status: 200,
          body: { success: true, validation: { compliant: true, violations: [] } },
        })
        return
      }
      expect(manual).toMatchObject({
        status: 403,
        body: { success: false, error: 'Constitutional validation failed', validation: { violated: override } },
      })
      const overridden = await post(`/v1/rollbacks/${manual.body.event_id}/override`, {
        reason,
        violations: override,
        initiated_by: user,
      })
      expect(overridden).toMatchObject({ status: 202 })
      await bed.untilRollback(
        bad,
        ({ event_id, status }) => event_id === overridden.body.event_id && status === 'success',
      )
    },
  )
})
