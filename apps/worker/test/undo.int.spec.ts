import { beforeAll, describe, expect, it } from 'vitest'
import { startTestBed } from './test-bed.ts'
import { historyOf, knownGood, migration, prismaApplied, rollBack, serviceDatabase, somebody } from './undo-bed.ts'

/** Leaves a trace when it is run, and would leave another half-way. */
const undoing = (table: string, name: string) => `DROP TABLE ${table}; INSERT INTO undone (name) VALUES ('${name}');`

/** The guard must still be there when the errors come. */
const LONG_WATCH = { window_seconds: 20, verify_seconds: 1, drain_seconds: 0 }

describe('a rollback whose migrations are undone', async () => {
  const own = await serviceDatabase(
    'CREATE TABLE undone (id serial, name text, at timestamptz DEFAULT clock_timestamp())',
  )
  const bed = await startTestBed(
    {
      services: ['own', 'stops', 'continues', 'bare', 'asks', 'keeps'],
      differs: {
        own: { migrations: 'undo', migrations_url_env: 'OWN_URL' },
        stops: { migrations: 'undo' },
        continues: { migrations: 'undo', on_undo_failure: 'continue' },
        bare: { migrations: 'undo' },
        keeps: { migrations: 'keep' },
        asks: { migrations: 'undo', mode: 'ask', watch: LONG_WATCH },
      },
    },
    { variables: { OWN_URL: own.url } },
  )
  const { db } = bed.context.control
  beforeAll(async () => {
    // Where nothing else is named, the application is also who migrates the service, and owns what it made.
    await bed.admin.query('GRANT CREATE ON SCHEMA public TO PUBLIC')
    await db.pool.query('CREATE TABLE public.undone (name text)')
  })
  const made = (table: string) => db.pool.query(`CREATE TABLE public.${table} (n int)`)
  const exists = async (table: string) =>
    (await db.pool.query(`SELECT to_regclass('public.${table}') AS name`)).rows[0].name !== null

  it.concurrent('undoes them newest first once the earlier version is live, in the service’s own database', async () => {
    await knownGood(bed, 'own')
    const bad = await bed.deploy('v2.0.0', {
      service: 'own',
      migrations: [
        migration('1_cart', undoing('cart', '1_cart')),
        migration('2_coupon', undoing('coupon', '2_coupon')),
      ],
    })
    for (const [name, table] of [
      ['1_cart', 'cart'],
      ['2_coupon', 'coupon'],
    ] as const) {
      await own.pool.query(`CREATE TABLE ${table} (n int)`)
      await prismaApplied(own.pool, name)
    }
    expect((await bed.control.checkDeployment({ deployment_id: bad })).warnings).toEqual([
      'Migrations newer than the target will be undone: 1_cart, 2_coupon',
    ])
    const { kind, body } = await rollBack(bed, bad)
    expect(kind).toBe('verified')
    expect(body.validation?.warnings).toContain('Migrations newer than the target will be undone: 1_cart, 2_coupon')
    const { rows } = await own.pool.query('SELECT name, at FROM undone ORDER BY id')
    expect(rows.map(({ name }) => name)).toEqual(['2_coupon', '1_cart'])
    const { steps, moments } = await bed.control.showRollback(body.event_id)
    expect(rows[0].at.getTime()).toBeGreaterThanOrEqual(Date.parse(moments.live!))
    expect(rows[1].at.getTime()).toBeLessThanOrEqual(Date.parse(moments.migrations_settled!))
    expect(
      steps.filter(({ step }) => step === 'undo_migrations').map(({ status, detail }) => [status, detail]),
    ).toEqual([
      ['started', '2 to undo, newest first: 2_coupon, 1_cart'],
      ['completed', 'Undone, newest first: 2_coupon, 1_cart'],
    ])
    expect(await historyOf(bed, 'own')).toMatchObject([
      { migration_name: '1_cart', rolled_back_at: expect.any(Date), rollback_successful: true, error_message: null },
      { migration_name: '2_coupon', rolled_back_at: expect.any(Date), rollback_successful: true, error_message: null },
    ])
    const marked = await own.pool.query(
      'SELECT count(*)::int AS n FROM _prisma_migrations WHERE rolled_back_at IS NOT NULL',
    )
    expect(marked.rows).toEqual([{ n: 2 }])
  })

  const FAILING = `DROP TABLE TABLE_NAME; DO $$ BEGIN RAISE EXCEPTION 'no way to postgres://app:hunter2@db/shop'; END $$`
  const MESSAGE = 'no way to postgres://[redacted]@db/shop (P0001)'
  const failHalfWay = async (service: string) => {
    await made(`${service}_a`)
    await made(`${service}_b`)
    await knownGood(bed, service)
    const bad = await bed.deploy('v2.0.0', {
      service,
      migrations: [
        migration('1_a', undoing(`${service}_a`, '1_a')),
        migration('2_b', FAILING.replace('TABLE_NAME', `${service}_b`)),
        migration('3_c', `INSERT INTO undone VALUES ('${service} 3_c')`),
      ],
    })
    const answer = await rollBack(bed, bad)
    expect([await exists(`${service}_a`), await exists(`${service}_b`)]).toEqual([true, true])
    expect((await db.pool.query('SELECT FROM undone WHERE name = $1', [`${service} 3_c`])).rowCount).toBe(1)
    expect(await historyOf(bed, service)).toMatchObject([
      { migration_name: '1_a', rolled_back_at: null, rollback_successful: null, error_message: null },
      { migration_name: '2_b', rolled_back_at: null, rollback_successful: false, error_message: MESSAGE },
      { migration_name: '3_c', rolled_back_at: expect.any(Date), rollback_successful: true, error_message: null },
    ])
    const reason = `Undone: 3_c. Not undone: 2_b (${MESSAGE}), 1_a.`
    const event_id = answer.body.event_id
    const told = await db.prisma.announcements.findMany({ where: { event_id, kind: 'undo_failed' } })
    expect(told).toMatchObject([{ payload: { reason } }])
    const audited = await db.prisma.roman_events.findMany({
      where: { event_type: 'migration_undo_failed', metadata: { path: ['event_id'], equals: event_id } },
    })
    expect(audited).toMatchObject([{ severity: 'critical', description: reason }])
    return { answer, rollback: await bed.control.showRollback(event_id), reason }
  }

  it.concurrent('applies nothing of a script that fails, and stops with what was undone and what was not', async () => {
    const { answer, rollback, reason } = await failHalfWay('stops')
    expect(answer.kind).toBe('failed')
    expect(rollback).toMatchObject({
      status: 'failed',
      detail: `Manual intervention required: not every migration was undone: ${reason}`,
    })
    expect(rollback.steps.at(-1)).toMatchObject({ step: 'undo_migrations', status: 'failed' })
    expect(await bed.control.showDeployment(rollback.replacement_deployment_id!)).toMatchObject({
      live: true,
      status: 'failed',
      health_check_passed: false,
    })
  })

  it.concurrent('or goes on to verify, where that is configured, and says so', async () => {
    const { answer, rollback, reason } = await failHalfWay('continues')
    expect(answer.kind).toBe('verified')
    expect(rollback.detail).toContain(reason)
    expect(rollback.steps.map(({ step, status }) => `${step} ${status}`).slice(-2)).toEqual([
      'undo_migrations failed',
      'verify_health completed',
    ])
  })

  it.concurrent('says what will be undone to those whose approval it waits for', async () => {
    await made('asks_a')
    await knownGood(bed, 'asks')
    const bad = await bed.deploy('v2.0.0', {
      service: 'asks',
      migrations: [migration('1_a', undoing('asks_a', 'asks 1_a'))],
    })
    await bed.fail('v2.0.0', 6, { service: 'asks' })
    await bed.untilPhase(bad, 'waiting')
    const warning = 'Migrations newer than the target will be undone: 1_a'
    expect((await bed.control.showDeployment(bad)).guard?.decision).toMatchObject({ kind: 'rollback', warning })
    const told = await db.prisma.announcements.findMany({ where: { deployment_id: bad, kind: 'decision' } })
    expect(told).toMatchObject([{ payload: { warning } }])
    expect(await exists('asks_a')).toBe(true)
    await bed.control.approve(bad, { reason: 'Yes' }, await somebody(bed))
    await expect.poll(() => exists('asks_a'), { timeout: 15_000 }).toBe(false)
  })

  it.concurrent('keeps them where that is the policy, scripts or not, and says that they stay', async () => {
    await made('keeps_a')
    await knownGood(bed, 'keeps')
    const bad = await bed.deploy('v2.0.0', {
      service: 'keeps',
      migrations: [migration('1_a', undoing('keeps_a', '1_a'))],
    })
    const { kind, body } = await rollBack(bed, bad)
    expect(kind).toBe('verified')
    expect(body.validation?.warnings).toContain('Migrations newer than the target stay in place: 1_a')
    const { steps } = await bed.control.showRollback(body.event_id)
    expect(steps.filter(({ step }) => step === 'undo_migrations')).toEqual([])
    expect(await exists('keeps_a')).toBe(true)
    expect(await historyOf(bed, 'keeps')).toMatchObject([{ migration_name: '1_a', rolled_back_at: null }])
  })

  it.concurrent('is refused where one has no script; overridden, it keeps them all', async () => {
    await made('bare_b')
    await knownGood(bed, 'bare')
    const bad = await bed.deploy('v2.0.0', {
      service: 'bare',
      migrations: [migration('1_a'), migration('2_b', undoing('bare_b', '2_b'))],
    })
    const refused = await rollBack(bed, bad)
    expect(refused).toMatchObject({ kind: 'rejected', body: { validation: { violated: ['inhabitance'] } } })
    const { event_id } = await bed.control.override(
      refused.body.event_id,
      { reason: 'The tables may stay', violations: ['inhabitance'] },
      await somebody(bed),
    )
    await bed.untilRollback(bad, (event) => event.event_id === event_id && event.status === 'success')
    const rollback = await bed.control.showRollback(event_id)
    expect(rollback.steps.filter(({ step }) => step === 'undo_migrations')).toEqual([])
    expect(rollback.validation?.warnings).toContain(
      'Migrations newer than the target stay in place if this is overridden: 1_a, 2_b',
    )
    expect(await exists('bare_b')).toBe(true)
    expect((await historyOf(bed, 'bare')).map((row) => row.rolled_back_at)).toEqual([null, null])
  })
})
