import { waitFor } from '@roman/local-stack'
import { afterEach, describe, expect, it } from 'vitest'
import { createSourcePool, type SourceFailure, type SourcePoolOptions } from '../src/index.ts'
import { type FakeSource, fakeSource, saying } from './fake-source.ts'

const failure = (idempotency_key: string): SourceFailure => ({ message: 'answered 500', idempotency_key })
const until = (describe: string, condition: () => unknown) =>
  waitFor(condition, { timeoutMs: 5_000, describe, intervalMs: 2 })

let closeAll: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(closeAll.map((close) => close()))
  closeAll = []
})

/** A pool over fakes, and all that it did. */
function poolOf(sources: FakeSource[] | (() => FakeSource[]), options: Partial<SourcePoolOptions> = {}) {
  const seen = { made: 0, failures: [] as unknown[], log: [] as { level: string; facts: object; text: string }[] }
  const pool = createSourcePool({
    sourcesOf: () => {
      seen.made += 1
      return typeof sources === 'function' ? sources() : sources
    },
    onFailures: (service, environment, failures) => {
      seen.failures.push({ service, environment, failures })
    },
    log: {
      info: (facts, text) => seen.log.push({ level: 'info', facts, text }),
      warn: (facts, text) => seen.log.push({ level: 'warn', facts, text }),
    },
    ...options,
  })
  closeAll.push(() => pool.close())
  return { pool, seen, latest: () => pool.latest('storefront', 'production') }
}

