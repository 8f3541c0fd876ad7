import { z } from 'zod'
import { timestamp } from './common.ts'

const wholeNumber = z.number().int()

/** `roman-audit:v1:<seal>:<hash>:<events>`: the head of the chain on one line, to be kept elsewhere. */
export const anchorText = z
  .string()
  .trim()
  .regex(
    /^roman-audit:v1:\d{1,16}:[0-9a-f]{64}:\d{1,16}$/,
    'an anchor, as "roman audit anchor" prints it: roman-audit:v1:<seal>:<64 hexadecimal digits>:<events>',
  )

/** `GET /v1/audit/anchor`. Of an empty chain: seal 0, no events. */
export const auditAnchor = z.object({
  anchor: anchorText,
  seal_number: wholeNumber,
  chain_hash: z.string(),
  /** Sealed so far. */
  events: wholeNumber,
  sealed_at: timestamp.nullable(),
})
export type AuditAnchor = z.infer<typeof auditAnchor>

/** What can be wrong with the audit trail; docs/audit.md explains each. */
export const auditFindingKind = z.enum([
  'changed',
  'missing',
  'reordered',
  'inserted_afterwards',
  'not_sealed_in_time',
  'seal_changed',
  'seals_missing',
  'chain_broken',
  'rewritten',
  'truncated',
])
export const auditFinding = z.object({
  kind: auditFindingKind,
  /** The row of ops.roman_events, where it is about one. */
  event_id: wholeNumber.nullable(),
  /** The row of ops.audit_seals, where it is about one. */
  seal_number: wholeNumber.nullable(),
  message: z.string(),
})
export type AuditFinding = z.infer<typeof auditFinding>

/** `GET /v1/audit/verification`. */
export const auditVerificationQuery = z.strictObject({ anchor: anchorText.optional() })
export type AuditVerificationQuery = z.infer<typeof auditVerificationQuery>
export const auditVerification = z.object({
  /** Looked at whole, and nothing found. */
  valid: z.boolean(),
  /** False where the time was over before all was looked at. */
  complete: z.boolean(),
  /** The first hundred. */
  findings: z.array(auditFinding),
  findings_total: wholeNumber,
  seals: wholeNumber,
  /** Sealed, and read again. */
  events: wholeNumber,
  /** Not sealed yet; those that are not of the last minute are findings. */
  unsealed: wholeNumber,
  /** The last seal that was looked at. */
  head: auditAnchor,
  /** Whether the chain was held against an anchor: only then would a cut-off end be noticed. */
  anchored: z.boolean(),
})
export type AuditVerification = z.infer<typeof auditVerification>
