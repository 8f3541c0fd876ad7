import { describe, expect, it } from 'vitest'
import { asApplication, testDatabase } from '../src/index.ts'
import { insertDeployment, query, runAll } from './sql.ts'

const ROLES = ['service_role', 'authenticated', 'anon'] as const
/** Rows of these are never changed, by whatever role the application has. */
const APPEND_ONLY = ['guard_verdicts', 'roman_events', 'rollback_labels']
/** Rows of these are deleted when they are no longer true. */
const DELETABLE = ['actors']
/** Nobody reads these but the application. */
const PRIVATE = ['_prisma_migrations', 'actors', 'api_tokens', 'outbox']

describe('grants on the ops schema', async () => {
  /** As the migrations leave it: whoever forgets `apply_grants` in one is seen here alone. */
  const migrated = (await testDatabase()).url
  const database = await testDatabase()
  const { url } = database
  const id = crypto.randomUUID()
  const user = crypto.randomUUID()
  await query(
    url,
    `INSERT INTO auth.users (id) VALUES ('${user}');
     ${insertDeployment(id)}
     INSERT INTO ops.guard_verdicts (deployment_id, phase, verdict, reason) VALUES ('${id}', 'window', 'breach', 'r');
     INSERT INTO ops.roman_events (event_type, severity, source, description) VALUES ('a', 'info', 'test', 'b');
     INSERT INTO ops.rollback_labels (deployment_id, label, labelled_by) VALUES ('${id}', 'right', '{}');
     INSERT INTO ops.actors (kind, identity, user_id, added_by) VALUES ('discord', '12345', '${user}', '{}')`,
  )
  // What other migrations and the application add at any time is held to the same.
  await query(
    url,
    `CREATE TABLE ops.added (id bigserial PRIMARY KEY); CREATE TABLE ops.added_history (id bigint);
     CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ops.added_history FOR EACH ROW EXECUTE FUNCTION ops.refuse_change();
     CREATE TABLE ops.parted (id bigint) PARTITION BY RANGE (id); CREATE TABLE ops.parted_all PARTITION OF ops.parted DEFAULT;
     CREATE FUNCTION ops.added() RETURNS int LANGUAGE sql AS 'SELECT 1'; SELECT ops.apply_grants()`,
  )

  const made = [
    ['the migrations make', migrated],
    ['is added later', url],
  ] as const

  const tables = (await query(
    url,
    `SELECT c.relname AS name, c.relrowsecurity AS rls, c.relispartition AS partition, ${ROLES.flatMap((role) =>
      ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'].map(
        (verb) => `has_table_privilege('${role}', c.oid, '${verb}') AS ${role}_${verb.toLowerCase()}`,
      ),
    )}
     FROM pg_class c WHERE c.relnamespace = 'ops'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1`,
  )) as ({ name: string; rls: boolean; partition: boolean } & Record<string, boolean>)[]
  const rights = (role: string) =>
    Object.fromEntries(
      tables.map(({ name, ...has }) => [
        name,
        ['select', 'insert', 'update', 'delete', 'truncate'].filter((verb) => has[`${role}_${verb}`]).join(' '),
      ]),
    )

  it('let the application write what it must, change only what it changes, and delete next to nothing', () => {
    const may = rights('service_role')
    expect(may).toMatchObject({
      _prisma_migrations: 'select',
      actors: 'select insert update delete',
      added: 'select insert update',
      added_history: 'select insert',
      announcements: 'select insert',
      api_tokens: 'select insert update',
      announcement_messages: 'select insert',
      decisions: 'select insert update',
      deployments: 'select insert update',
      freezes: 'select insert update',
      guards: 'select insert update',
      guard_verdicts: 'select insert',
      health_samples: 'select insert',
      live: 'select insert update',
      outbox: 'select insert update',
      parted: 'select insert update',
      quarantine: 'select insert update',
      roman_events: 'select insert',
      rollback_events: 'select insert update',
      rollback_labels: 'select insert',
      source_readings: 'select insert update',
      system_logs: 'select insert',
    })
    const deleting = Object.entries(may).filter(([, verbs]) => /delete|truncate/.test(verbs))
    expect(deleting.map(([name]) => name)).toEqual(DELETABLE)
  })

  it('let people who are signed in read, but for what is private, and change nothing', () => {
    const may = rights('authenticated')
    for (const { name, partition } of tables)
      expect([name, may[name]]).toEqual([name, partition || PRIVATE.includes(name) ? '' : 'select'])
  })

  it('give what is created at any time the least it needs, before anybody thinks of it', async () => {
    await query(url, 'CREATE TABLE ops.unthought_of (id bigserial PRIMARY KEY)')
    const may = (role: string) =>
      query(
        url,
        `SELECT string_agg(verb, ' ') AS verbs FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS verb WHERE has_table_privilege('${role}', 'ops.unthought_of', verb)`,
      )
    expect(await may('service_role')).toEqual([{ verbs: 'SELECT INSERT' }])
    for (const role of ['authenticated', 'anon']) expect(await may(role)).toEqual([{ verbs: null }])
    await query(url, 'DROP TABLE ops.unthought_of')
  })

  it('open partitions to nobody: they are reached through their table', () => {
    const partitions = tables.filter(({ partition }) => partition).map(({ name }) => name)
    expect(partitions).toContain('parted_all')
    for (const role of ROLES)
      for (const name of partitions) expect([role, name, rights(role)[name]]).toEqual([role, name, ''])
  })

  it('leave nothing to anybody else', async () => {
    expect(new Set(Object.values(rights('anon')))).toEqual(new Set(['']))
    await expect(query(url, 'SELECT FROM ops.deployments', 'anon')).rejects.toThrow('permission denied for schema ops')
    const toPublic = await query(
      url,
      `SELECT relname AS name FROM pg_class, aclexplode(relacl) WHERE relnamespace = 'ops'::regnamespace AND grantee IN (0, 'anon'::regrole)
       UNION ALL SELECT proname FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE pronamespace = 'ops'::regnamespace AND grantee IN (0, 'anon'::regrole)
       UNION ALL SELECT nspname FROM pg_namespace, aclexplode(nspacl) WHERE nspname = 'ops' AND grantee IN (0, 'anon'::regrole)`,
    )
    expect(toPublic).toEqual([])
  })

  it('stand behind row-level security on every table', () => {
    expect(tables.filter(({ rls }) => !rls).map(({ name }) => name)).toEqual([])
  })

  it.each(made)('give people one function and no sequence of all that %s', async (_, url) => {
    const functions = await query(
      url,
      `SELECT oid::regprocedure::text AS name FROM pg_proc
       WHERE pronamespace = 'ops'::regnamespace AND has_function_privilege('authenticated', oid, 'EXECUTE')`,
    )
    expect(functions).toEqual([{ name: 'ops.get_deployment_health(uuid,timestamp with time zone)' }])
    const onSequences = (role: string) =>
      query(
        url,
        `SELECT string_agg(DISTINCT verb, ' ') AS verbs FROM pg_class, unnest(ARRAY['SELECT', 'UPDATE', 'USAGE']) AS verb
         WHERE relnamespace = 'ops'::regnamespace AND relkind = 'S' AND has_sequence_privilege('${role}', oid, verb)`,
      )
    expect(await onSequences('service_role')).toEqual([{ verbs: 'SELECT USAGE' }])
    expect(await onSequences('authenticated')).toEqual([{ verbs: null }])
    await expect(query(url, 'SELECT ops.maintain_partitions(1, 1)', 'authenticated')).rejects.toThrow(
      'permission denied for function maintain_partitions',
    )
  })

  it.each(made)('have one policy for the application and one for people on every table that %s', async (_, url) => {
    const found = (await query(
      url,
      `SELECT c.relname AS name, c.relispartition AS partition, c.relrowsecurity AS rls, ARRAY(
         SELECT concat_ws(' ', policyname, permissive, cmd, roles, 'using', qual, 'check', with_check) FROM pg_policies
         WHERE schemaname = 'ops' AND tablename = c.relname ORDER BY 1
       ) AS policies
       FROM pg_class c WHERE c.relnamespace = 'ops'::regnamespace AND c.relkind IN ('r', 'p')`,
    )) as { name: string; partition: boolean; rls: boolean; policies: string[] }[]
    expect(found.map(({ name }) => name)).toEqual(expect.arrayContaining([...PRIVATE, 'system_logs_initial']))
    const application = 'application PERMISSIVE ALL {service_role} using true check true'
    const people = 'people_read PERMISSIVE SELECT {authenticated} using true check'
    for (const { name, partition, rls, policies } of found)
      expect({ name, rls, policies }).toEqual({
        name,
        rls: true,
        policies: partition ? [] : PRIVATE.includes(name) ? [application] : [application, people],
      })
  })

  it('give functions that run as their owner a fixed search path', async () => {
    const owners = await query(
      url,
      `SELECT proname AS name, proconfig AS settings FROM pg_proc WHERE pronamespace = 'ops'::regnamespace AND prosecdef ORDER BY 1`,
    )
    expect(owners.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['database_connections', 'get_deployment_health', 'is_user']),
    )
    for (const { name, settings } of owners)
      expect([name, settings]).toEqual([name, expect.arrayContaining(['search_path=""'])])
  })

  it.each(APPEND_ONLY)('refuse the application to change, delete or empty %s', async (table) => {
    for (const sql of [
      `UPDATE ops.${table} SET deployment_id = deployment_id`,
      `DELETE FROM ops.${table}`,
      `TRUNCATE ops.${table}`,
    ])
      await expect(
        query(url, table === 'roman_events' ? sql.replaceAll('deployment_id', 'source') : sql, 'service_role'),
      ).rejects.toThrow(`permission denied for table ${table}`)
  })

  it('show a signed-in person the health of a deployment, with numbers that PostgreSQL hides from that role', async () => {
    // Seen as `active` by who may read all statistics, as nothing by everybody else.
    const busy = expect(query(url, "SELECT pg_sleep(3) /* somebody else's query */")).rejects.toThrow(
      'canceling statement',
    )
    const waiting = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep(3)%'`
    while ((await query(url, waiting))[0]?.n !== 1);
    const health = await query(
      url,
      `SELECT ops.get_deployment_health('${id}') AS health, current_user AS who`,
      'authenticated',
    )
    expect(health).toEqual([
      { who: 'authenticated', health: expect.objectContaining({ healthy: false, error_rate_per_minute: 0 }) },
    ])
    expect((health[0]!.health as { active_queries: number }).active_queries).toBeGreaterThan(0)
    expect(await query(url, 'SELECT version FROM ops.deployments', 'authenticated')).toEqual([{ version: 'v2.5.2' }])
    for (const table of PRIVATE)
      await expect(query(url, `SELECT FROM ops.${table}`, 'authenticated')).rejects.toThrow('permission denied')
    await query(
      url,
      `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(3)%' AND datname = current_database() AND pid <> pg_backend_pid()`,
    )
    await busy
  })

  it('let a login of the application read and write through the policies', async () => {
    const application = await asApplication(database)
    expect(await query(application, 'SELECT count(*)::int AS n FROM ops.deployments')).toEqual([{ n: 1 }])
    await query(application, `UPDATE ops.deployments SET version = 'v2.5.4' WHERE deployment_id = '${id}'`)
    await query(
      application,
      `INSERT INTO ops.added DEFAULT VALUES; INSERT INTO ops.parted VALUES (1); SELECT ops.added()`,
    )
    await expect(query(application, 'SELECT FROM ops.parted_all')).rejects.toThrow('permission denied')
    await expect(query(application, 'SELECT ops.apply_grants()')).rejects.toThrow('permission denied')
    await expect(query(application, 'DELETE FROM ops.deployments')).rejects.toThrow('permission denied')
    await expect(query(application, 'SELECT FROM auth.users')).rejects.toThrow('permission denied')
  })

  it('give a login that becomes one of the roles for each request what that role has, and nothing of its own', async () => {
    const { url, name } = await testDatabase()
    await query(url, insertDeployment(id))
    const login = `authenticator_${name}`
    await query(
      url,
      `CREATE ROLE ${login} LOGIN NOINHERIT PASSWORD 'postgrest'; GRANT anon, authenticated, service_role TO ${login}`,
    )
    try {
      const own = Object.assign(new URL(url), { username: login, password: 'postgrest' }).href
      const request = async (role: string, sql: string) =>
        (await runAll(own, `BEGIN; SET LOCAL ROLE ${role}; ${sql}; COMMIT`)).at(-2)
      const read = 'SELECT version, session_user::text AS login, current_user::text AS who FROM ops.deployments'
      const health = `SELECT ops.get_deployment_health('${id}') -> 'recent_errors' AS errors`
      const write = `UPDATE ops.deployments SET version = 'v2.5.4'`

      for (const sql of [read, health, write]) {
        await expect(query(own, sql)).rejects.toThrow('permission denied for schema ops')
        await expect(request('anon', sql)).rejects.toThrow('permission denied for schema ops')
      }
      expect(await request('authenticated', read)).toEqual([{ version: 'v2.5.2', login, who: 'authenticated' }])
      expect(await request('authenticated', health)).toEqual([{ errors: 0 }])
      for (const sql of [write, 'DELETE FROM ops.deployments', insertDeployment(crypto.randomUUID())])
        await expect(request('authenticated', sql)).rejects.toThrow('permission denied for table deployments')
      await request('service_role', write)
      expect(await request('service_role', read)).toEqual([{ version: 'v2.5.4', login, who: 'service_role' }])
    } finally {
      await query(url, `DROP ROLE ${login}`)
    }
  })
})
