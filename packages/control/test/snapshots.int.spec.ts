import { type AddressInfo, createServer, type Socket } from 'node:net'
import { DEFAULT_POLICY } from '@roman/constitution'
import { type Database, openDatabase } from '@roman/db'
import { startPostgres, temporaryDirectory, waitFor } from '@roman/local-stack'
import { createLogger, fixedRomanConfig, loadEnv, parseRomanConfig } from '@roman/runtime'
import { emptyDatabase, testDatabase } from '@roman/testing'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { createSnapshots, type Snapshots } from '../src/index.ts'
import { accountOfSnapshot, readRollbackSnapshots } from '../src/views/rollback-snapshots.ts'
import { diffSnapshots, readSnapshot } from '../src/views/snapshots.ts'

const open: (() => Promise<unknown>)[] = []
const closeAll = async () => {
  for (const close of open.splice(0).reverse()) await close()
}
afterEach(closeAll)

const CONFIG = (health: object): string =>
  JSON.stringify({
    services: {
      shop: { environments: { production: { deployer: { type: 'command', argv: ['true'] }, health: [health] } } },
    },
    snapshots: { environment: ['NODE_ENV', 'API_TOKEN', 'UPSTREAM', 'UNSET'] },
  })

/** Snapshots over a database, as a process has them. */
const snapshotsOver = (
  url: string,
  { health = { type: 'postgres' }, variables = {} }: { health?: object; variables?: Record<string, string> } = {},
): { snapshots: Snapshots; db: Database } => {
  const db = openDatabase(url, { connectionsMax: 2, connectionsKept: 2, applicationName: 'held' })
  const snapshots = createSnapshots({
    db,
    config: fixedRomanConfig(parseRomanConfig(CONFIG(health), 'roman.yaml')),
    env: loadEnv(variables),
    takenBy: 'worker',
    log: createLogger('test', 'silent'),
  })
  open.push(async () => {
    await snapshots.close()
    await db.close()
  })
  return { snapshots, db }
}

const record = async (db: Database): Promise<string> => {
  const id = crypto.randomUUID()
  await db.pool.query(
    `INSERT INTO ops.deployments (deployment_id, service, environment, version, git_commit, git_branch, status, fence, policy)
     VALUES ($1, 'shop', 'production', 'v1', 'a7f3b29', 'main', 'in_progress', 1, $2)`,
    [id, DEFAULT_POLICY],
  )
  return id
}

const askedFor = async (db: Database, deploymentId: string): Promise<string> => {
  const event = crypto.randomUUID()
  await db.pool.query(
    `INSERT INTO ops.rollback_events (event_id, deployment_id, trigger_type, trigger_reason, status, service, environment)
     VALUES ($1, $2, 'manual', 'r', 'pending', 'shop', 'production')`,
    [event, deploymentId],
  )
  return event
}

const taken = (result: Awaited<ReturnType<Snapshots['take']>>): string => {
  if (result.kind === 'failed') throw new Error(result.reason)
  return result.snapshot_id
}

