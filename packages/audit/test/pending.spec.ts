import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPending } from '../src/pending.ts'
import { GENESIS, type Head, nextSeal, type Seal } from '../src/seal.ts'
import { batchOf, textOf, verify } from './history.ts'

const SETTLE_AFTER_MS = 10

/** What may happen, in any order: people write, and a sealer does its work in single steps, or dies. */
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constant({ do: 'begin' } as const) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('commit' as const), who: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('abort' as const), who: fc.nat() }) },
    { weight: 4, arbitrary: fc.constant({ do: 'read writers' } as const) },
    { weight: 4, arbitrary: fc.constant({ do: 'read rows and seal' } as const) },
    { weight: 1, arbitrary: fc.constant({ do: 'another takes over' } as const) },
    { weight: 1, arbitrary: fc.constant({ do: 'wait' } as const) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('jump' as const), by: fc.integer({ min: 1, max: 5_000_000 }) }),
    },
  ),
  // Without it arrays stay short, and most races need a dozen steps.
  { maxLength: 120, size: 'max' },
)

/** PostgreSQL, as far as a sealer sees it, and the sealer over it; one step at a time. */
const world = (batchMax: number) => {
  const visible = new Set<number>()
  const running: number[] = []
  const seals: Seal[] = []
  let sequence = 0
  let nowMs = 0
  const head = (): Head => seals.at(-1) ?? GENESIS
  const takeOver = () => {
    const { settled_id, through_id } = head()
    const sealed = seals.flatMap(({ event_ids }) => event_ids).filter((id) => id > settled_id)
    return createPending({ settled_id, through_id, sealed: sealed.sort((a, b) => a - b), nowMs }, SETTLE_AFTER_MS)
  }
  let pending = takeOver()

  const play = {
    begin() {
      sequence += 1
      running.push(sequence)
    },
    commit(who: number) {
      const [id] = running.splice(who % Math.max(1, running.length), 1)
      if (id !== undefined) visible.add(id)
    },
    abort: (who: number) => void running.splice(who % Math.max(1, running.length), 1),
    readWriters() {
      if (pending.missing) pending.writing(new Set(running.map(String)))
    },
    readRows() {
      const ranges = pending.ranges()
      const ids = [...visible]
        .filter((id) => id <= sequence && ranges.some(([low, high]) => id >= low && id <= high))
        .sort((a, b) => a - b)
        .slice(0, batchMax)
      pending.seen(ids, ids.length === batchMax ? ids.at(-1)! : Number.POSITIVE_INFINITY, nowMs)
      const { settled_id } = pending
      if (ids.length === 0 && settled_id === head().settled_id) return
      const batch = batchOf(ids.map((id): [number, string] => [id, textOf(id)]))
      seals.push(nextSeal(head(), { ...batch, settled_id, sealed_at_us: seals.length }))
    },
    takeOver() {
      pending = takeOver()
    },
    wait: () => {
      nowMs += SETTLE_AFTER_MS
    },
    jump: (by: number) => {
      sequence += by
    },
  }
  return { play, seals, visible, running, rangesKept: () => pending.ranges().length, sequence: () => sequence }
}

describe('a sealer', () => {
  it('seals every event once and settles no id that still gets one, whatever order writers end in and whoever takes over', () =>
    fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 4 }), async (plan, batchMax) => {
        const { play, seals, visible, running, rangesKept, sequence } = world(batchMax)
        for (const step of plan) {
          if (step.do === 'begin') play.begin()
          else if (step.do === 'commit') play.commit(step.who)
          else if (step.do === 'abort') play.abort(step.who)
          else if (step.do === 'read writers') play.readWriters()
          else if (step.do === 'read rows and seal') play.readRows()
          else if (step.do === 'another takes over') play.takeOver()
          else if (step.do === 'jump') play.jump(step.by)
          else play.wait()
        }
        // However large the jumps of the sequence are.
        expect(rangesKept()).toBeLessThan(plan.length + 2)

        while (running.length > 0) play.commit(0)
        for (let round = 0; round <= visible.size + 3; round += 1) {
          play.wait()
          play.readWriters()
          play.readRows()
        }
        expect(seals.flatMap(({ event_ids }) => event_ids).sort((a, b) => a - b)).toEqual(
          [...visible].sort((a, b) => a - b),
        )
        expect(seals.at(-1)?.settled_id ?? 0).toBe(Math.max(0, ...visible))
        expect(sequence()).toBeGreaterThanOrEqual(Math.max(0, ...visible))
        const events = new Map([...visible].map((id) => [id, textOf(id)]))
        expect(await verify({ seals, events })).toMatchObject({ findings: [], valid: true, unsealed: 0 })
      }),
      { numRuns: 300 },
    ))

  it('waits for a missing id as long as somebody who may bring it is writing, and no longer', () => {
    const pending = createPending({ settled_id: 0, through_id: 0, sealed: [], nowMs: 0 }, SETTLE_AFTER_MS)
    pending.seen([1, 3], Number.POSITIVE_INFINITY, 0)
    expect(pending.settled_id).toBe(1)
    pending.writing(new Set(['7/1', '8/5']))
    pending.seen([], Number.POSITIVE_INFINITY, 100)
    pending.writing(new Set(['8/5', '9/9']))
    pending.seen([], Number.POSITIVE_INFINITY, 200)
    expect(pending.settled_id).toBe(1)
    // Who began later cannot have the id.
    pending.writing(new Set(['9/9']))
    pending.seen([], Number.POSITIVE_INFINITY, 300)
    expect(pending.settled_id).toBe(3)
    expect(pending.missing).toBe(false)
  })

  it('gives up no id that a full batch kept it from looking for', () => {
    const pending = createPending({ settled_id: 0, through_id: 0, sealed: [], nowMs: 0 }, 0)
    pending.seen([2, 4], Number.POSITIVE_INFINITY, 0)
    pending.writing(new Set())
    pending.seen([1], 1, 1)
    expect(pending.ranges()[0]).toEqual([3, 3])
    expect(pending.settled_id).toBe(2)
  })
})
