import type { AuditFinding } from '@roman/contracts'
import { contentHash } from './seal.ts'

/** An event that is not what was sealed under its id. */
export interface Suspect {
  id: number
  sealedHash: Buffer
  /** What is stored under its id now; null where nothing is. */
  text: string | null
  finding: AuditFinding
}

/**
 * Tells reordering from change: where the text of one suspect, given the id of another, is what was sealed under that
 * one, the event is unchanged and stands in the wrong place. Rewrites the findings.
 */
export const findMisplaced = (suspects: readonly Suspect[]): void => {
  for (const suspect of suspects) {
    if (suspect.text === null) continue
    const rest = suspect.text.replace(/^\[-?\d+/, '')
    const home = suspects.find(
      ({ id, sealedHash }) => id !== suspect.id && contentHash(`[${id}${rest}`).equals(sealedHash),
    )
    if (home === undefined) continue
    suspect.finding.kind = 'reordered'
    suspect.finding.message = `Event ${suspect.id} is out of place: it has the content that was sealed as event ${home.id}.`
  }
}
