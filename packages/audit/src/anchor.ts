import type { AuditAnchor } from '@roman/contracts'
import { anchorText } from '@roman/contracts/schemas'
import type { Seal } from './seal.ts'

/** The head of a chain as somebody wrote it down elsewhere: all that came before it is fixed by its hash. */
export interface Anchor {
  seal_number: number
  chain_hash: Buffer
  events: number
}

/** @throws Error that says what an anchor looks like. */
export const parseAnchor = (text: string): Anchor => {
  const parsed = anchorText.safeParse(text)
  const [, , seal = '', hash = '', events = ''] = parsed.data?.split(':') ?? []
  const numbers = { seal_number: Number(seal), events: Number(events) }
  if (!parsed.success || !Object.values(numbers).every(Number.isSafeInteger)) {
    throw new Error(`"${text}" is not ${parsed.error?.issues[0]?.message ?? 'an anchor: its numbers are too large'}.`)
  }
  return { ...numbers, chain_hash: Buffer.from(hash, 'hex') }
}

type Sealed = Pick<Seal, 'seal_number' | 'chain_hash' | 'total_events'> & { sealed_at_us?: number | undefined }

/** As it is printed and answered. */
export const anchorOf = ({ seal_number, chain_hash, total_events, sealed_at_us }: Sealed): AuditAnchor => ({
  anchor: `roman-audit:v1:${seal_number}:${chain_hash.toString('hex')}:${total_events}`,
  seal_number,
  chain_hash: chain_hash.toString('hex'),
  events: total_events,
  sealed_at: sealed_at_us === undefined ? null : new Date(sealed_at_us / 1000).toISOString(),
})
