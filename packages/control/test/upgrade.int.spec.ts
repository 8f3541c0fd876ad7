import { readFile } from 'node:fs/promises'
import { migrate, openDatabase } from '@roman/db'
import { asApplication, emptyDatabase } from '@roman/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { contentsOf } from './contents.ts'
import { CALL, openTestControl } from './open-control.ts'

/** Every version that was released, with its last migration. */
const releases = JSON.parse(
  await readFile(new URL('../../../prisma/releases.json', import.meta.url), 'utf8'),
) as Record<string, string>

describe.each(Object.entries(releases))('a database of %s', async (version, last) => {
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
