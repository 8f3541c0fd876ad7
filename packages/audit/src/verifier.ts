import type { AuditVerification } from '@roman/contracts'
import { type Anchor, anchorOf } from './anchor.ts'
import { createFindings } from './findings.ts'
import { findMisplaced, type Suspect } from './misplaced.ts'
import { GENESIS, HASH_BYTES, type Head, isIntact, type Seal, type StoredSeal } from './seal.ts'

/** A row of ops.roman_events as it is stored now. */
export interface StoredEvent {
  /** Rounded where it is larger than any that a sequence gives. */
  id: number
  exactId: bigint
  /** Computed anew from its content. */
  hash: Buffer
  /** False where the row's own column says another hash. Rows from before the column have none, which is fine. */
  columnAgrees: boolean
  /** Too young to be sealed for certain. */
  young: boolean
}

/**
 * Holds what is stored against what was sealed, in one pass and little memory. Knows neither database nor file: whoever
 * reads gives seals in the order of their numbers and events in the order of their ids, an event after every seal that
 * settles it. The chain is as good as its last hash: only an anchor kept elsewhere tells whether that is the real one.
 */
export interface Verifier {
  /** Returns up to which id events may be given now: each of them is sealed or should not be there. */
  seal(seal: StoredSeal): number
  event(event: StoredEvent): void
  /** All stored events up to that id have been given. */
  eventsGiven(): void
  /** Ids whose stored text would tell whether they are changed or misplaced. */
  suspects(): number[]
  text(id: number, text: string): void
  /** `complete: false` where reading was given up before the end. */
  finish(complete?: boolean): AuditVerification
}

