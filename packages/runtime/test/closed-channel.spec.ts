import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { isTemporalUnavailable, openTemporal } from '../src/temporal.ts'

it('a call with a deadline is not tried again when that would be too late, and says what was wrong', async () => {
  const { connection } = openTemporal({ address: '127.0.0.1:1', namespace: 'default', api_key: undefined, tls: false })
  onTestFinished(() => connection.close())
  const call = connection.withDeadline(Date.now() + 590, () => connection.operatorService.listSearchAttributes({}))
  await expect(call).rejects.toMatchObject({ code: 14, details: expect.stringContaining('ECONNREFUSED') })
})

describe('a connection that is closed', () => {
  // Nobody listens at port 1.
  const settings = { address: '127.0.0.1:1', namespace: 'default', api_key: 'secret', tls: false }
  const thrown: Error[] = []
  const listeners = process.listeners('uncaughtException')

  beforeEach(() => {
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => thrown.push(error))
  })
  afterEach(() => {
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
  })

  it('ends a call that was waiting for its next attempt, and throws at nobody', async () => {
    const { connection } = openTemporal(settings)
    const call = connection.operatorService.listSearchAttributes({ namespace: 'default' })
    const answer = call.then(
      () => 'answered',
      (error) => error,
    )
    // Attempts follow each other after 0.1 s and then ever longer: the third waits for its time.
    await pause(400)
    await connection.close()
    const error = await Promise.race([answer, pause(5_000, 'nothing')])
    expect(error).toMatchObject({ code: 1, details: 'Channel has been shut down' })
    expect(JSON.stringify(error.metadata)).not.toContain('secret')
    expect(isTemporalUnavailable(error)).toBe(true)
    expect(thrown).toEqual([])
  })

  it('refuses a call that comes later', async () => {
    const { client, connection } = openTemporal(settings)
    await connection.close()
    await expect(client.workflow.getHandle('rollback:1').describe()).rejects.toSatisfy(isTemporalUnavailable)
    expect(thrown).toEqual([])
  })
})
