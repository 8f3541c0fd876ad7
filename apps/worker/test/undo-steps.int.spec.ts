import { type ControlContext, undoMigrations } from '@roman/control'
import { beforeAll, describe, expect, it } from 'vitest'
import { startTestBed, type TestBed } from './test-bed.ts'
import { historyOf, migration, PRISMA_TABLE, prismaApplied, readyToUndo, serviceDatabase } from './undo-bed.ts'

const undo = (bed: TestBed, eventId: string, control: ControlContext = bed.context.control) =>
  undoMigrations(control, eventId, new AbortController().signal)

/**
 * As a process that dies in the nth transaction of the ops database: before it has done anything, or when it is about to
 * commit. The first notes that the step began, the second looks whether a script may run, the third commits it.
 */
const dyingIn = ({ context }: TestBed, nth: number, when: 'before' | 'after'): ControlContext => {
  const { db } = context.control
  let count = 0
  const transaction: typeof db.transaction = (work) =>
    db.transaction(async (tx) => {
      count += 1
      if (count >= nth && when === 'before') throw new Error('Died')
      const result = await work(tx)
      if (count >= nth) throw new Error('Died')
      return result
    })
  return { ...context.control, db: Object.assign(Object.create(db), { transaction }) }
}

describe('undoing migrations', async () => {
  const own = await serviceDatabase('CREATE TABLE runs (name text)')
  const services = ['commits', 'waits', 'overtaken', 'died', 'slow', 'unplanned', 'gone', 'doubtful']
  const migrations = { migrations: 'undo', migrations_url_env: 'OWN_URL', undo_lock_timeout_seconds: 0.1 }
  const bed = await startTestBed(
    { services, differs: Object.fromEntries(services.map((service) => [service, migrations])) },
    { worker: false, variables: { OWN_URL: own.url } },
  )
  const { db } = bed.context.control
  const run = (name: string) => `INSERT INTO runs VALUES ('${name}')`
  const markInDoubt = (name: string, undo: object) =>
    db.pool.query(
      `UPDATE ops.migration_history SET metadata = jsonb_set(coalesce(metadata, '{}'), '{undo}', $1) WHERE migration_name = $2`,
      [JSON.stringify(undo), name],
    )
  const runs = async (prefix: string) =>
    (await own.pool.query<{ name: string }>('SELECT name FROM runs WHERE name LIKE $1', [`${prefix}%`])).rows.map(
      ({ name }) => name,
    )

  it('leaves no room for a script that commits by itself, also one that nobody examined', async () => {
    const event = await readyToUndo(bed, 'commits', [migration('commits_1', run('commits_1'))])
    await db.pool.query(`UPDATE ops.migration_history SET rollback_script = $1 WHERE migration_name = 'commits_1'`, [
      `${run('commits_1')}; COMMIT; SELECT 1/0`,
    ])
    expect(await undo(bed, event)).toMatchObject({ kind: 'ended', status: 'failed' })
    expect(await runs('commits')).toEqual([])
    expect(await historyOf(bed, 'commits')).toMatchObject([
      { rollback_successful: false, error_message: expect.stringContaining('transaction commands') },
    ])
  })

  it('tries a script again that waited too long for a lock', async () => {
    const event = await readyToUndo(bed, 'waits', [migration('waits_1', `LOCK runs; ${run('waits_1')}`)])
    const holder = await own.pool.connect()
    await holder.query('BEGIN; LOCK runs IN SHARE MODE')
    const ending = undo(bed, event)
    await expect
      .poll(
        async () =>
          (await db.pool.query(`SELECT FROM ops.migration_history WHERE metadata -> 'undo' ? 'xid'`)).rowCount,
      )
      .toBe(1)
    setTimeout(() => holder.query('ROLLBACK').finally(() => holder.release()), 300)
    expect(await ending).toEqual({ kind: 'settled', detail: 'Undone, newest first: waits_1' })
    expect(await runs('waits')).toEqual(['waits_1'])
  })

  it('ends where another deployment went live after the first script, and leaves that one alone', async () => {
    const names = ['overtaken_1', 'overtaken_2']
    const event = await readyToUndo(
      bed,
      'overtaken',
      names.map((name) => migration(name, run(name))),
    )
    await expect(undo(bed, event, dyingIn(bed, 3, 'after'))).rejects.toThrow('Died')
    expect(await runs('overtaken')).toEqual(['overtaken_2'])
    const other = await bed.deploy('v3.0.0', { service: 'overtaken' })
    expect(await undo(bed, event)).toEqual({
      kind: 'ended',
      status: 'failed',
      detail:
        'A newer deployment went live before the rollback was verified: Undone: overtaken_2. Not undone: overtaken_1. Why: another deployment went live meanwhile.',
    })
    expect(await runs('overtaken')).toEqual(['overtaken_2'])
    expect(await bed.control.showDeployment(other)).toMatchObject({ live: true, status: 'in_progress' })
    const after = await bed.control.showRollback(event)
    expect(after).toMatchObject({ status: 'failed' })
  })

  it('runs a script again whose transaction died before its commit', async () => {
    const event = await readyToUndo(bed, 'died', [migration('died_1', run('died_1'))])
    await expect(undo(bed, event, dyingIn(bed, 3, 'before'))).rejects.toThrow('Died')
    expect(await runs('died')).toEqual([])
    expect(await undo(bed, event)).toMatchObject({ kind: 'settled' })
    expect(await runs('died')).toEqual(['died_1'])
    expect(await undo(bed, event)).toMatchObject({ kind: 'settled' })
    expect(await runs('died')).toEqual(['died_1'])
  })

  it('undoes nothing below a migration that was applied since the judgement', async () => {
    const event = await readyToUndo(bed, 'unplanned', [migration('unplanned_1', run('unplanned_1'))])
    await prismaApplied(own.pool, 'unplanned_2')
    try {
      expect(await undo(bed, event)).toMatchObject({ detail: expect.stringContaining('unplanned_2 was applied since') })
      expect(await runs('unplanned')).toEqual([])
    } finally {
      await own.pool.query('DELETE FROM _prisma_migrations')
    }
  })

  it('does not run the script of a migration that somebody undid and resolved', async () => {
    const event = await readyToUndo(bed, 'gone', [migration('gone_1', run('gone_1'))], (name) =>
      prismaApplied(own.pool, name),
    )
    await own.pool.query('UPDATE _prisma_migrations SET rolled_back_at = now()')
    expect(await undo(bed, event)).toMatchObject({ kind: 'settled' })
    expect(await runs('gone')).toEqual([])
    expect(await historyOf(bed, 'gone')).toMatchObject([
      { rolled_back_at: expect.any(Date), rollback_successful: null },
    ])
  })

  it('waits for an earlier attempt’s transaction that is still under way, and takes its end for what it is', async () => {
    const event = await readyToUndo(bed, 'slow', [migration('slow_1', run('slow_1'))])
    const earlier = await own.pool.connect()
    await earlier.query('BEGIN')
    await earlier.query(run('slow_1'))
    const { rows } = await earlier.query('SELECT pg_current_xact_id()::text AS xid')
    await markInDoubt('slow_1', { event_id: event, outcome: 'in_doubt', tries: 1, xid: rows[0].xid, cluster: null })
    const ending = undo(bed, event)
    setTimeout(() => earlier.query('COMMIT').finally(() => earlier.release()), 300)
    expect(await ending).toMatchObject({ kind: 'settled' })
    expect(await runs('slow')).toEqual(['slow_1'])
    expect(await historyOf(bed, 'slow')).toMatchObject([{ rollback_successful: true }])
  })

  it('claims nothing where the fate of a commit cannot be learnt', async () => {
    const event = await readyToUndo(bed, 'doubtful', [migration('doubtful_1', run('doubtful_1'))])
    await markInDoubt('doubtful_1', { event_id: event, outcome: 'in_doubt', xid: '4000000000', cluster: null })
    expect(await undo(bed, event)).toMatchObject({ detail: expect.stringContaining('its fate cannot be learnt') })
    expect(await runs('doubtful')).toEqual([])
    expect(await historyOf(bed, 'doubtful')).toMatchObject([{ rolled_back_at: null, rollback_successful: null }])
  })
})

