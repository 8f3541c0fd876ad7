import type { AddressInfo } from 'node:net'
import { buildServer } from '@roman/api'
import { refuseNewerSchema } from '@roman/db'
import { waitFor } from '@roman/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { CALL, ended, startTestBed } from './test-bed.ts'

const KEY = 'bad-input'
const NUL = 'a\u0000b'
const HALF = 'cut in the middle \ud83d'

interface Schema {
  type?: string
  properties?: Record<string, Schema>
  items?: Schema
}
interface Operation {
  operationId: string
  parameters?: { name: string; in: string; schema: Schema }[]
  requestBody?: { content: { 'application/json': { schema: Schema } } }
}
type Answer = { status: number; json: { error?: string; details?: { issues?: { path: string; message: string }[] } } }

/** Every place of a body that takes a string, by its path. */
const stringsOf = (schema: Schema, at: readonly string[] = []): string[][] => {
  if (schema.type === 'string') return [[...at]]
  if (schema.type === 'array' && schema.items) return stringsOf(schema.items, [...at, '0'])
  return Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => stringsOf(inner, [...at, name]))
}

const bodyWith = ([name, ...rest]: readonly string[], value: string): unknown => {
  if (name === undefined) return value
  return name === '0' ? [bodyWith(rest, value)] : { [name]: bodyWith(rest, value) }
}

