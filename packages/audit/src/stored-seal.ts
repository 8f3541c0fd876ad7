import type { Client } from './chain-store.ts'
import { GENESIS, type Head, isIntact, type StoredSeal } from './seal.ts'

/** For `sealOf`: nothing in it fails, whatever is stored. */
export const SEAL_COLUMNS = `seal_number, array_to_json(event_ids) AS event_ids, content_hashes, settled_id, through_id,
  total_events, previous_hash, chain_hash, trunc(extract(epoch FROM sealed_at) * 1000000) AS sealed_at_us`

export const sealOf = (row: Record<string, unknown>): StoredSeal => {
  const { seal_number, event_ids, content_hashes, previous_hash, chain_hash } = row
  const { settled_id, through_id, total_events, sealed_at_us } = row
  const ids = Array.isArray(event_ids) ? event_ids : [Number.NaN]
  const numbers = [seal_number, settled_id, through_id, total_events, sealed_at_us, ...ids]
  const readable =
    numbers.every((value) => !Array.isArray(value) && value !== null && Number.isSafeInteger(Number(value))) &&
    [content_hashes, previous_hash, chain_hash].every(Buffer.isBuffer)
  if (!readable) return { unreadable: String(seal_number) }
  return {
    seal_number: Number(seal_number),
    event_ids: ids.map(Number),
    content_hashes: content_hashes as Buffer,
    settled_id: Number(settled_id),
    through_id: Number(through_id),
    total_events: Number(total_events),
    previous_hash: previous_hash as Buffer,
    chain_hash: chain_hash as Buffer,
    sealed_at_us: Number(sealed_at_us),
  }
}

/** The chain ends with something that no seal can be: it has no head to name or to continue. */
export class UnreadableSealError extends Error {}

const LAST_SEAL = `SELECT ${SEAL_COLUMNS} FROM ops.audit_seals ORDER BY seal_number DESC LIMIT 1`

/**
 * The last seal; what a chain begins with where there is none.
 * @throws UnreadableSealError where something is in it that no seal can have.
 */
export const readHead = async (client: Client): Promise<Head & { sealed_at_us?: number }> => {
  const { rows } = await client.query(LAST_SEAL)
  if (rows.length === 0) return GENESIS
  const seal = sealOf(rows[0])
  if ('unreadable' in seal)
    throw new UnreadableSealError(
      `Seal ${seal.unreadable}, the last one, has values that no seal can have: the chain has no head. "roman audit verify" says what else was changed.`,
    )
  return seal
}

/** Why nothing can continue the chain; null where its last seal is as a sealer leaves it. */
export const readBrokenHead = async (client: Client): Promise<string | null> => {
  const { rows } = await client.query(
    `SELECT s.*, (SELECT last_value FROM ops.roman_events_id_seq) AS given FROM (${LAST_SEAL}) s`,
  )
  if (rows.length === 0) return null
  const seal = sealOf(rows[0])
  if ('unreadable' in seal) return `seal ${seal.unreadable} has values that no seal can have`
  if (!isIntact(seal)) return `the hash of seal ${seal.seal_number} is not that of its content`
  const { given } = rows[0]
  if (Math.max(seal.settled_id, seal.through_id) > Number(given))
    return `seal ${seal.seal_number} is ahead of the ids that were given out, which end at ${given}`
  return null
}
