import { createHash } from 'node:crypto'

/** One link of the chain: a batch of events, named one by one, and what came before it. As in ops.audit_seals. */
export interface Seal {
  /** From 1, without a gap. */
  seal_number: number
  /** Ascending. */
  event_ids: readonly number[]
  /** 32 bytes each, in the order of `event_ids`. */
  content_hashes: Buffer
  /** Every event up to this id is sealed, or will never be. */
  settled_id: number
  /** The highest id sealed so far. */
  through_id: number
  /** Sealed so far, this seal's included. */
  total_events: number
  previous_hash: Buffer
  /** Over all the others. */
  chain_hash: Buffer
  /** Microseconds since 1970, by the database's clock. */
  sealed_at_us: number
}

/** A stored seal with something in it that no seal can have, such as a time without end. It has no hash to be right. */
interface UnreadableSeal {
  /** Its number, as the database says it. */
  unreadable: string
}

export type StoredSeal = Seal | UnreadableSeal

/** What the next seal continues from. */
export type Head = Pick<Seal, 'seal_number' | 'chain_hash' | 'settled_id' | 'through_id' | 'total_events'>

export const HASH_BYTES = 32

/** Where a chain begins. */
export const GENESIS: Head = {
  seal_number: 0,
  chain_hash: Buffer.alloc(HASH_BYTES),
  settled_id: 0,
  through_id: 0,
  total_events: 0,
}

/** So that a seal's hash is never the hash of something else. */
const TAG = Buffer.from('roman-audit-seal:v1\0', 'latin1')

/**
 * SHA-256 over the tag, `previous_hash`, then as 64-bit big-endian integers: seal_number, settled_id, through_id,
 * total_events, sealed_at_us, the number of events and their ids; then their hashes. docs/audit.md has the same words.
 */
export const chainHash = (seal: Omit<Seal, 'chain_hash'>): Buffer => {
  const { seal_number, settled_id, through_id, total_events, sealed_at_us, event_ids } = seal
  const numbers = [seal_number, settled_id, through_id, total_events, sealed_at_us, event_ids.length, ...event_ids]
  const bytes = Buffer.allocUnsafe(numbers.length * 8)
  numbers.forEach((value, index) => {
    bytes.writeBigInt64BE(BigInt(value), index * 8)
  })
  return createHash('sha256').update(TAG).update(seal.previous_hash).update(bytes).update(seal.content_hashes).digest()
}

/** Whether nobody changed the seal itself. */
export const isIntact = (seal: Seal): boolean => chainHash(seal).equals(seal.chain_hash)

/** Events as they are to be sealed. */
export type Batch = Pick<Seal, 'event_ids' | 'content_hashes'>

/** The seal that continues `head` with these events. */
export const nextSeal = (head: Head, batch: Batch & Pick<Seal, 'settled_id' | 'sealed_at_us'>): Seal => {
  const seal = {
    seal_number: head.seal_number + 1,
    event_ids: batch.event_ids,
    content_hashes: batch.content_hashes,
    settled_id: batch.settled_id,
    through_id: Math.max(head.through_id, batch.event_ids.at(-1) ?? 0),
    total_events: head.total_events + batch.event_ids.length,
    previous_hash: head.chain_hash,
    sealed_at_us: batch.sealed_at_us,
  }
  return { ...seal, chain_hash: chainHash(seal) }
}

/** The hash of an event's canonical text. */
export const contentHash = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest()