describe('what callers send', async () => {
  const bed = await startTestBed({}, { worker: false })
  const app = await buildServer({ control: bed.control, serviceKey: KEY })
  await app.listen({ host: '127.0.0.1', port: 0 })
  afterAll(() => app.close())
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const call = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${KEY}` },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    return { status: response.status, json: (await response.json()) as Answer['json'] }
  }
  const deployment = { environment: 'production', version: 'v1.0.0', git_commit: 'a7f3b29', git_branch: 'main' }
  const row = (more: object) => ({ environment: 'production', severity: 'error', message: 'boom', ...more })

  const { paths } = app.swagger() as unknown as { paths: Record<string, Record<string, Operation>> }
  const commands = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, operation]) => {
      const schema = operation.requestBody?.content['application/json'].schema
      return schema === undefined ? [] : [{ name: operation.operationId, method: method.toUpperCase(), path, schema }]
    }),
  )

  it('is refused wherever it holds a NUL, with the field named', async () => {
    expect(commands.length).toBeGreaterThan(12)
    let places = 0
    for (const { name, method, path, schema } of commands) {
      const somewhere = path.replaceAll(/\{\w+\}/g, crypto.randomUUID())
      for (const place of stringsOf(schema)) {
        places += 1
        const { status, json } = await call(method, somewhere, bodyWith(place, NUL))
        const named = json.details?.issues?.map((issue) => issue.path)
        expect([status, named], `${name}: ${place.join('.')}`).toEqual([400, expect.arrayContaining([place.join('.')])])
      }
    }
    expect(places).toBeGreaterThan(40)
    for (const metadata of [{ note: NUL }, { [NUL]: 1 }, { list: [{ deep: NUL }] }])
      expect(await call('POST', '/v1/deployments', { ...deployment, metadata })).toMatchObject({
        status: 400,
        json: { error: 'metadata: must not contain a NUL character' },
      })
    const asked = Object.entries(paths).flatMap(([path, { get }]) =>
      (get?.parameters ?? [])
        .filter((one) => one.in === 'query' && one.schema.type === 'string')
        .map(({ name }) => ({ path, name })),
    )
    expect(asked.length).toBeGreaterThan(5)
    for (const { path, name } of asked) {
      const { status, json } = await call('GET', `${path.replaceAll(/\{\w+\}/g, crypto.randomUUID())}?${name}=a%00b`)
      expect([status, json.details?.issues?.map((issue) => issue.path)], `${path}?${name}`).toEqual([
        400,
        expect.arrayContaining([name]),
      ])
    }
    expect(await call('GET', '/v1/deployments/%00')).toMatchObject({
      status: 400,
      json: { error: expect.stringMatching(/^id: /) },
    })
  })

  it('is refused as metadata that is no object, broken or without end', async () => {
    const sent = JSON.stringify({ ...deployment, metadata: { a: 1 } })
    for (const [body, status, error] of [
      [{ ...deployment, metadata: 'text' }, 400, /^metadata: /],
      [{ ...deployment, metadata: { a: 'x'.repeat(70_000) } }, 400, /^metadata: must be no larger than 65536 bytes/],
      [{ ...deployment, metadata: { a: 'x'.repeat(2_000_000) } }, 413, /larger than 1048576 bytes/],
      [sent.replace('1}', '1'), 400, /not valid JSON/],
      [sent.replace('{"a":1}', '{"a":1e999}'), 400, /^metadata/],
    ] as const) {
      const answer = await call('POST', '/v1/deployments', body)
      expect([answer.status, answer.json.error]).toEqual([status, expect.stringMatching(error)])
    }
  })

  it('is refused where it refers to nobody and to nothing', async () => {
    const nobody = crypto.randomUUID()
    expect((await call('POST', '/v1/deployments', { ...deployment, deployed_by: nobody })).json).toMatchObject({
      code: 'unknown_user',
      error: expect.stringContaining(`deployed_by ${nobody}`),
    })
    const { body } = await bed.control.recordDeployment({ ...deployment, status: 'in_progress' }, CALL)
    const by = { reason: 'x', trigger_reason: 'x', deployment_id: body.deployment_id, initiated_by: nobody }
    for (const path of ['/auto-rollback', '/v1/freezes', `/v1/deployments/${body.deployment_id}/approve`])
      expect(
        (
          await call(
            'POST',
            path,
            path === '/v1/freezes'
              ? { reason: 'x', initiated_by: nobody }
              : path === '/auto-rollback'
                ? by
                : { reason: 'x', initiated_by: nobody },
          )
        ).json,
        path,
      ).toMatchObject({ code: 'unknown_user' })
    expect((await call('POST', '/auto-rollback', { ...by, deployment_id: nobody })).json).toMatchObject({
      code: 'deployment_not_found',
    })
    expect((await call('GET', `/v1/rollbacks/${nobody}`)).json).toMatchObject({ code: 'rollback_not_found' })
  })

  it('may be any uuid that PostgreSQL takes, in every place for one', async () => {
    const [somebody, id] = ['00000000-0000-0000-0000-00000000dead', '00000000-0000-0000-0000-00000000beef']
    await bed.admin.query('INSERT INTO auth.users (id) VALUES ($1)', [somebody])
    const recorded = { ...deployment, environment: 'production', version: 'v1.0.1', deployment_id: id }
    expect(await call('POST', '/v1/deployments', { ...recorded, deployed_by: somebody })).toMatchObject({ status: 201 })
    expect(await call('GET', `/v1/deployments/${id}`)).toMatchObject({ status: 200, json: { deployed_by: somebody } })
    const approval = { reason: 'x', initiated_by: somebody }
    expect((await call('POST', `/v1/deployments/${id}/approve`, approval)).json).toMatchObject({
      code: 'nothing_waiting',
    })
    const errors = [{ ...row({ deployment_id: id }), severity: 'info' }, row({ deployment_id: 'v1.0.1' })]
    expect(await call('POST', '/v1/errors', { errors })).toMatchObject({
      json: { accepted: 1, rejected: [{ index: 1, error: expect.stringMatching(/^deployment_id: must be a uuid/) }] },
    })
    expect(await call('POST', '/v1/deployments', { ...recorded, deployment_id: 'v1.0.1' })).toMatchObject({
      status: 400,
      json: { error: expect.stringMatching(/^deployment_id: must be a uuid, such as /) },
    })
  })

  it('does not lose the good rows of a batch for the bad ones, whatever is bad about them', async () => {
    const before = await bed.admin.query('SELECT now() AS at')
    const answer = await call('POST', '/v1/errors', {
      errors: [
        row({ message: NUL }),
        row({ metadata: { a: NUL } }),
        row({ metadata: { a: 'x'.repeat(70_000) } }),
        row({ occurred_at: '0000-01-01T00:00:00Z' }),
        row({ occurred_at: '1969-12-31T23:59:59Z' }),
        row({ occurred_at: 'yesterday' }),
        null,
        row({ message: 'half', source: HALF, metadata: { [HALF]: [HALF] } }),
        row({ message: 'backslash \\u0000', metadata: { a: '\\u0000' } }),
        row({ message: 'long ago', occurred_at: '1970-01-01T00:00:00Z' }),
        row({ message: 'far offset', occurred_at: '2026-01-01T00:00:00+23:59' }),
        row({ message: 'far future', occurred_at: '9999-12-31T23:59:59-23:59' }),
        row({ message: 'nobody’s', deployment_id: crypto.randomUUID() }),
      ],
    })
    expect(answer).toMatchObject({ status: 202, json: { accepted: 4, duplicates: 0 } })
    expect((answer.json as { rejected?: unknown }).rejected).toEqual([
      { index: 0, error: 'message: must not contain a NUL character' },
      { index: 1, error: 'metadata: must not contain a NUL character' },
      { index: 2, error: 'metadata: must be no larger than 65536 bytes' },
      { index: 3, error: expect.stringContaining('occurred_at: must not be before 1970') },
      { index: 4, error: expect.stringContaining('occurred_at: must not be before 1970') },
      { index: 5, error: expect.stringContaining('occurred_at: Invalid ISO datetime') },
      { index: 6, error: expect.stringContaining('row: ') },
      { index: 9, error: expect.stringContaining('is longer ago than logs are kept (30 days)') },
      { index: 10, error: expect.stringContaining('is longer ago than logs are kept (30 days)') },
    ])
    const { rows } = await bed.admin.query(
      `SELECT message, source, metadata, occurred_at FROM ops.system_logs WHERE severity = 'error' ORDER BY message COLLATE "C"`,
    )
    expect(rows).toMatchObject([
      { message: 'backslash \\u0000', metadata: { a: '\\u0000' } },
      { message: 'far future' },
      {
        message: 'half',
        source: 'cut in the middle \ufffd',
        metadata: { 'cut in the middle \ufffd': ['cut in the middle \ufffd'] },
      },
      { message: 'nobody’s' },
    ])
    // A clock that runs ahead must not put errors where no window looks yet.
    const future = rows[1].occurred_at as Date
    expect(future.getTime()).toBeGreaterThanOrEqual(before.rows[0].at.getTime())
    expect(future.getTime()).toBeLessThan(Date.now() + 60_000)
  })

  it('is answered with the fact where the disk is full, and nothing of it is written', async () => {
    // As PostgreSQL says it when a table cannot grow.
    await bed.admin.query(`
      CREATE FUNCTION ops.no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'could not extend file "base/1/2": No space left on device' USING ERRCODE = 'disk_full';
      END $$;
      CREATE TRIGGER no_space BEFORE INSERT ON ops.roman_events FOR EACH ROW EXECUTE FUNCTION ops.no_space();
      CREATE TRIGGER no_space BEFORE INSERT ON ops.system_logs FOR EACH ROW EXECUTE FUNCTION ops.no_space()`)
    const full = {
      status: 503,
      json: { code: 'database_unavailable', error: expect.stringContaining('no disk space left') },
    }
    expect(await call('POST', '/v1/deployments', { ...deployment, version: 'v9.9.9' })).toMatchObject(full)
    expect(await call('POST', '/v1/errors', { errors: [row({})] })).toMatchObject(full)
    expect((await bed.admin.query(`SELECT FROM ops.deployments WHERE version = 'v9.9.9'`)).rowCount).toBe(0)
    await bed.admin.query('DROP FUNCTION ops.no_space() CASCADE')
    expect(await call('POST', '/v1/deployments', { ...deployment, version: 'v9.9.9' })).toMatchObject({ status: 201 })
  })

  it('goes on being served by a version whose database was migrated by the next one, which says so', async () => {
    await bed.admin.query(
      `INSERT INTO ops._prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
       VALUES ('x', 'x', '29990101000000_later', now(), 1)`,
    )
    expect((await bed.control.readiness()).checks.migrations).toEqual({
      ok: true,
      detail: expect.stringContaining('29990101000000_later, newer than this version'),
    })
    await expect(refuseNewerSchema(bed.context.control.db.pool)).rejects.toThrow('newer than this version')
    await bed.admin.query(`DELETE FROM ops._prisma_migrations WHERE id = 'x'`)
  })
})

describe('a deploy command that prints what no database stores', async () => {
  const command = ['/bin/sh', '-c', "printf 'no \\000 good \\355\\240\\275'; exit 3"]
  const bed = await startTestBed({ deployer: JSON.stringify({ type: 'command', argv: command }) })

  it('fails its rollback with what it printed, instead of trying to write that for ever', async () => {
    const good = await bed.deploy('v1.0.0')
    await bed.untilStatus(good, 'success')
    const bad = await bed.deploy('v1.0.1')
    await bed.fail('v1.0.1', 6)
    const eventId = await bed.untilRollback(bad, ended)
    expect(await bed.control.showRollback(eventId)).toMatchObject({
      status: 'failed',
      detail: expect.stringMatching(/exited with 3\. Its last line: no \ufffd good/),
    })
    await bed.untilPhase(bad, 'ended')
  })
})

describe('a deployment that is deleted under its guard', async () => {
  const bed = await startTestBed({ watch: { window_seconds: 60 } })

  it('cannot be, but for who switches the triggers off; then the guard ends, and people are told once', async () => {
    const id = await bed.deploy('v1.0.0')
    await bed.untilPhase(id, 'watching')
    await expect(bed.admin.query('DELETE FROM ops.deployments WHERE deployment_id = $1', [id])).rejects.toThrow(
      'is refused',
    )
    await bed.admin.query(`
      BEGIN; SET LOCAL session_replication_role = replica;
      DELETE FROM ops.deployments WHERE deployment_id = '${id}'; COMMIT`)
    const { prisma } = bed.context.control.db
    await waitFor(
      async () => (await prisma.guards.findUniqueOrThrow({ where: { deployment_id: id } })).ended_at !== null,
      {
        timeoutMs: 10_000,
        describe: 'the guard to end',
      },
    )
    expect(await bed.temporal.client.workflow.getHandle(`guard:${id}`).result()).toEqual({ kind: 'deleted' })
    expect(await prisma.roman_events.findMany({ where: { event_type: 'deployment_deleted' } })).toMatchObject([
      { severity: 'critical', metadata: { deployment_id: id, service: 'storefront', environment: 'production' } },
    ])
    expect(await prisma.announcements.findMany({ where: { deployment_id: id, kind: 'orphaned' } })).toMatchObject([
      { payload: { reason: expect.stringMatching(/Record what is live there to have it watched\.$/) } },
    ])
    // And it does.
    const next = await bed.deploy('v1.0.1')
    await bed.untilPhase(next, 'watching')
    expect(await bed.control.showDeployment(next)).toMatchObject({ live: true })
  })
})
