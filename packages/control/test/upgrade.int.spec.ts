import { readFile } from 'node:fs/promises'
import { readAnchor, startSealer, verifyDatabase } from '@roman/audit'
import { migrate, openDatabase } from '@roman/db'
import { createLogger } from '@roman/runtime'
import { asApplication, emptyDatabase, waitFor } from '@roman/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { contentsOf } from './contents.ts'
import { CALL, openTestControl } from './open-control.ts'

/** Every version that was released, with the migrations that it brought. */
const releases: Record<string, Record<string, string>> = JSON.parse(
  await readFile(new URL('../../../prisma/releases.json', import.meta.url), 'utf8'),
)
const lastOf = (version: string): string => Object.keys(releases[version]!).sort().at(-1)!

describe.each(Object.keys(releases))('a database of %s', async (version) => {
  const last = lastOf(version)
  const database = await emptyDatabase()
  const admin = openDatabase(database.url, { connectionsMax: 2 })
  afterAll(() => admin.close())
  expect(await migrate(database.url, { until: last })).toContain(last)
  await admin.pool.query(await readFile(new URL(`releases/${version}.sql`, import.meta.url), 'utf8'))
  const before = await contentsOf(admin.pool)

  it('is brought up to date with every row as it was', async () => {
    for (const [name, { rows }] of before)
      expect(rows.length, `the data of ${version} fills ${name}`).toBeGreaterThan(0)
    const applied = await migrate(database.url)
    expect(applied.every((name) => name > last)).toBe(true)
    expect(await migrate(database.url)).toEqual([])
    expect(await contentsOf(admin.pool, before)).toEqual(before)
  })

  it('goes on working: what is recorded stands, and what comes next builds on it', async () => {
    const { control } = await openTestControl(await asApplication(database))
    const live = '10000000-0000-4000-8000-000000000040'
    const place = { environment: 'production', git_branch: 'main', status: 'in_progress' as const }
    const { rollbacks } = await control.history({ limit: 500 })
    expect(rollbacks).toHaveLength(60)
    expect(await control.showRollback('20000000-0000-4000-8000-000000000057')).toMatchObject({
      status: 'success',
      detail: 'Verified: clean',
    })
    expect(await control.explainRollback('20000000-0000-4000-8000-000000000056')).toMatchObject({
      headline: expect.any(String),
    })
    expect(await control.showDeployment(live)).toMatchObject({
      live: true,
      fence: 40,
      guard: { phase: 'standing_by', decision: { kind: 'verify' } },
    })
    expect(await control.checkDeployment({ deployment_id: live })).toMatchObject({ health: { recent_errors: 0 } })
    expect((await control.listQuarantine()).quarantine.length).toBe(6)
    expect((await control.listFreezes()).freezes).toHaveLength(1)

    const row = { environment: 'production', severity: 'error', message: 'again', idempotency_key: 'log-0' }
    expect(await control.ingestErrors([row, { ...row, idempotency_key: 'new' }])).toMatchObject({
      accepted: 2,
      duplicates: 1,
    })
    const quarantined = (await control.listQuarantine()).quarantine.find(({ service }) => service === 'storefront')!
    await expect(
      control.recordDeployment(
        { ...place, version: 'v2', git_commit: quarantined.git_commit, status: 'pending' },
        CALL,
      ),
    ).rejects.toMatchObject({ code: 'commit_quarantined' })
    const next = await control.recordDeployment({ ...place, version: 'v2', git_commit: 'a7f3b29' }, CALL)
    expect(next.body).toMatchObject({ fence: 42, status: 'in_progress' })
    expect(await control.showDeployment(live)).toMatchObject({ live: false, guard: { decision: null } })
    await control.label(live, { label: 'right' }, CALL)
    const asked = await control.executeRollback(
      { deployment_id: next.body.deployment_id, trigger_reason: 'Bad' },
      CALL,
      { wait_ms: 0, signal: new AbortController().signal },
    )
    expect(await control.showRollback(asked.body.event_id)).toMatchObject({ status: 'pending' })
  })

  it('has its trail sealed, with rows that carry no hash, as only those from before may', async () => {
    const sealer = startSealer({ url: database.url, log: createLogger('test', 'silent'), settleAfterMs: 0 })
    const { rows } = await admin.pool.query(
      'SELECT max(id)::int AS newest, ops.unhashed_through()::int AS old FROM ops.roman_events',
    )
    const { newest, old } = rows[0]
    await waitFor(async () => (await readAnchor(admin)).events === newest, { timeoutMs: 10_000, describe: 'the seals' })
    await sealer.stop()
    expect(await verifyDatabase(admin)).toMatchObject({ valid: true, unsealed: 0 })
    expect(newest).toBeGreaterThan(old)
    await admin.pool.query(
      `SET session_replication_role = replica; UPDATE ops.roman_events SET content_hash = NULL; RESET session_replication_role`,
    )
    const { findings } = await verifyDatabase(admin)
    expect(findings.map(({ kind, event_id }) => [kind, event_id])).toEqual(
      Array.from({ length: newest - old }, (_, index) => ['changed', old + 1 + index]),
    )
  })

  it('keeps its history as it is kept from then on', async () => {
    for (const sql of [
      'UPDATE ops.roman_events SET source = source',
      'DELETE FROM ops.guard_verdicts',
      "UPDATE ops.rollback_events SET detail = 'x' WHERE status = 'success'",
    ])
      await expect(admin.pool.query(sql)).rejects.toThrow('is refused')
    await expect(admin.pool.query(`UPDATE ops.guards SET verdict = 'fine'`)).rejects.toThrow('guards_verdict_check')
  })
})

