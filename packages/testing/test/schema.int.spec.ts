import { readFile } from 'node:fs/promises'
import { schemaDrift } from '@roman/db'
import { describe, expect, it } from 'vitest'
import { testDatabase } from '../src/index.ts'
import { insertDeployment, query, runAll } from './sql.ts'

const fixture = (name: string): Promise<string> => readFile(new URL(`fixtures/${name}`, import.meta.url), 'utf8')

describe('schema.prisma', () => {
  it('says what the migrations make', async () => {
    expect(await schemaDrift((await testDatabase()).url)).toBeNull()
  })

  it('would differ by a column, a type, an index or a key that only one of them has', async () => {
    const { url } = await testDatabase()
    await query(
      url,
      `ALTER TABLE ops.guards ADD COLUMN extra text; ALTER TABLE ops.decisions DROP COLUMN decision_reason;
       ALTER TABLE ops.outbox ALTER attempts TYPE bigint; DROP INDEX ops.rollback_events_initiated_at_idx;
       ALTER TABLE ops.quarantine DROP CONSTRAINT quarantine_event_id_fkey`,
    )
    const drift = await schemaDrift(url)
    for (const seen of [
      /`guards` table\n {2}\[-\] Removed column `extra`/,
      /`decisions` table\n {2}\[\+\] Added column `decision_reason`/,
      /`outbox` table\n {2}\[\*\] Altered column `attempts` \(type changed\)/,
      /`rollback_events` table\n {2}\[\+\] Added index on columns \(initiated_at\)/,
      /`quarantine` table\n {2}\[\+\] Added foreign key/,
    ])
      expect(drift).toMatch(seen)
  })
})

describe('what refers to auth.users', () => {
  it('goes with a user where it speaks for one, and keeps the user where it is history', async () => {
    expect(
      await query(
        (await testDatabase()).url,
        `SELECT conrelid::regclass::text AS from, pg_get_constraintdef(oid) AS key FROM pg_constraint
         WHERE contype = 'f' AND confrelid = 'auth.users'::regclass ORDER BY 1, 2`,
      ),
    ).toEqual([
      { from: 'ops.actors', key: 'FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE' },
      { from: 'ops.api_tokens', key: 'FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE' },
      { from: 'ops.deployments', key: 'FOREIGN KEY (deployed_by) REFERENCES auth.users(id)' },
      { from: 'ops.rollback_events', key: 'FOREIGN KEY (initiated_by) REFERENCES auth.users(id)' },
    ])
  })
})

describe('the documented tables', () => {
  it('have every documented column, with its type and default', async () => {
    const { url } = await testDatabase()
    const documented = (await fixture('procedures-tables.sql')).replaceAll('ops.', 'documented.')
    await query(url, `CREATE SCHEMA documented; ${documented}`)
    const columns = (schema: string) =>
      query(
        url,
        // now() is CURRENT_TIMESTAMP, and each has its own sequences.
        `SELECT table_name, column_name, data_type, udt_name, datetime_precision, is_nullable,
                replace(replace(column_default, '${schema}.', ''), 'CURRENT_TIMESTAMP', 'now()') AS column_default
         FROM information_schema.columns WHERE table_schema = '${schema}'`,
      )
    const wanted = await columns('documented')
    expect(wanted).toHaveLength(49)
    expect(await columns('ops')).toEqual(expect.arrayContaining(wanted))
  })
})

describe('the documented queries', async () => {
  const { url } = await testDatabase()
  const [good, bad, other] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()]
  await query(
    url,
    `
    ${insertDeployment(good, { version: "'v2.5.2'", status: "'success'", health_check_passed: 'true', deployed_at: "now() - interval '2 days'" })}
    ${insertDeployment(other, { environment: "'staging'", status: "'success'", health_check_passed: 'true' })}
    ${insertDeployment(bad, { version: "'v2.5.3'", fence: '2', deployed_at: "now() - interval '10 minutes'" })}
    INSERT INTO ops.system_logs (service, environment, severity, message, occurred_at)
      SELECT 'storefront', 'production', 'error', 'boom', now() - make_interval(secs => n) FROM generate_series(1, 7) n;
    INSERT INTO ops.roman_events (event_type, severity, source, description, metadata, "timestamp") VALUES
      ('rollback_validation', 'error', 'constitution', 'refused', '{"deployment_id": "${bad}"}', now()),
      ('rollback_validation', 'info', 'constitution', 'approved', '{"deployment_id": "${bad}"}', now() - interval '1 minute'),
      ('deployment_live', 'info', 'control', 'live', '{"deployment_id": "${good}"}', now());
    INSERT INTO ops.rollback_events (event_id, deployment_id, trigger_type, trigger_reason, status, service, environment, initiated_at)
      SELECT gen_random_uuid(), '${bad}', 'automatic', 'r' || n, 'failed', 'storefront', 'production', now() - make_interval(mins => n)
      FROM generate_series(1, 12) n`,
  )
  const snippets = new Map(
    (await fixture('procedures-queries.sql'))
      .split(/^--- /m)
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n'))]),
  )
  const run = (name: string) => runAll(url, snippets.get(name)!.replaceAll('your-deployment-uuid', bad))

  it('are these six', () => {
    expect([...snippets.keys()]).toEqual([
      'real-time health',
      'rollback not triggering',
      'validation failing',
      'no valid target',
      'rollback history',
      'latest deployment',
    ])
  })

  it('show the health of the last known-good deployment', async () => {
    expect(await run('real-time health')).toEqual([
      [
        expect.objectContaining({
          deployment_id: good,
          version: 'v2.5.2',
          environment: 'production',
          // Two days old and not replaced by a fact: the same errors count for it.
          health: expect.objectContaining({ healthy: false, error_rate_per_minute: 7, recent_errors: 7 }),
        }),
      ],
    ])
  })

  it('show why a deployment was not rolled back', async () => {
    const [deployment, health, events] = await run('rollback not triggering')
    expect(deployment).toEqual([
      expect.objectContaining({ deployment_id: bad, version: 'v2.5.3', status: 'in_progress' }),
    ])
    expect(health).toEqual([
      {
        get_deployment_health: {
          healthy: false,
          error_rate_per_minute: 7,
          recent_errors: 7,
          database_connections: expect.any(Number),
          active_queries: expect.any(Number),
          timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
          database_connection_utilization: expect.any(Number),
          p95_response_ms: null,
          memory_percent: null,
          warnings: [],
          unavailable: [],
        },
      },
    ])
    expect(events?.map(({ description }) => description)).toEqual(['refused', 'approved'])
  })

  it('show what the constitution refused, what could be gone back to, the history and the latest', async () => {
    expect((await run('validation failing'))[0]).toEqual([expect.objectContaining({ description: 'refused' })])
    expect((await run('no valid target'))[0]).toEqual([expect.objectContaining({ deployment_id: good })])
    const [history] = await run('rollback history')
    expect(history?.map(({ trigger_reason }) => trigger_reason)).toEqual(
      Array.from({ length: 10 }, (_, n) => `r${n + 1}`),
    )
    expect((await run('latest deployment'))[0]).toEqual([expect.objectContaining({ deployment_id: bad })])
  })
})
