import { DEFAULT_POLICY } from '@roman/constitution'
import { openDatabase } from '@roman/db'
import { testDatabase } from '@roman/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { readMissedTicks } from '../src/index.ts'

describe('moments that nobody watched', async () => {
  const { url } = await testDatabase()
  const db = openDatabase(url)
  afterAll(() => db.close())

  it('are blind before the server started, since nothing could be stored then, and read from what was stored after', async () => {
    const { rows } = await db.pool.query<{ up: Date }>('SELECT pg_postmaster_start_time() AS up')
    const upSinceMs = rows[0]!.up.getTime()
    const id = crypto.randomUUID()
    await db.pool.query(
      `INSERT INTO ops.deployments (deployment_id, service, environment, version, git_commit, git_branch, status, fence, policy, deployed_at)
       VALUES ($1, 'shop', 'production', 'v1', 'a7f3b29', 'main', 'in_progress', 1, $2, $3)`,
      [id, DEFAULT_POLICY, new Date(upSinceMs - 60_000)],
    )
    const ticks = []
    for await (const tick of readMissedTicks(db, id, upSinceMs - 20_000)) ticks.push(tick)
    const before = ticks.filter((tick) => tick.at_ms < upSinceMs)
    const after = ticks.filter((tick) => tick.at_ms >= upSinceMs)
    expect(before.length).toBeGreaterThan(10)
    for (const { sample } of before) {
      expect(sample.recent_errors).toBeNull()
      expect(sample.unavailable).toContain('recent_errors')
    }
    for (const { sample } of after) expect(sample).toMatchObject({ recent_errors: 0, unavailable: [] })
  })
})
