import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anchorOf, parseAnchor } from '../src/anchor.ts'
import { chainHash, GENESIS, nextSeal, type Seal } from '../src/seal.ts'
import { batchOf, places, type Trail, textOf, trailOf, verify } from './history.ts'

/** Ids with holes, some of them late, in batches. */
const trails = fc
  .array(fc.record({ used: fc.boolean(), late: fc.nat(4), newBatch: fc.boolean() }), {
    minLength: 4,
    maxLength: 30,
    size: 'max',
  })
  .map((plan) => {
    const order = plan
      .map(({ used, late, newBatch }, index) => ({ id: index + 1, used, at: index + late, newBatch }))
      .filter(({ used }) => used)
      .sort((a, b) => a.at - b.at || a.id - b.id)
    const batches: number[][] = []
    for (const { id, newBatch } of order) {
      if (newBatch || batches.length === 0) batches.push([])
      batches.at(-1)!.push(id)
    }
    return trailOf(batches)
  })
  .filter(({ seals, events }) => seals.length >= 3 && events.size >= 4)

const anchorAt = (seal: Seal) => parseAnchor(anchorOf(seal).anchor)
const idsOf = ({ events }: Trail) => [...events.keys()].sort((a, b) => a - b)
const pick = <T>(list: readonly T[], choice: number): T => list[choice % list.length]!
const forAll = (check: (trail: Trail, choice: number, other: number) => Promise<void>) =>
  fc.assert(fc.asyncProperty(trails, fc.nat(), fc.nat(), check), { numRuns: 150 })

/** Writes the chain anew from the trail's events, as somebody would who can write everything. */
const resealed = ({ seals, events }: Trail): Trail => {
  const anew: Seal[] = []
  for (const { event_ids, settled_id, sealed_at_us } of seals) {
    const batch = batchOf(event_ids.map((id): [number, string] => [id, events.get(id)!]))
    anew.push(nextSeal(anew.at(-1) ?? GENESIS, { ...batch, settled_id, sealed_at_us }))
  }
  return { seals: anew, events }
}

