import type { StoredSeal } from './seal.ts'

export interface Visitor<E> {
  /** Returns up to which id events are to be visited before the next seal. */
  seal(seal: StoredSeal): number
  event(event: E): void
  /** They have been. */
  eventsGiven?(): void
  /** After each part that was read; what is visited next waits for it. */
  rest?(): Promise<void>
}

/**
 * Visits what is stored in the order of a verification: a seal, then the events that it settles; after the last seal
 * the rest. One part of each is in memory. False where the signal ended it before the end.
 */
export const walk = async <E extends { id: number }>(
  seals: AsyncIterable<StoredSeal[]>,
  events: AsyncIterable<E[]>,
  visitor: Visitor<E>,
  signal?: AbortSignal,
): Promise<boolean> => {
  const parts = events[Symbol.asyncIterator]()
  let part: E[] = []
  let next = 0
  const visitThrough = async (lastId: number): Promise<void> => {
    while (!signal?.aborted) {
      while (next < part.length && part[next]!.id <= lastId) visitor.event(part[next++]!)
      if (next < part.length) return
      await visitor.rest?.()
      const more = await parts.next()
      if (more.done === true) return
      part = more.value
      next = 0
    }
  }
  let settled = Number.NEGATIVE_INFINITY
  for await (const some of seals) {
    for (const seal of some) {
      const now = visitor.seal(seal)
      if (now <= settled) continue
      settled = now
      // Waiting costs a turn of the loop, which is much where seals are small.
      if (next >= part.length || part.at(-1)!.id <= settled) await visitThrough(settled)
      else while (part[next]!.id <= settled) visitor.event(part[next++]!)
      if (signal?.aborted) return false
      visitor.eventsGiven?.()
    }
    await visitor.rest?.()
  }
  await visitThrough(Number.POSITIVE_INFINITY)
  return signal?.aborted !== true
}
