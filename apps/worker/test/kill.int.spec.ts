import { readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { killableBed } from './killable-bed.ts'
import { ended, type TestBed, type TestEnvironment } from './test-bed.ts'
import { historyOf, knownGood, migration, prismaApplied, rollBack, serviceDatabase } from './undo-bed.ts'

/** How often the deployer really ran: each run appends a line. */
const deployerThatCounts = (seconds: number) =>
  JSON.stringify({
    type: 'command',
    argv: ['/bin/sh', '-c', `echo ran >> "$0/dispatches"; sleep ${seconds}`, '{state}'],
    grace_seconds: 1,
  })

const expectOneRollback = async (bed: TestBed, bad: string, stateDir: string): Promise<void> => {
  await bed.untilRollback(bad, ended, 45_000)
  const { rollbacks } = await bed.control.history({ limit: 10 })
  expect(rollbacks).toHaveLength(1)
  expect(rollbacks[0]).toMatchObject({ status: 'success' })
  expect(await bed.status(bad)).toBe('rolled_back')
  const replacements = await bed.context.control.db.prisma.deployments.findMany({ where: { rollback_from: bad } })
  expect(replacements).toMatchObject([{ status: 'success', health_check_passed: true }])
  const dispatches = await readFile(path.join(stateDir, 'dispatches'), 'utf8')
  expect(dispatches).toBe('ran\n')
  expect(await readdir(stateDir)).toContain(rollbacks[0]!.event_id)
}

// Mostly they wait for a dead worker to be noticed, so they wait together.
describe.concurrent('a worker that is killed', async () => {
  const prepare = async (deploySeconds: number, watch: TestEnvironment['watch'] = {}) => {
    const parts = await killableBed({
      deployer: deployerThatCounts(deploySeconds),
      watch: { window_seconds: 4, ...watch },
    })
    // The deployer's own configuration cannot name the state directory, so the command is told by a placeholder.
    const config = (await readFile(parts.bed.env.config_file, 'utf8')).replace('{state}', parts.stateDir)
    await writeFile(parts.bed.env.config_file, config)
    return parts
  }
  const deployGood = async (bed: TestBed) => {
    const good = await bed.deploy('v1.0.0')
    await bed.untilStatus(good, 'success', 30_000)
  }

  it('during the watch: the breach is judged by the next one, from stored errors', { timeout: 90_000 }, async () => {
    const { bed, startProcess, stateDir } = await prepare(0)
    const first = await startProcess()
    await deployGood(bed)
    const bad = await bed.deploy('v1.0.1')
    await bed.untilPhase(bad, 'watching')
    await first.kill('SIGKILL')
    await bed.fail('v1.0.1', 6)
    await startProcess()
    await expectOneRollback(bed, bad, stateDir)
  })

  it('between the verdict and its report: the verdict stands', { timeout: 90_000 }, async () => {
    const { bed, startProcess, stateDir } = await prepare(0)
    const doomed = await startProcess('after-verdict')
    await deployGood(bed)
    const bad = await bed.deploy('v1.0.1')
    await bed.fail('v1.0.1', 6)
    expect(await doomed.exited).toMatchObject({ signal: 'SIGKILL' })
    expect((await bed.control.showDeployment(bad)).guard).toMatchObject({ verdict: 'breach' })
    await startProcess()
    await expectOneRollback(bed, bad, stateDir)
  })

  it('during the deploy: the next one attaches to the run', { timeout: 90_000 }, async () => {
    const { bed, startProcess, stateDir } = await prepare(3)
    const first = await startProcess()
    await deployGood(bed)
    const bad = await bed.deploy('v1.0.1')
    await bed.fail('v1.0.1', 6)
    await bed.untilRollback(bad, ({ phase }) => phase === 'deploying')
    await first.kill('SIGKILL')
    await startProcess()
    await expectOneRollback(bed, bad, stateDir)
  })

  it('during the verification: the next one goes on', { timeout: 90_000 }, async () => {
    const { bed, startProcess, stateDir } = await prepare(0, { verify_seconds: 3, verify_deadline_seconds: 30 })
    const first = await startProcess()
    await deployGood(bed)
    const bad = await bed.deploy('v1.0.1')
    await bed.fail('v1.0.1', 6)
    await bed.untilRollback(bad, ({ phase }) => phase === 'verifying')
    await first.kill('SIGKILL')
    await startProcess()
    await expectOneRollback(bed, bad, stateDir)
  })

  it('between the commit of a rollback script and its record: each is run exactly once', {
    timeout: 90_000,
  }, async () => {
    const own = await serviceDatabase('CREATE TABLE runs (name text PRIMARY KEY, n int DEFAULT 0)')
    const { bed, startProcess } = await killableBed(
      { differs: { storefront: { migrations: 'undo', migrations_url_env: 'OWN_URL' } } },
      { OWN_URL: own.url },
    )
    const names = ['1_cart', '2_coupon']
    await knownGood(bed, 'storefront')
    for (const name of names) {
      await own.pool.query('INSERT INTO runs (name) VALUES ($1)', [name])
      await prismaApplied(own.pool, name)
    }
    const bad = await bed.deploy('v2.0.0', {
      migrations: names.map((name) => migration(name, `UPDATE runs SET n = n + 1 WHERE name = '${name}'`)),
    })
    const doomed = await startProcess('between-databases')
    const ending = rollBack(bed, bad)
    expect(await doomed.exited).toMatchObject({ signal: 'SIGKILL' })
    expect((await own.pool.query('SELECT n FROM runs ORDER BY name')).rows).toEqual([{ n: 0 }, { n: 1 }])
    expect((await historyOf(bed, 'storefront')).map((row) => row.rollback_successful)).toEqual([null, null])

    await startProcess()
    expect(await ending).toMatchObject({ kind: 'verified' })
    expect((await own.pool.query('SELECT n FROM runs ORDER BY name')).rows).toEqual([{ n: 1 }, { n: 1 }])
    expect((await historyOf(bed, 'storefront')).map((row) => row.rollback_successful)).toEqual([true, true])
    const undone = await bed.context.control.db.prisma.roman_events.count({ where: { event_type: 'migration_undone' } })
    expect(undone).toBe(2)
  })
})
