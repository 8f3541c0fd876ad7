import { readdir, readFile } from 'node:fs/promises'
import { maintainPartitions, openDatabase, readPartitionCoverage } from '@roman/db'
import { asApplication, emptyDatabase, testDatabase, waitFor } from '@roman/testing'
import { afterAll, describe, expect, it } from 'vitest'

const DAY_MS = 86_400_000
const RETENTION = { logs_days: 30, samples_days: 400 }

const database = async (made: Promise<{ url: string }>) => {
  const db = openDatabase((await made).url, { connectionsMax: 5 })
  afterAll(() => db.close())
  const rowsOf = async <Row extends object>(sql: string, values: unknown[] = []): Promise<Row[]> =>
    (await db.pool.query(sql, values)).rows
  return {
    db,
    rowsOf,
    maintain: (at: Date, { logs_days, samples_days } = RETENTION) =>
      rowsOf<{ partition: string; change: string }>('SELECT * FROM ops.maintain_partitions($1, $2, $3)', [
        logs_days,
        samples_days,
        at,
      ]),
    /** Rows by the partition they lie in. */
    places: async (table: string, column: string) =>
      Object.fromEntries(
        (
          await rowsOf<{ what: string; place: string }>(
            `SELECT ${column} AS what, tableoid::regclass::text AS place FROM ops.${table}`,
          )
        ).map(({ what, place }) => [what, place.replace('ops.', '')]),
      ),
    log: (message: string, at: Date) =>
      rowsOf(
        `INSERT INTO ops.system_logs (service, environment, severity, message, occurred_at) VALUES ('s', 'e', 'error', $1, $2)`,
        [message, at],
      ),
  }
}

/** On some days of the month the other table has its turn, too. */
const ofLogs = (changes: { partition: string; change: string }[]) =>
  changes.filter(({ partition }) => partition.startsWith('system_logs'))
const nameOf = (at: Date) => `system_logs_${at.toISOString().slice(0, 10).replaceAll('-', '')}`

describe('the tables of 0.1.0', () => {
  it('become the first partitions, with every row, id, key and right, and ids go on', async () => {
    const { db, rowsOf, places } = await database(emptyDatabase())
    const folder = new URL('../../../prisma/migrations/', import.meta.url)
    const names = (await readdir(folder)).filter((name) => /^\d{14}_/.test(name)).sort()
    const apply = async (name: string) =>
      db.pool.query(await readFile(new URL(`${name}/migration.sql`, folder), 'utf8'))
    const released = names.filter((name) => name < '20261125')
    for (const name of released) await apply(name)
    // Roles belong to the server, which other specs use too.
    const role = `reader_${Math.random().toString(36).slice(2)}`
    await db.pool.query(`
      CREATE ROLE ${role}; GRANT SELECT ON ops.system_logs TO ${role}; GRANT USAGE ON SCHEMA ops TO ${role};
      INSERT INTO ops.system_logs (service, environment, severity, message, occurred_at, idempotency_key)
      SELECT 's', 'e', 'error', 'm' || i, now() - i * interval '1 hour', 'k' || i FROM generate_series(0, 999) i;
      INSERT INTO ops.health_samples (deployment_id, sampled_at, phase, state, reason)
      SELECT gen_random_uuid(), now() - i * interval '1 day', 'window', 'healthy', 'r' || i FROM generate_series(0, 99) i`)
    const digest = () =>
      rowsOf(`SELECT (SELECT md5(string_agg(l::text, ',' ORDER BY id)) FROM ops.system_logs l) AS logs,
                     (SELECT md5(string_agg(s::text, ',' ORDER BY id)) FROM ops.health_samples s) AS samples`)
    const before = await digest()

    for (const name of names.slice(released.length)) await apply(name)
    expect(await digest()).toEqual(before)
    expect(new Set(Object.values(await places('system_logs', 'message')))).toEqual(new Set(['system_logs_initial']))

    // A key of before is still known, and the sequence outlives the table that it came with.
    const again = `INSERT INTO ops.system_logs (service, environment, severity, message, idempotency_key) VALUES ('s', 'e', 'error', 'm', $1) ON CONFLICT DO NOTHING RETURNING id`
    expect(await rowsOf(again, ['k5'])).toEqual([])
    await db.pool.query('DROP TABLE ops.system_logs_initial')
    expect(await rowsOf(again, ['new'])).toEqual([{ id: expect.stringMatching(/^100\d$/) }])

    expect(
      await rowsOf(
        `SELECT has_table_privilege($1, 'ops.system_logs', 'SELECT') AS parent, has_table_privilege($1, 'ops.health_samples_initial', 'SELECT') AS partition`,
        [role],
      ),
    ).toEqual([{ parent: true, partition: false }])
    await db.pool.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  })
})

