/** Both ends included. */
export type IdRange = readonly [low: number, high: number]

/**
 * Ids that may still get a row. Ids come from a sequence, so a row may become visible after rows with higher ids, and an
 * aborted transaction leaves its id unused for ever. An id is given up (settled) only when every transaction that was
 * writing to the table after it was first missed has ended, and it is still not there.
 *
 * Kept as ranges, so that a sequence that jumps by millions costs no more than one that jumps by one.
 */
export interface Pending {
  /** Where to look: what was missed, and everything above what was seen. Ascending. */
  ranges(): IdRange[]
  /** Whether something below what was seen is missing: only then does it matter who is writing. */
  readonly missing: boolean
  /** Who is writing to the table now. To be told before rows are read. */
  writing(transactions: ReadonlySet<string>): void
  /** What was read, ascending: all there was in `ranges()` up to `readThrough`. */
  seen(ids: readonly number[], readThrough: number, nowMs: number): void
  /** All up to here is sealed or given up. */
  readonly settled_id: number
  readonly through_id: number
}

interface Missed {
  low: number
  high: number
  since: Sighting
}

/** What was missed in one reading shares what it waits for. */
interface Sighting {
  atMs: number
  /** Of those writing after it, who still are; null until that is known. */
  writers: Set<string> | null
}

export interface PendingStart {
  settled_id: number
  through_id: number
  /** Ids between the two that are sealed, ascending. */
  sealed: readonly number[]
  nowMs: number
}

const LAST_ID = Number.MAX_SAFE_INTEGER

export const createPending = (start: PendingStart, settleAfterMs: number): Pending => {
  let through = start.through_id
  let missed: Missed[] = split(
    [{ low: start.settled_id + 1, high: through, since: sighting(start.nowMs) }],
    start.sealed,
  )

  const givenUp = ({ high, since }: Missed, readThrough: number, nowMs: number): boolean =>
    high <= readThrough && since.writers?.size === 0 && nowMs - since.atMs >= settleAfterMs

  return {
    ranges: () => [...missed.map(({ low, high }): IdRange => [low, high]), [through + 1, LAST_ID]],
    get missing() {
      return missed.length > 0
    },
    writing(transactions) {
      for (const since of new Set(missed.map((range) => range.since))) {
        if (since.writers === null) since.writers = new Set(transactions)
        else for (const one of since.writers) if (!transactions.has(one)) since.writers.delete(one)
      }
    },
    seen(ids, readThrough, nowMs) {
      missed = split(missed, ids).filter((range) => !givenUp(range, readThrough, nowMs))
      const highest = ids.at(-1) ?? 0
      if (highest <= through) return
      const news = ids.filter((id) => id > through)
      missed.push(...split([{ low: through + 1, high: highest, since: sighting(nowMs) }], news))
      through = highest
    },
    get settled_id() {
      return (missed[0]?.low ?? through + 1) - 1
    },
    get through_id() {
      return through
    },
  }
}

const sighting = (atMs: number): Sighting => ({ atMs, writers: null })

/** The ranges without the ids, both ascending. */
const split = (ranges: readonly Missed[], ids: readonly number[]): Missed[] => {
  const left: Missed[] = []
  let next = 0
  for (const { low, high, since } of ranges) {
    let from = low
    while (next < ids.length && ids[next]! < low) next += 1
    while (next < ids.length && ids[next]! <= high) {
      const id = ids[next]!
      if (id > from) left.push({ low: from, high: id - 1, since })
      from = id + 1
      next += 1
    }
    if (from <= high) left.push({ low: from, high, since })
  }
  return left
}
