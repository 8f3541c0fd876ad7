import { verifyDatabase } from '@roman/audit'
import { isRomanError } from '@roman/contracts'
import { migrate } from '@roman/db'
import { ownPostgres, waitFor } from '@roman/testing'
import { describe, expect, it } from 'vitest'
import { CALL, commitOf, ended, startTestBed } from './test-bed.ts'

/** Writes until it is told to stop; what fails is sent again, the same. Answers what was acknowledged. */
const keepWriting = (write: (id: string) => Promise<unknown>) => {
  const acknowledged: string[] = []
  const refusals = new Set<string>()
  let stopped = false
  const run = async (): Promise<void> => {
    while (!stopped) {
      const id = crypto.randomUUID()
      for (let sent = false; !sent; ) {
        try {
          await write(id)
          acknowledged.push(id)
          sent = true
        } catch (error) {
          refusals.add(isRomanError(error) ? error.code : String(error))
          // Who stops without an answer does not know, and claims nothing.
          if (stopped) return
        }
      }
    }
  }
  const done = Promise.all([run(), run(), run()])
  return {
    acknowledged,
    refusals,
    async stop() {
      stopped = true
      await done
    },
  }
}

const missing = (wanted: readonly string[], found: readonly string[]): string[] => {
  const there = new Set(found)
  return wanted.filter((id) => !there.has(id))
}

describe('PostgreSQL killed under load', async () => {
  const server = await ownPostgres()
  await migrate(server.url)

  let deployed = (): void => {}
  const deploying = new Promise<void>((resolve) => {
    deployed = resolve
  })
  let dispatches = 0
  const bed = await startTestBed(
    { services: ['storefront', 'billing', 'load'], watch: { auto_rollback_within_seconds: 120 } },
    {
      databaseUrl: server.url,
      deployers: {
        of: (service) => ({
          type: 'gated',
          deploy: async (_request, { onDispatched }) => {
            dispatches += 1
            onDispatched({ id: 'run', url: null })
            if (service === 'storefront') await deploying
            return { outcome: 'live', run: null, output_tail: null }
          },
        }),
      },
    },
  )
  const deploy = (service: string, version: string) => bed.deploy(version, { service })
  const killAndAwait = async (): Promise<void> => {
    const { pid, restarts } = server
    process.kill(pid!, 'SIGKILL')
    await waitFor(() => server.restarts > restarts && server.isAnswering(), {
      timeoutMs: 20_000,
      describe: 'PostgreSQL to be back',
    })
  }

  it('has everything that it acknowledged, and guards and rollbacks go on to their end', {
    timeout: 60_000,
  }, async () => {
    const goods = await Promise.all([deploy('storefront', 'v1'), deploy('billing', 'v1')])
    for (const good of goods) await bed.untilStatus(good, 'success')
    const [failing, standing] = await Promise.all([deploy('storefront', 'v2'), deploy('billing', 'v2')])
    await bed.fail('v2', 6, { service: 'storefront' })
    const open = await bed.untilRollback(failing, ({ phase }) => phase === 'deploying')
    await bed.untilPhase(standing, 'standing_by')

    const logs = keepWriting((id) =>
      bed.control.ingestErrors(
        Array.from({ length: 20 }, (_, n) => ({
          service: 'load',
          environment: 'production',
          severity: 'info',
          message: 'load',
          idempotency_key: `${id}:${n}`,
        })),
      ),
    )
    const intents = keepWriting((id) =>
      bed.control.recordDeployment(
        {
          deployment_id: id,
          service: 'load',
          environment: 'production',
          version: id,
          git_commit: commitOf(id),
          git_branch: 'main',
          status: 'pending',
        },
        CALL,
      ),
    )
    const more = async (): Promise<void> => {
      const enough = [logs, intents].map(({ acknowledged }) => ({ acknowledged, count: acknowledged.length + 5 }))
      await waitFor(async () => enough.every(({ acknowledged, count }) => acknowledged.length >= count), {
        timeoutMs: 30_000,
        describe: 'five more writes of each kind',
      })
    }
    await more()
    const back = killAndAwait()
    // The deploy comes to its end while nobody can write that down.
    deployed()
    await back
    await more()
    await Promise.all([logs.stop(), intents.stop()])

    const stored = async (sql: string): Promise<string[]> => (await bed.admin.query(sql)).rows.map(({ id }) => id)
    const keys = await stored(`SELECT idempotency_key AS id FROM ops.system_logs WHERE service = 'load'`)
    const deployments = await stored(`SELECT deployment_id AS id FROM ops.deployments WHERE service = 'load'`)
    const audited = await stored(
      `SELECT metadata ->> 'deployment_id' AS id FROM ops.roman_events WHERE event_type = 'deployment_recorded'`,
    )
    const batchKeys = logs.acknowledged.flatMap((id) => Array.from({ length: 20 }, (_, n) => `${id}:${n}`))
    expect(missing(batchKeys, keys)).toEqual([])
    expect(missing(intents.acknowledged, deployments)).toEqual([])
    // Each with its line of the audit trail; and nothing twice, however often it was sent.
    expect(missing(intents.acknowledged, audited)).toEqual([])
    // Sealed before the crash, during it and after: one chain.
    const trail = await verifyDatabase({ pool: bed.admin })
    expect(trail).toMatchObject({ valid: true, complete: true, findings: [] })
    expect(trail.events).toBeGreaterThan(intents.acknowledged.length / 2)
    for (const ids of [keys, audited]) expect(new Set(ids).size).toBe(ids.length)
    for (const { refusals } of [logs, intents]) expect([...refusals]).toEqual(['database_unavailable'])

    // The guard that stood by before is the one that acts now.
    await bed.fail('v2', 60, { service: 'billing' })
    await bed.untilRollback(failing, ended)
    expect(await bed.control.showRollback(open)).toMatchObject({ status: 'success' })
    expect(await bed.status(failing)).toBe('rolled_back')
    const later = await bed.untilRollback(standing, ended)
    expect(await bed.control.showRollback(later)).toMatchObject({ status: 'success', trigger_type: 'automatic' })
    expect(dispatches).toBe(2)
    for (const id of [failing, standing]) await bed.untilPhase(id, 'ended')
  })
})