export const createVerifier = (anchor: Anchor | null = null): Verifier => {
  const findings = createFindings()
  const suspects = new Map<number, Suspect>()
  /** Sealed, and not met yet. Small: what lies between a seal and the seal that settles it. */
  const expected = new Map<number, { hash: Buffer; seal_number: number }>()
  let head: Head = GENESIS
  /** Of the last seal, which may be one that cannot be read. */
  let lastNumber = GENESIS.seal_number
  let sealedAtUs: number | undefined
  let seals = 0
  let events = 0
  let unsealed = 0
  /** Whether the last seal, and every seal, is there and has its own hash. Only then does the next have to agree with it. */
  let intact = true
  let allIntact = true
  let missingReportedThrough = 0
  let anchored = false

  const checkAnchor = (): void => {
    if (anchor === null || anchor.seal_number !== head.seal_number) return
    // Every chain continues an empty one: that much says nothing of it.
    anchored = anchor.seal_number > GENESIS.seal_number
    if (anchor.chain_hash.equals(head.chain_hash) && anchor.events === head.total_events) return
    findings.add(
      'rewritten',
      { seal_number: head.seal_number },
      `Seal ${head.seal_number} is not the one that the anchor names: the chain was rewritten at or before it.`,
    )
  }

  checkAnchor()

  const suspect = (
    kind: 'changed' | 'missing',
    id: number,
    sealed: { hash: Buffer; seal_number: number },
    message: string,
  ) => {
    const finding = findings.add(kind, { event_id: id, seal_number: sealed.seal_number }, message)
    if (finding !== null) suspects.set(id, { id, sealedHash: sealed.hash, text: null, finding })
  }

  const reportMissing = (throughId: number): void => {
    if (throughId <= missingReportedThrough) return
    missingReportedThrough = throughId
    for (const [id, sealed] of expected) {
      if (id > throughId) continue
      expected.delete(id)
      suspect('missing', id, sealed, `Event ${id} is gone; seal ${sealed.seal_number} names it.`)
    }
  }

  /** Whether a seal with a right hash also continues the one before it. */
  const contradictions = (seal: Seal): string[] => {
    const { event_ids: ids, seal_number: n } = seal
    const before = `seal ${head.seal_number}`
    const through = Math.max(head.through_id, ids.at(-1) ?? 0)
    return [
      ...(seal.previous_hash.equals(head.chain_hash)
        ? []
        : [`it continues another seal than the ${before} that is there: one of the two was replaced`]),
      ...(seal.total_events === head.total_events + ids.length ? [] : [`it counts ${seal.total_events} events in all`]),
      ...(seal.through_id === through && seal.settled_id >= head.settled_id && seal.settled_id <= through
        ? []
        : [`it settles ids that ${before} contradicts`]),
      ...(ids.every((id, index) => index === 0 || id > ids[index - 1]!) ? [] : ['its events are not in order']),
      ...(ids.some((id) => expected.has(id)) ? ['it seals an event a second time'] : []),
    ].map((fact) => `Seal ${n} breaks the chain: ${fact}.`)
  }

  const reportGap = (n: number): number => {
    const gap = n - lastNumber - 1
    if (gap < 0) {
      findings.add('chain_broken', { seal_number: n }, `Seal ${n} comes after seal ${lastNumber}.`)
    } else if (gap > 0) {
      const which = gap === 1 ? `Seal ${n - 1} is` : `Seals ${lastNumber + 1} to ${n - 1} are`
      findings.add('seals_missing', { seal_number: lastNumber + 1 }, `${which} gone.`)
    }
    lastNumber = n
    return gap
  }

  /** Its events are not known, nor can the next seal be held against it. */
  const unreadable = (number: string): void => {
    const n = Number.isSafeInteger(Number(number)) ? Number(number) : null
    if (n !== null) reportGap(n)
    const where = n === null ? {} : { seal_number: n }
    findings.add('seal_changed', where, `Seal ${number} was changed: it has values that no seal can have.`)
    seals += 1
    intact = false
    allIntact = false
  }

  return {
    seal(seal) {
      if ('unreadable' in seal) {
        unreadable(seal.unreadable)
        return head.settled_id
      }
      const { seal_number: n, event_ids: ids } = seal
      const gap = reportGap(n)
      const comparable = intact && gap === 0
      const unchanged = isIntact(seal)
      if (!unchanged) {
        findings.add('seal_changed', { seal_number: n }, `Seal ${n} was changed: its hash is not that of its content.`)
      } else if (comparable) {
        for (const message of contradictions(seal)) findings.add('chain_broken', { seal_number: n }, message)
      }
      intact = unchanged
      allIntact &&= unchanged && gap === 0
      ids.forEach((id, index) => {
        if (id <= head.settled_id) {
          findings.add(
            'inserted_afterwards',
            { event_id: id, seal_number: n },
            `Event ${id} came into the table after seal ${head.seal_number} had settled its id, and was sealed by ${n}.`,
          )
        }
        const hash = seal.content_hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES)
        expected.set(id, { hash, seal_number: n })
      })
      seals += 1
      sealedAtUs = seal.sealed_at_us
      head = {
        seal_number: n,
        chain_hash: seal.chain_hash,
        // What a changed seal says is no reason to doubt a row.
        settled_id: unchanged ? Math.max(head.settled_id, seal.settled_id) : head.settled_id,
        through_id: seal.through_id,
        total_events: seal.total_events,
      }
      checkAnchor()
      return head.settled_id
    },

    event({ id, exactId, hash, columnAgrees, young }) {
      const sealed = expected.get(id)
      if (sealed !== undefined) {
        expected.delete(id)
        events += 1
        const { seal_number: n } = sealed
        if (!hash.equals(sealed.hash))
          suspect('changed', id, sealed, `Event ${id} was changed after seal ${n} sealed it.`)
        else if (!columnAgrees) {
          const message = `The content_hash of event ${id} was changed; its content is as sealed.`
          findings.add('changed', { event_id: id, seal_number: n }, message)
        }
      } else if (id <= head.settled_id && Number.isSafeInteger(id)) {
        findings.add(
          'inserted_afterwards',
          { event_id: id },
          `Event ${id} is in no seal, though every event up to ${head.settled_id} was sealed: it was inserted afterwards${allIntact ? '' : ', or a seal that is gone or was changed named it'}.`,
        )
      } else if (!Number.isSafeInteger(id)) {
        unsealed += 1
        findings.add('not_sealed_in_time', {}, `Event ${exactId} will never be sealed: no sequence gave it its id.`)
      } else {
        unsealed += 1
        if (!young)
          findings.add(
            'not_sealed_in_time',
            { event_id: id },
            `Event ${id} is not sealed, though by its timestamp it is not of the last minute.`,
          )
      }
    },

    eventsGiven: () => reportMissing(head.settled_id),

    suspects: () => [...suspects.keys()],

    text(id, text) {
      const found = suspects.get(id)
      if (found !== undefined) found.text = text
    },

    finish(complete = true) {
      if (complete) {
        reportMissing(Number.POSITIVE_INFINITY)
        if (anchor !== null && anchor.seal_number > lastNumber) {
          findings.add(
            'truncated',
            { seal_number: head.seal_number },
            `The chain ends at seal ${head.seal_number} with ${head.total_events} events; the anchor names seal ${anchor.seal_number} with ${anchor.events}: its end was cut off.`,
          )
        }
      }
      findMisplaced([...suspects.values()])
      return {
        valid: complete && findings.total === 0,
        complete,
        findings: findings.first,
        findings_total: findings.total,
        seals,
        events,
        unsealed,
        head: anchorOf({ ...head, sealed_at_us: sealedAtUs }),
        anchored,
      }
    },
  }
}
