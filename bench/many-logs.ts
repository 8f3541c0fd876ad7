import { DEFAULT_POLICY } from '@roman/constitution'
import type { Database } from '@roman/db'

/** Days that logs are kept, by default: what the rows are spread over, in as many partitions. */
const DAYS = 30

/**
 * Services that each have a deployment live, which went live two days ago, and health samples of the last hour. Partitions
 * reach as far back as rows will: an installation that has been at work for so long has them. Autovacuum stays away from
 * them, so that rows are vacuumed when a benchmark says so and not before.
 */
export const putServices = async (db: Database, count: number): Promise<string[]> => {
  await db.pool.query('DROP TABLE ops.system_logs_initial; DROP TABLE ops.health_samples_initial')
  await db.pool.query('SELECT ops.maintain_partitions($1, 400)', [DAYS])
  await db.pool.query(`
    DO $$ DECLARE partition text; BEGIN
      FOR partition IN SELECT p.name FROM ops.partitions('system_logs') p LOOP
        EXECUTE format('ALTER TABLE ops.%I SET (autovacuum_enabled = off)', partition);
      END LOOP;
    END $$`)
  const { rows } = await db.pool.query<{ deployment_id: string }>(
    `INSERT INTO ops.deployments
       (deployment_id, service, environment, version, git_commit, git_branch, status, fence, policy, deployed_at)
     SELECT gen_random_uuid(), 'service-' || i, 'production', '1.0.0', 'a7f3b29', 'main', 'success', 1, $2, now() - interval '2 days'
     FROM generate_series(0, $1::int - 1) i RETURNING deployment_id`,
    [count, DEFAULT_POLICY],
  )
  await db.pool.query(
    `INSERT INTO ops.live (service, environment, deployment_id, fence, last_fence)
     SELECT service, environment, deployment_id, fence, fence FROM ops.deployments`,
  )
  await db.pool.query(
    `INSERT INTO ops.health_samples (deployment_id, sampled_at, phase, state, reason)
     SELECT deployment_id, now() - m * interval '1 minute', 'standby', 'healthy', 'System healthy'
     FROM ops.deployments, generate_series(1, 60) m`,
  )
  return rows.map((row) => row.deployment_id)
}

interface Errors {
  count: number
  services: number
  /** Evenly over so many, up to now. */
  hours: number
}

/** Errors of those services, which no vacuum has seen: their pages are not known to be visible to all. */
export const putErrors = (db: Database, { count, services, hours }: Errors): Promise<void> =>
  patiently(db, async (client) => {
    await client.query({
      text: `INSERT INTO ops.system_logs (service, environment, severity, message, version, occurred_at, received_at)
       SELECT 'service-' || (i % $2::int), 'production', CASE WHEN i % 10 = 0 THEN 'critical' ELSE 'error' END,
         'TypeError: cannot read properties of undefined (reading "coupon") in request ' || i,
         CASE WHEN i % 2 = 0 THEN '1.0.0' END, at, at
       FROM generate_series(1, $1::int) i,
         LATERAL (SELECT now() - $3::double precision * interval '1 hour' * (i::double precision / $1)) t (at)`,
      values: [count, services, hours],
      // What may take minutes must not be cut off by the pool's patience.
      query_timeout: 1_200_000,
    } as never)
  })

/** What autovacuum does sooner or later. */
export const vacuumErrors = (db: Database): Promise<void> =>
  patiently(db, async (client) => {
    await client.query({ text: 'VACUUM ANALYZE ops.system_logs', query_timeout: 600_000 } as never)
    await client.query('ANALYZE ops.health_samples, ops.deployments, ops.live')
  })

const patiently = async (
  db: Database,
  work: (client: Pick<Database['pool'], 'query'>) => Promise<void>,
): Promise<void> => {
  const client = await db.pool.connect()
  try {
    await client.query('SET statement_timeout = 0')
    await work(client)
  } finally {
    client.release(true)
  }
}

export const LOG_HOURS = DAYS * 24
