import { describe, expect, it } from 'vitest'
import { CALL, startTestBed } from './test-bed.ts'
import { hashOf, historyOf, migration } from './undo-bed.ts'

describe('migrations that come with a deployment', async () => {
  const services = ['twice', 'retried', 'scripts', 'folder', 'clock']
  const bed = await startTestBed({ services }, { worker: false })
  const { prisma, pool } = bed.context.control.db
  const record = async (service: string, version: string, more: object) =>
    (
      await bed.control.recordDeployment(
        {
          service,
          environment: 'production',
          version,
          git_commit: 'a7f3b29',
          git_branch: 'main',
          status: 'in_progress',
          ...more,
        },
        CALL,
      )
    ).body
  const rowOf = (service: string, name: string) =>
    prisma.migration_history.findFirstOrThrow({ where: { service, migration_name: name } })

  it('stay with the first one, however often they are recorded; another hash is a warning', async () => {
    const first = await record('twice', 'v1.0.0', { migrations: [migration('1_cart', 'DROP TABLE cart')] })
    expect(first.warnings).toEqual([])
    const again = await record('twice', 'v1.0.1', {
      migrations: [{ ...migration('1_cart', 'SELECT 1'), hash: 'other' }, migration('2_coupon')],
    })
    expect(again.warnings).toEqual([
      'Migration 1_cart was recorded with another hash: its file has changed since. What was recorded stays.',
    ])
    expect(await rowOf('twice', '1_cart')).toMatchObject({
      deployment_id: first.deployment_id,
      migration_hash: hashOf('1_cart'),
      rollback_script: 'DROP TABLE cart',
      environment: 'production',
    })
    expect(await rowOf('twice', '2_coupon')).toMatchObject({ deployment_id: again.deployment_id })
    // Another service may have migrations of the same name.
    await record('scripts', 'v1.0.0', { migrations: [migration('1_cart')] })
    expect(await historyOf(bed, 'scripts')).toHaveLength(1)
  })

  it('become a new attempt where they had failed or were undone; the earlier one stays on record', async () => {
    const failed = { ...migration('1_cart', 'DROP TABLE cart'), error_message: 'no way to postgres://app:hunter2@db' }
    const announced = await record('retried', 'v1.0.0', { status: 'pending' })
    await bed.control.changeDeployment(announced.deployment_id, { status: 'failed', migrations: [failed] }, CALL)
    expect(await rowOf('retried', '1_cart')).toMatchObject({ error_message: 'no way to postgres://[redacted]@db' })
    const second = await record('retried', 'v1.0.1', { migrations: [migration('1_cart')] })
    expect(await rowOf('retried', '1_cart')).toMatchObject({
      deployment_id: second.deployment_id,
      error_message: null,
      rollback_script: 'DROP TABLE cart',
      metadata: {
        earlier: [{ deployment_id: announced.deployment_id, error_message: expect.stringContaining('[redacted]') }],
      },
    })

    await pool.query(
      `UPDATE ops.migration_history SET rolled_back_at = now(), rollback_successful = true WHERE service = 'retried'`,
    )
    await record('retried', 'v1.0.1', { deployment_id: second.deployment_id, migrations: [migration('1_cart')] })
    expect(await rowOf('retried', '1_cart')).toMatchObject({ rollback_successful: true })
    const third = await record('retried', 'v1.0.2', { migrations: [migration('1_cart')] })
    expect(await rowOf('retried', '1_cart')).toMatchObject({
      deployment_id: third.deployment_id,
      rolled_back_at: null,
      rollback_successful: null,
      metadata: { earlier: [{}, { deployment_id: second.deployment_id, rollback_successful: true }] },
    })
  })

  it('are refused with an intent whose script cannot run whole; with a fact they are recorded without it', async () => {
    const bad = { migrations: [migration('2_index', 'DROP INDEX CONCURRENTLY carts_by_user')] }
    await expect(record('scripts', 'v2.0.0', { ...bad, status: 'pending' })).rejects.toMatchObject({
      code: 'invalid_request',
      message:
        'migrations: The rollback script of 2_index has DROP INDEX … CONCURRENTLY, which cannot run in a transaction. Correct it, or leave it out.',
    })
    expect((await record('scripts', 'v2.0.0', bad)).warnings).toEqual([
      'The rollback script of 2_index has DROP INDEX … CONCURRENTLY, which cannot run in a transaction. The migration is recorded without it, so it cannot be undone.',
    ])
    expect(await rowOf('scripts', '2_index')).toMatchObject({ rollback_script: null })
    const corrected = await record('scripts', 'v2.0.1', {
      migrations: [migration('2_index', 'DROP INDEX carts_by_user')],
    })
    expect(corrected.warnings).toEqual([])
    expect(await rowOf('scripts', '2_index')).toMatchObject({ rollback_script: 'DROP INDEX carts_by_user' })
  })

  it('of a whole folder that is recorded for the first time belong to nobody in particular', async () => {
    const all = { migrations: [migration('1_old'), migration('2_old')], migrations_tool: 'prisma' }
    expect((await record('folder', 'v1.0.0', all)).warnings).toEqual([
      expect.stringContaining('the first migrations recorded here'),
    ])
    const more = { ...all, migrations: [...all.migrations, migration('3_new')] }
    expect((await record('folder', 'v1.0.1', more)).warnings).toEqual([])
    expect((await rowOf('folder', '1_old')).metadata).toEqual({ tool: 'prisma', baseline: true })
    expect((await rowOf('folder', '3_new')).metadata).toEqual({ tool: 'prisma' })
  })

  it('were not applied in the future, and are known by hand-written rows too', async () => {
    const { deployment_id } = await record('clock', 'v1.0.0', {
      migrations: [{ ...migration('1_cart'), applied_at: '2999-01-01T00:00:00Z' }],
    })
    expect((await rowOf('clock', '1_cart')).applied_at!.getTime()).toBeLessThan(Date.now() + 60_000)
    await pool.query(
      `INSERT INTO ops.migration_history (deployment_id, migration_name, migration_hash) VALUES ($1, '2_coupon', 'x')`,
      [deployment_id],
    )
    expect(await rowOf('clock', '2_coupon')).toMatchObject({ environment: 'production' })
    await expect(
      pool.query(
        `INSERT INTO ops.migration_history (deployment_id, migration_name, migration_hash) VALUES ($1, '2_coupon', 'y')`,
        [deployment_id],
      ),
    ).rejects.toThrow(/migration_history_service_environment_migration_name_key/)
  })
})
