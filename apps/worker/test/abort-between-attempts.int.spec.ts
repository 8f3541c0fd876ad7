import { setTimeout as pause } from 'node:timers/promises'
import { waitFor } from '@roman/testing'
import { describe, expect, it } from 'vitest'
import { CALL, ended, startTestBed } from './test-bed.ts'

/** A vendor that has the run and then cannot be reached: every attempt ends in an error and is tried again later. */
describe('an abort between two attempts of a deploy that was dispatched', async () => {
  const calls: { attempt: number; aborted: boolean }[] = []
  const bed = await startTestBed(
    {},
    {
      deployers: {
        of: () => ({
          type: 'unreachable',
          able: async () => ({ able: true, detail: 'now' }),
          deploy: async (_request, { attempt, signal, onDispatched }) => {
            calls.push({ attempt, aborted: signal.aborted })
            onDispatched({ id: 'run-1', url: null })
            if (signal.aborted) return { outcome: 'aborted', reason: 'The run was cancelled.', run: null }
            throw new Error('The vendor does not answer')
          },
        }),
      },
    },
  )

  it('reaches the deployer, and never says that nothing was dispatched', async () => {
    const good = await bed.deploy('v1.0.0')
    await bed.untilStatus(good, 'success')
    const bad = await bed.deploy('v1.0.1')
    await bed.fail('v1.0.1', 30)
    const eventId = await bed.untilRollback(bad, ({ phase }) => phase === 'deploying')
    await waitFor(async () => calls.length >= 4, { timeoutMs: 20_000, describe: 'a few attempts' })
    await pause(300)
    await bed.control.abort(eventId, { reason: 'Stop' }, CALL)
    await bed.untilRollback(bad, ended)
    const { status, detail } = await bed.control.showRollback(eventId)
    expect(status).toBe('failed')
    expect(detail).not.toContain('Nothing was dispatched')
    expect(calls.at(-1)).toMatchObject({ aborted: true })
  })
})
