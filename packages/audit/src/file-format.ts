import { z } from 'zod'
import { HASH_BYTES, type StoredSeal } from './seal.ts'

/**
 * An export, one line each: a header; then seals, each followed by the events that it settles; then what is not settled
 * yet; then a last line that says what was written. An event's line is its canonical text: the SHA-256 of the line is
 * the hash that was sealed, so that nothing but `sha256sum` is needed to check one by hand.
 */

const id = z.number().int()
const hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform((hex) => Buffer.from(hex, 'hex'))

const headerLine = z.object({ roman_audit: z.literal(1), exported_at: z.iso.datetime() })
const sealLine = z.object({
  seal_number: id,
  event_ids: z.array(id),
  content_hashes: z.string().regex(/^([0-9a-f]{64})*$/),
  settled_id: id,
  through_id: id,
  total_events: id,
  previous_hash: hash,
  chain_hash: hash,
  sealed_at_us: id,
})
const unreadableLine = z.object({ unreadable: z.string().regex(/^-?\d{1,19}$/) })
const endLine = z.object({ end: z.literal(true), seals: id, events: id, anchor: z.string() })
export type EndLine = z.infer<typeof endLine>

export type Line =
  | { kind: 'header'; exportedAtMs: number }
  | { kind: 'seal'; seal: StoredSeal }
  | { kind: 'event'; id: number; exactId: bigint; writtenAtMs: number; text: string }
  | { kind: 'end'; end: EndLine }

export const headerText = (exportedAt: Date): string =>
  JSON.stringify({
    roman_audit: 1,
    exported_at: exportedAt.toISOString(),
    event: ['id', 'event_type', 'severity', 'source', 'description', 'metadata', 'timestamp'],
  })

export const sealText = (seal: StoredSeal): string =>
  JSON.stringify(
    'unreadable' in seal
      ? seal
      : {
          ...seal,
          content_hashes: seal.content_hashes.toString('hex'),
          previous_hash: seal.previous_hash.toString('hex'),
          chain_hash: seal.chain_hash.toString('hex'),
        },
  )

export const endText = (end: Omit<EndLine, 'end'>): string => JSON.stringify({ end: true, ...end })

/** @throws Error that says what is wrong with the line. */
export const parseLine = (text: string): Line => {
  const value = parseJson(text)
  if (Array.isArray(value)) {
    const written = /^\[(-?\d{1,19}), /.exec(text)
    if (written === null) throw new Error('it is an event without an id')
    const exactId = BigInt(written[1]!)
    return { kind: 'event', id: Number(exactId), exactId, writtenAtMs: Number(value.at(-1)) * 1000, text }
  }
  const seal = sealLine.safeParse(value)
  if (seal.success) {
    const content_hashes = Buffer.from(seal.data.content_hashes, 'hex')
    if (content_hashes.length !== seal.data.event_ids.length * HASH_BYTES)
      throw new Error('it is a seal that has not one hash for each event')
    return { kind: 'seal', seal: { ...seal.data, content_hashes } }
  }
  const unreadable = unreadableLine.safeParse(value)
  if (unreadable.success) return { kind: 'seal', seal: unreadable.data }
  const header = headerLine.safeParse(value)
  if (header.success) return { kind: 'header', exportedAtMs: Date.parse(header.data.exported_at) }
  const end = endLine.safeParse(value)
  if (end.success) return { kind: 'end', end: end.data }
  throw new Error('it is neither a seal nor an event')
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error('it is not JSON', { cause })
  }
}
