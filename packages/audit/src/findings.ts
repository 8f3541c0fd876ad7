import type { AuditFinding } from '@roman/contracts'

/** The first findings, and how many there are: a table that was emptied must not fill the memory too. */
export interface Findings {
  add(
    kind: AuditFinding['kind'],
    where: { event_id?: number; seal_number?: number },
    message: string,
  ): AuditFinding | null
  readonly first: AuditFinding[]
  readonly total: number
}

const FINDINGS_MAX = 100

export const createFindings = (): Findings => {
  const first: AuditFinding[] = []
  let total = 0
  return {
    /** Null where there are too many already. */
    add(
      kind,
      { event_id = null, seal_number = null }: { event_id?: number | null; seal_number?: number | null },
      message,
    ) {
      total += 1
      if (first.length >= FINDINGS_MAX) return null
      const finding = { kind, event_id, seal_number, message }
      first.push(finding)
      return finding
    },
    first,
    get total() {
      return total
    },
  }
}