describe('a verification', () => {
  it('finds nothing in a trail that nobody touched, whatever its holes and late events', () =>
    forAll(async (trail, choice) => {
      const result = await verify(trail, anchorAt(pick(trail.seals, choice)))
      expect(result).toMatchObject({ valid: true, anchored: true, unsealed: 0, findings: [] })
      expect(result.events).toBe(trail.events.size)
      expect(result.head).toEqual(anchorOf(trail.seals.at(-1)!))
    }))

  it('names the event that was changed', () =>
    forAll(async (trail, choice) => {
      const id = pick(idsOf(trail), choice)
      trail.events.set(id, textOf(id, 'something else'))
      expect(places(await verify(trail))).toEqual([`changed ${id}`])
    }))

  it('names the event that is gone', () =>
    forAll(async (trail, choice) => {
      const id = pick(idsOf(trail), choice)
      trail.events.delete(id)
      expect(places(await verify(trail))).toEqual([`missing ${id}`])
    }))

  it('names two events that changed places', () =>
    forAll(async (trail, choice, other) => {
      const ids = idsOf(trail)
      const a = pick(ids, choice)
      const b = pick(
        ids.filter((id) => id !== a),
        other,
      )
      trail.events.set(a, textOf(a, `event ${b}`))
      trail.events.set(b, textOf(b, `event ${a}`))
      expect(places(await verify(trail)).sort()).toEqual([`reordered ${a}`, `reordered ${b}`].sort())
    }))

  it('names an event that was put into a hole, below the first, or among those that are settled', () =>
    forAll(async (trail, choice) => {
      const settled = trail.seals.at(-1)!.settled_id
      const free = Array.from({ length: settled + 3 }, (_, index) => index - 2).filter((id) => !trail.events.has(id))
      const id = pick(free, choice)
      trail.events.set(id, textOf(id))
      expect(places(await verify(trail))).toEqual([`inserted_afterwards ${id}`])
    }))

  it('names the seal that was changed in any of its parts', () =>
    forAll(async (trail, choice, other) => {
      const seal = pick(trail.seals, choice)
      const part = pick(
        ['settled_id', 'through_id', 'total_events', 'sealed_at_us', 'previous_hash', 'chain_hash'] as const,
        other,
      )
      const value = seal[part]
      const changed = typeof value === 'number' ? value + 1 : Buffer.from(value.map((byte) => byte ^ 1))
      Object.assign(seal, { [part]: changed })
      expect(places(await verify(trail))).toEqual([`seal_changed #${seal.seal_number}`])
    }))

  it('names the seal whose list of events was changed', () =>
    forAll(async (trail, choice) => {
      const seal = pick(trail.seals, choice)
      const hashes = Buffer.from(seal.content_hashes)
      hashes.writeUInt8(hashes.readUInt8(0) ^ 1)
      Object.assign(seal, { content_hashes: hashes })
      expect(places(await verify(trail))).toEqual([`seal_changed #${seal.seal_number}`, `changed ${seal.event_ids[0]}`])
    }))

  it('names a seal that was replaced by another one with a right hash', () =>
    forAll(async (trail, choice) => {
      const seal = pick(trail.seals.slice(0, -1), choice)
      seal.sealed_at_us += 1
      seal.chain_hash = chainHash(seal)
      expect(places(await verify(trail))).toEqual([`chain_broken #${seal.seal_number + 1}`])
    }))

  it('names seals that are gone, wherever they were but at the end', () =>
    forAll(async (trail, choice) => {
      const [gone] = trail.seals.splice(choice % (trail.seals.length - 1), 1)
      const result = await verify(trail)
      expect(places(result)[0]).toBe(`seals_missing #${gone!.seal_number}`)
      // Nothing vouches for its events any more; the others are not doubted.
      const doubted = result.findings.slice(1).map(({ event_id }) => event_id!)
      expect(doubted.sort((a, b) => a - b)).toEqual(gone!.event_ids)
    }))

  it('notices two seals that changed places', () =>
    forAll(async (trail, choice) => {
      const at = choice % (trail.seals.length - 1)
      const [a, b] = [trail.seals[at]!, trail.seals[at + 1]!]
      ;[a.seal_number, b.seal_number] = [b.seal_number, a.seal_number]
      const found = places(await verify(trail))
      expect(found).toContain(`seal_changed #${a.seal_number}`)
      expect(found).toContain(`seal_changed #${b.seal_number}`)
    }))

  it('notices a cut-off end only by an anchor', () =>
    forAll(async (trail, choice) => {
      const anchor = anchorAt(trail.seals.at(-1)!)
      const kept = 1 + (choice % (trail.seals.length - 1))
      const cut = trailOf(trail.seals.slice(0, kept).map(({ event_ids }) => [...event_ids]))
      expect((await verify(cut)).valid).toBe(true)
      expect(places(await verify(cut, anchor))).toEqual([`truncated #${kept}`])
    }))

  it('notices a chain that was written anew only by an anchor', () =>
    forAll(async (trail, choice) => {
      const anchor = anchorAt(trail.seals.at(-1)!)
      const id = pick(idsOf(trail), choice)
      trail.events.set(id, textOf(id, 'something else'))
      const anew = resealed(trail)
      expect((await verify(anew)).valid).toBe(true)
      expect(places(await verify(anew, anchor))).toEqual([`rewritten #${anchor.seal_number}`])
    }))

  it('says of an event that is not sealed yet only that there is one, unless it has waited for long', async () => {
    const trail = trailOf([[1], [2]])
    trail.events.set(3, textOf(3))
    expect(await verify(trail)).toMatchObject({ valid: true, events: 2, unsealed: 1 })
  })

  it('names an event that was sealed twice, and one sealed after its id was settled', async () => {
    const { seals, events } = trailOf([[1, 2], [4]])
    const again = (id: number): Seal =>
      nextSeal(seals.at(-1)!, { ...batchOf([[id, textOf(id)]]), settled_id: 4, sealed_at_us: 0 })
    events.set(3, textOf(3))
    expect(places(await verify({ seals: [...seals, again(3)], events }))).toContain('inserted_afterwards 3')
    expect(places(await verify({ seals: [...seals, again(4)], events }))).toContain('inserted_afterwards 4')
  })

  it('keeps the first hundred findings and counts them all', async () => {
    const trail = trailOf([Array.from({ length: 500 }, (_, index) => index + 1)])
    trail.events.clear()
    const { findings, findings_total } = await verify(trail)
    expect(findings).toHaveLength(100)
    expect(findings_total).toBe(500)
  })
})

describe('an anchor', () => {
  it('is one line that says the same when it is read again', () => {
    const { seals } = trailOf([[1], [2, 3]])
    const { anchor } = anchorOf(seals[1]!)
    expect(anchor).toMatch(/^roman-audit:v1:2:[0-9a-f]{64}:3$/)
    expect(anchorOf({ ...parseAnchor(`  ${anchor}\n`), total_events: 3 }).anchor).toBe(anchor)
  })

  it('of an empty chain is one that every chain continues, and proves nothing', async () => {
    const nothing = await verify({ seals: [], events: new Map() })
    expect(nothing).toMatchObject({ valid: true, head: { seal_number: 0, events: 0, sealed_at: null } })
    expect(await verify(trailOf([[1]]), parseAnchor(nothing.head.anchor))).toMatchObject({
      valid: true,
      anchored: false,
    })
  })

  it.each(['', 'roman-audit:v1:2:abc:3', 'roman-audit:v2:2', `roman-audit:v1:-1:${'0'.repeat(64)}:3`])(
    'that is "%s" is refused with what one looks like',
    (text) => {
      expect(() => parseAnchor(text)).toThrow('as "roman audit anchor" prints it')
    },
  )
})
