import type { AuditVerification } from '@roman/contracts'
import type { Anchor } from '../src/anchor.ts'
import { type Batch, contentHash, GENESIS, type Head, nextSeal, type Seal } from '../src/seal.ts'
import { createVerifier } from '../src/verifier.ts'
import { walk } from '../src/walk.ts'

/** A trail as it lies in the two tables: seals by number, and the text of each event by its id. */
export interface Trail {
  seals: Seal[]
  events: Map<number, string>
}

export const textOf = (id: number, description = `event ${id}`): string =>
  `[${id}, "a", "info", "test", ${JSON.stringify(description)}, {}, 1700000000.000000]`

export const batchOf = (texts: readonly (readonly [id: number, text: string])[]): Batch => ({
  event_ids: texts.map(([id]) => id),
  content_hashes: Buffer.concat(texts.map(([, text]) => contentHash(text))),
})

/** A trail of these ids, sealed batch by batch; each batch settles as much as it can. */
export const trailOf = (batches: readonly number[][]): Trail => {
  const events = new Map(batches.flat().map((id) => [id, textOf(id)]))
  const seals: Seal[] = []
  let head: Head = GENESIS
  batches.forEach((ids, index) => {
    const later = batches.slice(index + 1).flat()
    const highest = Math.max(...batches.slice(0, index + 1).flat())
    const settled_id = Math.min(highest, ...later.map((id) => id - 1))
    const texts = [...ids].sort((a, b) => a - b).map((id): [number, string] => [id, textOf(id)])
    head = nextSeal(head, { ...batchOf(texts), settled_id, sealed_at_us: 1_700_000_000_000_000 + index })
    seals.push(head as Seal)
  })
  return { seals, events }
}

/** Verifies as the database and the file are verified, in parts of two. */
export const verify = async ({ seals, events }: Trail, anchor: Anchor | null = null): Promise<AuditVerification> => {
  const verifier = createVerifier(anchor)
  const stored = [...events].sort(([a], [b]) => a - b)
  const rows = stored.map(([id, text]) => ({
    id,
    exactId: BigInt(id),
    hash: contentHash(text),
    columnAgrees: true,
    young: true,
  }))
  const sorted = [...seals].sort((a, b) => a.seal_number - b.seal_number)
  await walk(inParts(sorted), inParts(rows), verifier)
  for (const id of verifier.suspects()) if (events.has(id)) verifier.text(id, events.get(id)!)
  return verifier.finish()
}

async function* inParts<T>(all: readonly T[]): AsyncGenerator<T[]> {
  for (let from = 0; from < all.length; from += 2) yield all.slice(from, from + 2)
}

/** Where something was found: `changed 17`, `seal_changed #4`. */
export const places = ({ findings }: AuditVerification): string[] =>
  findings.map(({ kind, event_id, seal_number }) => `${kind} ${event_id ?? `#${seal_number}`}`)
