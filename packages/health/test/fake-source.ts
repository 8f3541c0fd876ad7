import type { HealthSource, SourceReading } from '../src/index.ts'
import { withinBound } from '../src/within-bound.ts'

export interface FakeSource extends HealthSource {
  /** What the next reads say; a promise is waited for, as long as nothing ends the read. */
  says: SourceReading | Promise<SourceReading>
  reads: number
  readonly closed: boolean
}

export const saying = (reading: Partial<SourceReading>): SourceReading => ({
  values: {},
  unavailable: [],
  failures: [],
  ...reading,
})

/** A source that says what it is told to. */
export function fakeSource(
  options: Partial<Pick<HealthSource, 'name' | 'interval_ms' | 'timeout_ms' | 'supplies'>> = {},
): FakeSource {
  const { name = 'fake', interval_ms = 20, timeout_ms = 200, supplies = ['fake'] } = options
  const closing = new AbortController()
  const blind = saying({ unavailable: [...supplies] })
  const fake: FakeSource = {
    name,
    interval_ms,
    timeout_ms,
    supplies,
    says: saying({}),
    reads: 0,
    get closed() {
      return closing.signal.aborted
    },
    async read(signal) {
      fake.reads += 1
      return withinBound(timeout_ms, [signal, closing.signal], async () => fake.says).catch(() => blind)
    },
    close: async () => closing.abort(),
  }
  return fake
}