describe('a snapshot', () => {
  it('is taken once, however often and by however many at once it is asked for', async () => {
    const { url } = await testDatabase()
    const { snapshots, db } = snapshotsOver(url)
    const other = snapshotsOver(url).snapshots
    const id = await record(db)
    const both = await Promise.all([snapshots.take(id, 'post_deployment'), other.take(id, 'post_deployment')])
    const again = await snapshots.take(id, 'post_deployment')
    expect(new Set([...both, again].map(taken)).size).toBe(1)
    // Another event is another snapshot, and the same description.
    const event = await askedFor(db, id)
    const before = taken(await snapshots.take(id, 'pre_rollback', event))
    expect(taken(await other.take(id, 'pre_rollback', event))).toBe(before)
    expect(await db.prisma.system_snapshots.count()).toBe(2)
    expect(await db.prisma.schema_descriptions.count()).toBe(1)
  })

  it('keeps only variables that are allowed, and no secret among them', async () => {
    const { url } = await testDatabase()
    const variables = {
      NODE_ENV: 'production',
      API_TOKEN: 'hunter2',
      UPSTREAM: 'https://shop:hunter2@api.example.com/v1',
      PATH_TO_ELSEWHERE: 'hunter2',
    }
    const { snapshots, db } = snapshotsOver(url, { variables })
    const view = await readSnapshot(db, taken(await snapshots.take(await record(db), 'post_deployment')))
    expect(view.environment_config).toMatchObject({
      taken_by: 'worker',
      variables: {
        NODE_ENV: 'production',
        API_TOKEN: '[redacted]',
        UPSTREAM: 'https://[redacted]@api.example.com/v1',
        UNSET: null,
      },
      policy: { mode: 'auto' },
    })
    expect(JSON.stringify(view)).not.toContain('hunter2')
  })

  it('is of the service’s own database where there is one, and can be compared', async () => {
    const [{ url }, shop] = [await testDatabase(), await emptyDatabase()]
    const shopDb = openDatabase(shop.url)
    open.push(() => shopDb.close())
    await shopDb.pool.query('CREATE TABLE orders (id integer PRIMARY KEY, total integer)')
    const { snapshots, db } = snapshotsOver(url, {
      health: { type: 'postgres', url_env: 'SHOP_DATABASE_URL' },
      variables: { SHOP_DATABASE_URL: shop.url },
    })
    const id = await record(db)
    const first = taken(await snapshots.take(id, 'pre_deployment'))
    await shopDb.pool.query('ALTER TABLE orders ALTER total TYPE bigint; INSERT INTO orders VALUES (1, 1)')
    await db.pool.query(
      `INSERT INTO ops.migration_history (deployment_id, migration_name, migration_hash) VALUES ($1, '20260301_totals', 'x')`,
      [id],
    )
    const event = await askedFor(db, id)
    const last = taken(await snapshots.take(id, 'pre_rollback', event))
    expect(await readSnapshot(db, last)).toMatchObject({
      database: { source: 'SHOP_DATABASE_URL', name: shop.name },
      migration_head: '20260301_totals',
      table_counts: { 'public.orders': { rows: 1, exact: true } },
    })
    const { changes, headline, not_compared } = await diffSnapshots(db, first.slice(0, 13), last)
    expect(changes.filter(({ area }) => area !== 'health').map(({ text }) => text)).toEqual([
      'column public.orders.total: integer → bigint',
      'table public.orders: 0 → 1 rows (exact)',
      '1 recorded migration newer: 20260301_totals',
    ])
    expect(headline).toContain('1 of the schema')
    expect(not_compared).toEqual([])
    const links = { deployment_id: id, snapshot_id: last }
    expect((await accountOfSnapshot(db, links))?.text).toBe(
      `Snapshot taken. Since the deployment began: column public.orders.total: integer → bigint; table public.orders: 0 → 1 rows (exact); 1 recorded migration newer: 20260301_totals (roman snapshots diff ${first.slice(0, 8)} ${last.slice(0, 8)})`,
    )
    expect(await readRollbackSnapshots(db, links)).toMatchObject({
      deployment: { snapshot_id: first, snapshot_type: 'pre_deployment' },
      pre_rollback: { snapshot_id: last },
      diff: `/v1/snapshots/${first}/diff/${last}`,
    })
  })

  it('of the first version is compared as far as it goes', async () => {
    const { url } = await testDatabase()
    const { snapshots, db } = snapshotsOver(url)
    const [id, old] = [await record(db), crypto.randomUUID()]
    await db.pool.query(
      `INSERT INTO ops.system_snapshots (snapshot_id, deployment_id, snapshot_type, database_schema_hash, table_counts, key_metrics, environment_config)
       VALUES ($1, $2, 'pre_deployment', 'abc', '{"estimated": true, "tables": {"ops.live": 3, "public.gone": 500}}', '{"recent_errors": 4}', '{"policy": {"mode": "ask"}}')`,
      [old, id],
    )
    // A step that began then and is tried again now finds it.
    expect(taken(await snapshots.take(id, 'pre_deployment'))).toBe(old)
    const { changes, not_compared } = await diffSnapshots(db, old, taken(await snapshots.take(id, 'post_deployment')))
    expect(changes.map(({ text }) => text)).toEqual([
      'table ops.live: about 3 (estimated) → 0 rows (exact)',
      'table public.gone: gone, with about 500 rows (estimated)',
      'policy mode: ask → auto',
      'errors in the last 5 minutes: 4 → 0',
    ])
    expect(not_compared).toEqual([
      'the schema: one of the two has no description',
      'migrations: one of the two knows none',
    ])
  })

  it('says also why what Prisma was asked failed', async () => {
    const db = openDatabase('postgres://nobody:hunter2@127.0.0.1:1/nothing', { connectionsMax: 1 })
    open.push(() => db.close())
    const snapshots = createSnapshots({
      db,
      config: fixedRomanConfig(parseRomanConfig(CONFIG({ type: 'postgres' }), 'roman.yaml')),
      env: loadEnv({}),
      takenBy: 'worker',
      log: createLogger('test', 'silent'),
    })
    expect(await snapshots.take(crypto.randomUUID(), 'pre_rollback', crypto.randomUUID())).toEqual({
      kind: 'failed',
      reason: "Can't reach database server at 127.0.0.1:1",
    })
  })

  it.each([
    ['postgres://shop:hunter2@127.0.0.1:1/shop', 'ECONNREFUSED'],
    ['postgres://shop:hunter2@[bad', 'Invalid URL'],
  ])('that cannot be taken says why on the audit trail, and leaves no row: %s', async (shop, reason) => {
    const { url } = await testDatabase()
    const { snapshots, db } = snapshotsOver(url, {
      health: { type: 'postgres', url_env: 'SHOP_DATABASE_URL' },
      variables: { SHOP_DATABASE_URL: shop },
    })
    const id = await record(db)
    const result = await snapshots.take(id, 'pre_rollback', crypto.randomUUID())
    expect(result).toEqual({ kind: 'failed', reason: expect.stringContaining(reason) })
    expect(await db.prisma.system_snapshots.count()).toBe(0)
    const [event] = await db.prisma.roman_events.findMany({ where: { event_type: 'snapshot_failed' } })
    expect(event).toMatchObject({ severity: 'warning', metadata: { deployment_id: id, snapshot_type: 'pre_rollback' } })
    expect(JSON.stringify(event, (_key, value) => (typeof value === 'bigint' ? null : value))).not.toContain('hunter2')
  })
})