describe('where the service shares the ops database', async () => {
  const bed = await startTestBed({ differs: { storefront: { migrations: 'undo' } } }, { worker: false })
  const { pool } = bed.context.control.db
  beforeAll(async () => {
    await bed.admin.query('GRANT CREATE ON SCHEMA public TO PUBLIC')
    await pool.query(`${PRISMA_TABLE}; CREATE TABLE public.runs (name text)`)
  })

  it('script, Prisma’s table and history are one transaction: what dies after it changes nothing', async () => {
    const event = await readyToUndo(
      bed,
      'storefront',
      [migration('1_cart', `INSERT INTO runs VALUES ('1_cart')`)],
      (name) => prismaApplied(pool, name),
    )
    await expect(undo(bed, event, dyingIn(bed, 3, 'after'))).rejects.toThrow('Died')
    expect(await historyOf(bed, 'storefront')).toMatchObject([
      { rolled_back_at: expect.any(Date), rollback_successful: true },
    ])
    expect(await undo(bed, event)).toMatchObject({ kind: 'settled' })
    expect((await pool.query('SELECT name FROM runs')).rows).toEqual([{ name: '1_cart' }])
    expect((await pool.query('SELECT FROM _prisma_migrations WHERE rolled_back_at IS NULL')).rowCount).toBe(0)
    const audited = await bed.context.control.db.prisma.roman_events.count({
      where: { event_type: 'migration_undone' },
    })
    expect(audited).toBe(1)
  })
})
