import type { Actor } from '@roman/contracts'
import type { Prisma, Tx } from '@roman/db'
import { storable } from './text.ts'

type Severity = 'debug' | 'info' | 'warning' | 'error' | 'critical'

export interface AuditEntry {
  event_type: string
  severity: Severity
  source: string
  description: string
  deployment_id: string | null
  actor?: Actor
  metadata?: Record<string, unknown>
}

/** Writes one row of the audit trail, in the transaction of the fact it records. A failure to write fails the fact. */
export const audit = async (tx: Tx, entry: AuditEntry): Promise<void> => {
  await tx.roman_events.create({
    data: {
      event_type: entry.event_type,
      severity: entry.severity,
      source: entry.source,
      description: storable(entry.description),
      metadata: json({
        ...entry.metadata,
        ...(entry.deployment_id === null ? {} : { deployment_id: entry.deployment_id }),
        ...(entry.actor === undefined ? {} : { actor: entry.actor }),
      }),
    },
  })
}

/** JSON as Prisma takes it and PostgreSQL stores it: no undefined, no functions, no NUL. */
export const json = (value: unknown): Prisma.InputJsonValue =>
  JSON.parse(JSON.stringify(value ?? {}), (_key, inner) =>
    typeof inner === 'string' ? storable(inner) : inner,
  ) as Prisma.InputJsonValue