describe('partitions', async () => {
  const { db, rowsOf, maintain, places, log } = await database(testDatabase())
  const [logs] = await readPartitionCoverage(db.pool)
  /** The first midnight that the tables as installed do not cover. */
  const edge = logs!.covered_until
  const later = (days: number, ms = 0) => new Date(edge.getTime() + days * DAY_MS + ms)

  it('lie a week ahead at least, from the first day', () => {
    expect(edge.getTime() - Date.now()).toBeGreaterThan(7 * DAY_MS)
    expect(edge.getTime() % DAY_MS).toBe(0)
  })

  it('lose no row that finds none of its own, and take it over once there is one', async () => {
    await log('before the edge', later(0, -1))
    await log('a day late', later(1))
    await log('years late', later(1000))
    expect(await places('system_logs', 'message')).toEqual({
      'before the edge': 'system_logs_initial',
      'a day late': 'system_logs_default',
      'years late': 'system_logs_default',
    })
    expect(await readPartitionCoverage(db.pool)).toMatchObject([{ default_rows: 2 }, { default_rows: 0 }])

    const created = ofLogs(await maintain(later(-5)))
    expect(created.map(({ partition, change }) => `${partition} ${change}`)).toEqual(
      [0, 1, 2].map((day) => `${nameOf(later(day))} created`),
    )
    await log('exactly at the edge', later(0))
    await log('a moment before the next', later(1, -1))
    expect(await places('system_logs', 'message')).toEqual({
      'before the edge': 'system_logs_initial',
      'exactly at the edge': nameOf(edge),
      'a moment before the next': nameOf(edge),
      'a day late': nameOf(later(1)),
      'years late': 'system_logs_default',
    })
  })

  it('answer nothing once all is done, to however many ask at once', async () => {
    const at = later(-3)
    const all = ofLogs((await Promise.all([maintain(at), maintain(at), maintain(at)])).flat())
    expect(all.map(({ partition }) => partition)).toEqual([nameOf(later(3)), nameOf(later(4))])
    expect(await maintain(at)).toEqual([])
    expect(await maintainPartitions(db.pool, RETENTION)).toEqual([])
  })

  it('are dropped when their last moment is past retention, and not a microsecond before', async () => {
    // Thirty days after the edge is when what ends at the edge is thirty days old.
    const due = later(30)
    while ((await maintain(new Date(due.getTime() - 1))).length > 0);
    expect(Object.values(await places('system_logs', 'message'))).toContain('system_logs_initial')
    const changes = [...(await maintain(due)), ...(await maintain(due)), ...(await maintain(due))]
    expect(changes.filter(({ change }) => change !== 'created')).toEqual([
      { partition: 'system_logs_initial', change: 'dropped' },
    ])
    const left = await places('system_logs', 'message')
    expect(Object.keys(left)).not.toContain('before the edge')
    expect(left).toMatchObject({ 'exactly at the edge': nameOf(edge), 'years late': 'system_logs_default' })
    // Longer kept, nothing is due; samples are not touched by the logs' retention.
    expect(await maintain(later(30.5), { logs_days: 365, samples_days: 400 })).toEqual([])
    expect((await rowsOf(`SELECT name FROM ops.partitions('health_samples')`)).length).toBeGreaterThan(2)
  })

  it('of samples go by the month, when its last moment is past their own retention', async () => {
    const { db, rowsOf, maintain, places } = await database(testDatabase())
    const edge = (await readPartitionCoverage(db.pool))[1]!.covered_until
    const sample = (reason: string, at: number) =>
      rowsOf(
        `INSERT INTO ops.health_samples (deployment_id, sampled_at, phase, state, reason) VALUES (gen_random_uuid(), $2, 'window', 'healthy', $1)`,
        [reason, new Date(at)],
      )
    await sample('before the edge', edge.getTime() - 1)
    await sample('exactly at the edge', edge.getTime())
    const month = `health_samples_${edge.toISOString().slice(0, 7).replace('-', '')}`
    const due = edge.getTime() + RETENTION.samples_days * DAY_MS
    while ((await maintain(new Date(due - 1))).length > 0);
    expect(await places('health_samples', 'reason')).toEqual({
      'before the edge': 'health_samples_initial',
      'exactly at the edge': month,
    })
    const changes = []
    for (let call = 0; call < 3; call += 1) changes.push(...(await maintain(new Date(due))))
    expect(
      changes.filter(({ partition, change }) => partition.startsWith('health_samples') && change !== 'created'),
    ).toEqual([{ partition: 'health_samples_initial', change: 'dropped' }])
    expect(await places('health_samples', 'reason')).toEqual({ 'exactly at the edge': month })
  })

  it('wait for nobody long: what is in use is postponed, and writers go on', async () => {
    const reader = await db.pool.connect()
    try {
      await reader.query('BEGIN; SELECT count(*) FROM ops.system_logs_default')
      const started = Date.now()
      const postponed = maintain(later(31))
      await waitFor(
        async () =>
          (await rowsOf(`SELECT FROM pg_locks WHERE NOT granted AND relation = 'ops.system_logs_default'::regclass`))
            .length > 0,
        { timeoutMs: 5_000, describe: 'the maintainer to wait for the lock' },
      )
      await log('meanwhile', later(20))
      expect(ofLogs(await postponed)).toEqual([{ partition: nameOf(later(38)), change: 'postponed' }])
      expect(Date.now() - started).toBeLessThan(3_000)
    } finally {
      await reader.query('ROLLBACK')
      reader.release()
    }
    expect(ofLogs(await maintain(later(31)))).toEqual([{ partition: nameOf(later(38)), change: 'created' }])
  })

  it('are made and dropped for no other moment than now by who does not own them', async () => {
    const made = await testDatabase()
    const { db, log, places, rowsOf } = await database(Promise.resolve(made))
    const application = await database(asApplication(made).then((url) => ({ url })))
    await log('today', new Date())
    const names = async () => (await rowsOf<{ name: string }>(`SELECT name FROM ops.partitions('system_logs')`)).length
    const before = await names()
    const inYears = new Date(Date.now() + 1000 * DAY_MS)
    const shortest = { logs_days: 1, samples_days: 1 }
    for (let call = 0; call < 3; call += 1) expect(ofLogs(await application.maintain(inYears, shortest))).toEqual([])
    expect(await places('system_logs', 'message')).toEqual({ today: 'system_logs_initial' })
    expect(await names()).toBe(before)
    await expect(application.maintain(inYears, { logs_days: -1000, samples_days: 1 })).rejects.toThrow(/one day/)
    // The same calls, by whom it belongs to.
    while ((await db.pool.query('SELECT FROM ops.maintain_partitions(1, 1, $1)', [inYears])).rowCount !== 0);
    expect(await places('system_logs', 'message')).toEqual({})
  })

  it('refuse to keep nothing', async () => {
    await expect(maintain(edge, { logs_days: 0, samples_days: 400 })).rejects.toThrow(/name at least one day/)
  })

  it('can be read by nobody directly, whatever is granted by default', async () => {
    const role = `nosy_${Math.random().toString(36).slice(2)}`
    await db.pool.query(
      `CREATE ROLE ${role}; ALTER DEFAULT PRIVILEGES IN SCHEMA ops GRANT SELECT ON TABLES TO ${role}, PUBLIC`,
    )
    const [created] = ofLogs(await maintain(later(32)))
    expect(
      await rowsOf('SELECT has_table_privilege($1, $2, $3) AS may', [role, `ops.${created!.partition}`, 'SELECT']),
    ).toEqual([{ may: false }])
    await db.pool.query(
      `ALTER DEFAULT PRIVILEGES IN SCHEMA ops REVOKE SELECT ON TABLES FROM ${role}, PUBLIC; DROP ROLE ${role}`,
    )
  })
})