describe('a source pool', () => {
  it('has nothing to say of an environment without sources', () => {
    expect(poolOf([]).latest()).toEqual({ values: {}, unavailable: [] })
  })

  it('says what is unavailable until the first reading, and then the reading', async () => {
    const source = fakeSource({ supplies: ['memory_percent'] })
    source.says = saying({ values: { memory_percent: 40 } })
    const { latest } = poolOf([source])
    expect(latest()).toEqual({ values: {}, unavailable: ['memory_percent'] })
    await until('a reading', () => latest().values.memory_percent === 40)
    expect(latest().unavailable).toEqual([])
  })

  it('tells what is known whenever a source was read, one telling at a time', async () => {
    const [quick, slow] = [fakeSource({ supplies: ['memory_percent'] }), fakeSource({ supplies: ['p95_response_ms'] })]
    quick.says = saying({ values: { memory_percent: 40 } })
    slow.says = new Promise(() => {})
    const told: unknown[] = []
    let release = () => {}
    const { latest } = poolOf([quick, slow], {
      onLatest: async (service, environment, reading, freshMs) => {
        told.push({ service, environment, ...reading, freshMs })
        await new Promise<void>((resolve) => {
          release = resolve
        })
      },
    })
    latest()
    await until('more reads than tellings', () => quick.reads >= 4)
    expect(told).toEqual([
      {
        service: 'storefront',
        environment: 'production',
        values: { memory_percent: 40 },
        unavailable: ['p95_response_ms'],
        freshMs: 3 * 20 + 200,
      },
    ])
    quick.says = saying({ values: { memory_percent: 41 } })
    await until('the new reading', () => latest().values.memory_percent === 41)
    release()
    await until('the next telling', () => told.length === 2)
    expect(told[1]).toMatchObject({ values: { memory_percent: 41 } })
    release()
  })

  it('tells that an environment has no source', async () => {
    const told: unknown[] = []
    const { latest } = poolOf([], {
      onLatest: async (_service, _environment, reading) => {
        told.push(reading)
      },
    })
    latest()
    latest()
    expect(told).toEqual([null])
  })

  it('reads once an interval, however many ask', async () => {
    const source = fakeSource({ interval_ms: 50 })
    const { latest, seen } = poolOf([source])
    const startedAt = performance.now()
    await until('four reads', () => {
      for (let n = 0; n < 20; n += 1) latest()
      return source.reads >= 4
    })
    // The first interval is as long as is left of it.
    expect(performance.now() - startedAt).toBeGreaterThan(90)
    expect(seen.made).toBe(1)
  })

  it('never has two reads of one source under way', async () => {
    const source = fakeSource({ interval_ms: 5, timeout_ms: 30 })
    source.says = new Promise(() => {})
    const read = source.read
    let underWay = 0
    let mostUnderWay = 0
    source.read = async (signal) => {
      mostUnderWay = Math.max(mostUnderWay, ++underWay)
      const reading = await read(signal)
      underWay -= 1
      return reading
    }
    const { latest } = poolOf([source])
    latest()
    await until('reads that take longer than the interval', () => source.reads === 4)
    expect(mostUnderWay).toBe(1)
  })

  it('keeps environments apart', async () => {
    const [one, other] = [fakeSource(), fakeSource()]
    one.says = saying({ values: { memory_percent: 1 } })
    other.says = saying({ values: { memory_percent: 2 } })
    const { pool } = poolOf([], { sourcesOf: (_, environment) => [environment === 'production' ? one : other] })
    await until('both to be read', () =>
      ['production', 'staging'].every((environment) => pool.latest('s', environment).values.memory_percent),
    )
    expect(pool.latest('s', 'production').values.memory_percent).toBe(1)
    expect(pool.latest('s', 'staging').values.memory_percent).toBe(2)
  })

  it('holds the worse of two values, and takes a blind source for blind whatever another one sees', async () => {
    const [one, other] = [fakeSource(), fakeSource()]
    one.says = saying({ values: { p95_response_ms: 80, memory_percent: 20 } })
    other.says = saying({ values: { p95_response_ms: 90 }, unavailable: ['memory_percent'] })
    const { latest } = poolOf([one, other])
    await until('both to be read', () => !latest().unavailable.includes('fake'))
    expect(latest()).toEqual({
      values: { p95_response_ms: 90, memory_percent: 20 },
      unavailable: ['memory_percent'],
    })
  })

  it('takes a reading older than three intervals and a timeout for none', async () => {
    const source = fakeSource({ interval_ms: 10, timeout_ms: 30, supplies: ['memory_percent'] })
    source.says = saying({ values: { memory_percent: 40 } })
    const { latest } = poolOf([source])
    await until('a reading', () => latest().values.memory_percent === 40)
    // A read that breaks its promise and does not end.
    source.read = () => new Promise(() => {})
    const startedAt = performance.now()
    await until('the reading to be stale', () => latest().unavailable.includes('memory_percent'))
    expect(latest().values).toEqual({})
    expect(performance.now() - startedAt).toBeGreaterThan(45)
    source.close = async () => {}
    closeAll = []
  })

  it('goes on when a source breaks its promise and throws', async () => {
    const source = fakeSource({ supplies: ['memory_percent'] })
    source.says = saying({ values: { memory_percent: 40 } })
    const read = source.read
    source.read = () => Promise.reject(new Error('postgres://u:hunter2@db'))
    const { latest, seen } = poolOf([source])
    latest()
    await until('a word in the log', () => seen.log.length > 0)
    expect(JSON.stringify(seen.log)).not.toContain('hunter2')
    source.read = read
    await until('a reading', () => latest().values.memory_percent === 40)
  })

  it('hands over each failure once, with whose it is', async () => {
    const source = fakeSource()
    source.says = saying({ failures: [failure('k1')] })
    const { latest, seen } = poolOf([source])
    latest()
    await until('the failure', () => seen.failures.length > 0)
    expect(seen.failures[0]).toEqual({ service: 'storefront', environment: 'production', failures: [failure('k1')] })
    source.says = saying({})
    const { reads } = source
    await until('two more reads', () => source.reads > reads + 2)
    expect(seen.failures.length).toBeLessThanOrEqual(reads)
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('hunter2')
      },
    ],
    ['rejects', () => Promise.reject(new Error('hunter2'))],
  ])('logs failures that could not be stored when that %s, without the reason, and reads on', async (_, onFailures) => {
    const source = fakeSource()
    source.says = saying({ failures: [failure('k1'), failure('k2')] })
    const { latest, seen } = poolOf([source], { onFailures })
    latest()
    await until('two more reads', () => source.reads > 2 && seen.log.length > 1)
    expect(seen.log[0]).toMatchObject({ level: 'warn', facts: { service: 'storefront', lost: 2 } })
    expect(JSON.stringify(seen.log)).not.toContain('hunter2')
  })

  it('tells the log when it loses its sight and when it regains it, once each', async () => {
    const source = fakeSource()
    source.says = saying({ unavailable: ['memory_percent'] })
    const { latest, seen } = poolOf([source])
    latest()
    await until('several reads', () => source.reads > 3)
    source.says = saying({})
    await until('sight', () => latest().unavailable.length === 0 && source.reads > 6)
    expect(seen.log.map(({ level, facts }) => [level, facts])).toEqual([
      ['warn', { service: 'storefront', environment: 'production', source: 'fake', unavailable: ['memory_percent'] }],
      ['info', { service: 'storefront', environment: 'production', source: 'fake' }],
    ])
  })

  it('stops reading what nobody asks for any more, and begins again when somebody does', async () => {
    const made: FakeSource[] = []
    const { latest } = poolOf(
      () => {
        made.push(fakeSource())
        return [made.at(-1)!]
      },
      { idleMs: 60 },
    )
    latest()
    await until('the source to be closed', () => made[0]?.closed)
    const { reads } = made[0]!
    latest()
    expect(made).toHaveLength(2)
    await until('the new source to be read', () => made[1]!.reads > 2)
    expect(made[0]!.reads).toBe(reads)
  })

  it('makes the sources anew when their configuration has changed', async () => {
    const made: FakeSource[] = []
    let configured = 'one'
    const { latest } = poolOf(
      () => {
        made.push(fakeSource())
        return [made.at(-1)!]
      },
      { configuredAs: () => configured },
    )
    latest()
    latest()
    expect(made).toHaveLength(1)
    configured = 'another'
    latest()
    latest()
    expect(made).toHaveLength(2)
    await until('the old source to be closed', () => made[0]!.closed)
  })

  it('closes cleanly: ends reads, waits for failures on their way, and is blind from then on', async () => {
    const [hanging, failing] = [fakeSource({ timeout_ms: 60_000 }), fakeSource()]
    hanging.says = new Promise(() => {})
    failing.says = saying({ failures: [failure('k')] })
    let stored = false
    let begun = false
    const { pool, latest } = poolOf([hanging, failing], {
      onFailures: async () => {
        begun = true
        await new Promise((resolve) => setTimeout(resolve, 50))
        stored = true
      },
    })
    latest()
    await until('a failure on its way', () => begun)
    await pool.close()
    expect([stored, hanging.closed, failing.closed]).toEqual([true, true, true])
    const { reads } = failing
    expect(latest()).toEqual({ values: {}, unavailable: ['health sources'] })
    expect(failing.reads).toBe(reads)
  })
})