describe('a database of 0.1.0 that has gaps', async () => {
  const database = await emptyDatabase()
  const admin = openDatabase(database.url, { connectionsMax: 2 })
  afterAll(() => admin.close())
  await migrate(database.url, { until: lastOf('0.1.0') })
  await admin.pool.query(await readFile(new URL('releases/0.1.0.sql', import.meta.url), 'utf8'))

  it('is refused with the cure where rows are from the future, and goes on from there once they are mended', async () => {
    await admin.pool.query(`
      INSERT INTO ops.system_logs (service, environment, severity, message, occurred_at)
      VALUES ('storefront', 'production', 'error', 'a clock gone wrong', now() + interval '10 days');
      INSERT INTO ops.health_samples (deployment_id, sampled_at, phase, state, reason)
      VALUES (gen_random_uuid(), now() + interval '2 months', 'window', 'healthy', 'r')`)
    for (const table of ['system_logs', 'health_samples']) {
      const failed: Error = await migrate(database.url).then(
        () => expect.unreachable(),
        (error) => error,
      )
      expect(failed.message).toContain(
        `Migration 20261125040100_partitions_check failed and was undone: ops.${table} has`,
      )
      const [cure] = /(UPDATE|DELETE) [^;]*/.exec(failed.message)!
      expect((await admin.pool.query(cure)).rowCount).toBe(1)
    }
  })

  it('needs no snapshot that was deleted', async () => {
    const event = '20000000-0000-4000-8000-000000000060'
    const gone = '30000000-0000-4000-8000-000000000060'
    await admin.pool.query('DELETE FROM ops.system_snapshots WHERE snapshot_id = $1', [gone])
    expect((await migrate(database.url)).length).toBeGreaterThan(0)
    const { control } = await openTestControl(await asApplication(database))
    expect(await control.showRollback(event)).toMatchObject({ snapshot_id: gone, snapshots: { pre_rollback: null } })
    expect(await control.explainRollback(event)).toMatchObject({ headline: expect.any(String) })
    // Nor does one that is deleted later stand in the way.
    await admin.pool.query('UPDATE ops.rollback_events SET snapshot_id = $1 WHERE event_id = $2', [
      '30000000-0000-4000-8000-000000000059',
      event,
    ])
    await admin.pool.query('DELETE FROM ops.system_snapshots')
  })
})