it('of a database that accepts and then says nothing fails within ten seconds, and the next one is tried anew', async () => {
  const { url } = await testDatabase()
  const sockets: Socket[] = []
  const silent = createServer((socket) => void sockets.push(socket.on('error', () => {})))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  open.push(async () => {
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
  const { snapshots, db } = snapshotsOver(url, {
    health: { type: 'postgres', url_env: 'SHOP_DATABASE_URL' },
    variables: { SHOP_DATABASE_URL: `postgres://shop@127.0.0.1:${(silent.address() as AddressInfo).port}/shop` },
  })
  const id = await record(db)
  for (const type of ['pre_deployment', 'post_deployment'] as const) {
    const [before, startedAt] = [sockets.length, performance.now()]
    expect((await snapshots.take(id, type)).kind).toBe('failed')
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    expect(sockets.length).toBeGreaterThan(before)
  }
  expect(await db.prisma.system_snapshots.count()).toBe(0)
})

describe('on a server that is full', async () => {
  const directory = temporaryDirectory('roman-snapshots')
  const server = await startPostgres({
    dataDir: directory.path,
    settings: { max_connections: '10', max_worker_processes: '0', fsync: 'off' },
  })
  afterAll(async () => {
    await closeAll()
    await server.stop()
    directory.remove()
  })

  /** Connects until there is no room. */
  const fill = async (): Promise<Database[]> => {
    const crowd: Database[] = []
    open.push(async () => void (await Promise.all(crowd.map((one) => one.close()))))
    for (let full = false; !full; ) {
      const one = openDatabase(server.url, { connectionsMax: 1, connectionsKept: 1 })
      crowd.push(one)
      full = await one.pool.query('SELECT 1').then(
        () => false,
        (error) => error.code === '53300',
      )
    }
    return crowd
  }

  it('is taken of a service’s own database there, whose connection is held as well', async () => {
    const { url } = await testDatabase()
    const { snapshots, db } = snapshotsOver(url, {
      health: { type: 'postgres', url_env: 'SHOP_DATABASE_URL' },
      variables: { SHOP_DATABASE_URL: server.url },
    })
    const id = await record(db)
    snapshots.hold()
    const watcher = openDatabase(server.url, { connectionsMax: 1, connectionsKept: 1 })
    open.push(() => watcher.close())
    const held = () =>
      watcher.pool.query("SELECT FROM pg_stat_activity WHERE application_name = 'roman-worker-snapshots'")
    await waitFor(async () => (await held()).rowCount === 1, { timeoutMs: 5_000, describe: 'the held connection' })
    await fill()
    const snapshot = await readSnapshot(db, taken(await snapshots.take(id, 'pre_deployment')))
    expect(snapshot.key_metrics).toMatchObject({ database_connections: 10 })
    expect(snapshot.environment_config).toMatchObject({ database: { source: 'SHOP_DATABASE_URL' } })
  })

  it('is taken all the same: its connections were open from the start, and are opened again when they are lost', async () => {
    const { migrate } = await import('@roman/db')
    await migrate(server.url)
    const { snapshots, db } = snapshotsOver(server.url)
    await db.hold()
    const id = await record(db)
    const event = await askedFor(db, id)
    const held = async () => {
      const { rows } = await db.pool.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity WHERE application_name = 'held' ORDER BY pid`,
      )
      return rows.map(({ pid }) => pid)
    }
    const untilHeld = () =>
      waitFor(async () => (await held()).length === 2, { timeoutMs: 10_000, describe: 'both connections' })
    await untilHeld()
    const { rows: lost } = await db.pool.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE application_name = 'held' AND pid <> pg_backend_pid()`,
    )
    await db.pool.query('SELECT pg_terminate_backend($1)', [lost[0]!.pid])
    await waitFor(async () => !(await held()).includes(lost[0]!.pid), { timeoutMs: 5_000, describe: 'one to be lost' })
    await untilHeld()

    const crowd = await fill()
    const kept = await held()
    await expect(db.pool.query('SELECT 1/0')).rejects.toThrow('division by zero')
    await expect(db.prisma.$queryRaw`SELECT 1/0`).rejects.toThrow('division by zero')
    expect(await held()).toEqual(kept)
    expect((await readSnapshot(db, taken(await snapshots.take(id, 'pre_rollback', event)))).key_metrics).toMatchObject({
      database_connections: 10,
    })

    // Of one of the two the room is taken, too.
    await db.pool.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) pid WHERE pid <> pg_backend_pid()', [
      kept,
    ])
    const late = openDatabase(server.url, { connectionsMax: 1, connectionsKept: 1 })
    crowd.push(late)
    await waitFor(
      () =>
        late.pool.query('SELECT 1').then(
          () => true,
          () => false,
        ),
      {
        timeoutMs: 5_000,
        describe: 'somebody to take the room',
      },
    )
    expect(await held()).toHaveLength(1)
    const others = await Promise.all(
      (['pre_deployment', 'post_deployment'] as const).map((type) => snapshots.take(id, type)),
    )
    expect(new Set(others.map(taken)).size).toBe(2)
  })
})
