import { describe, expect, it } from 'vitest'
import { createLogger, loadEnv, serveHealth, waitFor, withoutPassword } from '../src/index.ts'

const log = createLogger('test', 'silent')

describe('the environment', () => {
  it('names each variable that is not usable', () => {
    expect(() => loadEnv({ ROMAN_API_PORT: 'http', LOG_LEVEL: 'loud' })).toThrow(/ROMAN_API_PORT: .*LOG_LEVEL: /s)
  })

  it('takes an empty variable for an unset one', () => {
    expect(loadEnv({ ROMAN_KEY: '', ROMAN_API_PORT: '' })).toMatchObject({
      service_key: undefined,
      api: { port: 8080 },
    })
  })

  it('is not shown with passwords', () => {
    expect(withoutPassword('postgresql://u:secret@db/x')).toBe('postgresql://u:***@db/x')
  })
})

describe('waiting at start', () => {
  it('goes on as soon as what it waits for answers', async () => {
    let tries = 0
    const answer = await waitFor(
      'PostgreSQL',
      'Start it.',
      async () => {
        tries += 1
        if (tries < 3) throw new Error('refused')
        return 'up'
      },
      { timeoutMs: 5_000, log },
    )
    expect([answer, tries]).toEqual(['up', 3])
  })

  it('gives up after its bound, with the fact and the way out', async () => {
    const attempt = async () => {
      throw new Error('connect ECONNREFUSED 127.0.0.1:1')
    }
    await expect(
      waitFor('PostgreSQL', 'Start it, or correct DATABASE_URL.', attempt, { timeoutMs: 300, log }),
    ).rejects.toThrow(/PostgreSQL did not answer within .*ECONNREFUSED.*correct DATABASE_URL/)
  })
})

describe('the health port', () => {
  it('answers 503 until the process works, 200 then', async () => {
    const { freePort } = await import('@roman/testing')
    const port = await freePort()
    const health = await serveHealth(port, '127.0.0.1')
    const ask = async (path = '/healthz') => (await fetch(`http://127.0.0.1:${port}${path}`)).status
    expect(await ask()).toBe(503)
    health.ready()
    expect([await ask(), await ask('/else')]).toEqual([200, 404])
    await expect(serveHealth(port, '127.0.0.1')).rejects.toThrow(/cannot be opened.*ROMAN_HEALTH_PORT/)
    await health.close()
  })
})
