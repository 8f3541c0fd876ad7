import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { HealthSource, SourceReading } from '../src/index.ts'

/** What a reading is to show. */
type Shown = 'measured' | 'sick' | 'blind'

/** One adapter with its real other side (or the protocol-true stand-in), which can be put into trouble. */
export interface Subject<Situation extends string> {
  /** A source whose other side is in this situation from its first read on. */
  source(situation: Situation): Promise<HealthSource>
  /** What may be in no output. */
  secrets: string[]
  close(): Promise<void>
}

export const never = new AbortController().signal

export function shownBy({ unavailable, failures }: SourceReading): Shown {
  return unavailable.length > 0 ? 'blind' : failures.length > 0 ? 'sick' : 'measured'
}

/** What every health source promises, whatever it asks. `hangs`: the other side accepts the connection and says nothing. */
export function sourceCompliance<Situation extends string>(
  name: string,
  open: () => Promise<Subject<Situation | 'hangs'>>,
  situations: Record<Situation | 'hangs', Shown>,
) {
  describe(`${name} as a health source`, () => {
    let subject: Subject<Situation | 'hangs'>
    let sources: HealthSource[]
    const sourceIn = async (situation: Situation | 'hangs') => {
      const source = await subject.source(situation)
      sources.push(source)
      return source
    }
    beforeEach(async () => {
      sources = []
      subject = await open()
    })
    afterEach(async () => {
      await Promise.all(sources.map((source) => source.close()))
      await subject.close()
    })

    it.each(Object.entries(situations) as [Situation, Shown][])('%s: %s', async (situation, shown) => {
      const source = await sourceIn(situation)
      // Also when asked again, and not only the first time.
      for (let reads = 0; reads < 2; reads += 1) {
        const reading = await source.read(never)
        expect(shownBy(reading), inspect(reading)).toBe(shown)
        if (shown === 'blind') expect(reading.failures).toEqual([])
        for (const value of Object.values(reading.values)) expect(value).toSatisfy(Number.isFinite)
        for (const secret of subject.secrets) expect(inspect([source, reading], { depth: 9 })).not.toContain(secret)
      }
    })

    it('ends a read in its time when nothing comes', async () => {
      const source = await sourceIn('hangs')
      const startedAt = performance.now()
      await source.read(never)
      expect(performance.now() - startedAt).toBeLessThan(source.timeout_ms + 500)
    })

    it.each(['abort', 'close'] as const)('is blind, at once, when %s ends its read', async (way) => {
      const source = await sourceIn('hangs')
      const abort = new AbortController()
      const reading = source.read(abort.signal)
      const startedAt = performance.now()
      if (way === 'abort') abort.abort()
      else await source.close()
      expect(shownBy(await reading)).toBe('blind')
      expect((await reading).failures).toEqual([])
      expect(performance.now() - startedAt).toBeLessThan(source.timeout_ms / 2)
    })

    it('is blind when its read was aborted before it began, and sees again afterwards', async () => {
      const [situation, shown] = Object.entries(situations)[0] as [Situation, Shown]
      const source = await sourceIn(situation)
      expect(shownBy(await source.read(AbortSignal.abort()))).toBe('blind')
      expect(shownBy(await source.read(never))).toBe(shown)
    })

    it('is blind once closed, and may be closed twice', async () => {
      const [situation] = Object.keys(situations) as [Situation]
      const source = await sourceIn(situation)
      await source.read(never)
      await source.close()
      await source.close()
      expect(shownBy(await source.read(never))).toBe('blind')
    })

    it('says what is unavailable as long as nothing was read, in the words of a reading', async () => {
      const source = await sourceIn('hangs')
      expect(source.supplies.length).toBeGreaterThan(0)
      const { unavailable } = await source.read(AbortSignal.abort())
      expect([...unavailable].sort()).toEqual([...source.supplies].sort())
    })
  })
}
