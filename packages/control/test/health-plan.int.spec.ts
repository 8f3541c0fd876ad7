import { DEFAULT_POLICY } from '@roman/constitution'
import { type Database, openDatabase } from '@roman/db'
import { testDatabase } from '@roman/testing'
import { logScans } from '@roman/testing/log-scans'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readHealth, readWatched } from '../src/index.ts'

const SERVICES = 50
const DAYS = 5

describe('health reads an index and never the log', async () => {
  const { url } = await testDatabase()
  const db = openDatabase(url)
  afterAll(() => db.close())
  let ids: string[] = []

  beforeAll(async () => {
    // Partitions as an installation has them that has been at work for some days.
    await db.pool.query('DROP TABLE ops.system_logs_initial')
    await db.pool.query('SELECT ops.maintain_partitions($1, 400)', [DAYS])
    const { rows } = await db.pool.query<{ deployment_id: string }>(
      `INSERT INTO ops.deployments
         (deployment_id, service, environment, version, git_commit, git_branch, status, fence, policy, deployed_at)
       SELECT gen_random_uuid(), 'service-' || i, 'production', 'v1', 'a7f3b29', 'main', 'success', 1, $2, now() - interval '9 days'
       FROM generate_series(1, $1::int) i RETURNING deployment_id`,
      [SERVICES, DEFAULT_POLICY],
    )
    ids = rows.map((row) => row.deployment_id)
    await db.pool.query(
      `INSERT INTO ops.system_logs (service, environment, severity, message, occurred_at, received_at)
       SELECT 'service-' || (1 + i % $1::int), 'production', 'error', 'TypeError: cannot read properties of undefined', at, at
       FROM generate_series(0, 19999) i, LATERAL (SELECT now() - $2::int * interval '1 day' * i / 20000) t (at)`,
      [SERVICES, DAYS],
    )
    await db.pool.query('VACUUM ANALYZE ops.system_logs')
  })

  // Often enough for plans that PostgreSQL makes once and keeps.
  it.each<[string, (own: Database) => Promise<unknown>]>([
    ['the tick of all guards', (own) => readWatched(own, ids, new Set())],
    ['what everybody else judges by', (own) => readHealth(own, ids)],
    ['ops.get_deployment_health', (own) => own.pool.query('SELECT ops.get_deployment_health($1)', [ids[0]])],
  ])('%s, on the tenth time as on the first', async (_what, read) => {
    const { rows: partitions } = await db.pool.query<{
      partition: string
      index: string | null
      now_or_lately: boolean
    }>(
      `SELECT p.name AS partition, c.relname AS index,
         coalesce(p.to_at > now() - interval '1 hour' AND p.from_at <= now() + interval '1 minute', false) AS now_or_lately
       FROM ops.partitions('system_logs') p
       LEFT JOIN (
         pg_partition_tree(to_regclass('ops.system_logs_errors')) t
         JOIN pg_index i ON i.indexrelid = t.relid
         JOIN pg_class c ON c.oid = t.relid
       ) ON i.indrelid = to_regclass('ops.' || p.name)`,
    )
    expect(partitions.length).toBeGreaterThan(DAYS)
    const scans = await logScans(url, async (own) => {
      for (let time = 1; time <= 10; time += 1) await read(own)
    })
    const indexOf = new Map(partitions.map(({ partition, index }) => [partition, index]))
    expect(scans.map(({ partition, scan, index }) => ({ partition, scan, index }))).toEqual(
      scans.map(({ partition }) => ({ partition, scan: 'Index Only Scan', index: indexOf.get(partition) })),
    )
    // Of the others the plan does not even speak: they were left out before anything was read.
    const lately = partitions.filter(({ now_or_lately }) => now_or_lately).map(({ partition }) => partition)
    expect(scans.filter(({ partition }) => !lately.includes(partition))).toEqual([])
    expect(scans.some(({ executed }) => executed)).toBe(true)
  })
})
