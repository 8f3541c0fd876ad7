import { createHash } from 'node:crypto'
import { type PolledSource, pollSource, staleAfterMs } from './poll-source.ts'
import type { HealthSource, LatestReading, SourceFailure, SourceReading } from './port.ts'

/** The sources of all environments that somebody watches, each read once however many ask. */
export interface SourcePool {
  /**
   * What the environment's sources said last. The first call for an environment begins to read them, so all they supply
   * is unavailable for a moment. Where two supply the same number the larger (the worse) holds; what one of them could
   * not read is unavailable.
   */
  latest(service: string, environment: string): LatestReading
  /** Ends all reads and waits for failures that are being handed over. Afterwards everything is unavailable. */
  close(): Promise<void>
}

/**
 * That there is no source is told again and again: another process, of a configuration that still had one, may have told
 * otherwise in the meantime.
 */
const TELL_AGAIN_MS = 30_000

export interface SourceLog {
  info(facts: object, text: string): void
  warn(facts: object, text: string): void
}

export interface SourcePoolOptions {
  /** Makes the sources of an environment; the pool closes them. Must not throw. */
  sourcesOf(service: string, environment: string): HealthSource[]
  /**
   * A text that changes when the sources must be made anew, as their configuration in JSON. Without it they are only
   * made anew after nobody asked for a while.
   */
  configuredAs?(service: string, environment: string): string
  /** Handed over once; failures that could not be stored are not offered again, since they would count as of then. */
  onFailures(service: string, environment: string, failures: SourceFailure[]): void | Promise<void>
  /**
   * Told what {@link SourcePool.latest} says whenever a source was read; null where the environment has no source. One call
   * at a time for an environment; what is read meanwhile is told together.
   * @param freshMs after so much time without another call it is no news any more
   */
  onLatest?(service: string, environment: string, latest: LatestReading | null, freshMs: number): Promise<void>
  log: SourceLog
  /** How long an environment's sources are read after somebody asked for it. */
  idleMs?: number
}

interface Watched {
  sources: PolledSource[]
  telling: 'no' | 'yes' | 'again'
  toldAt: number
  tell(): void
  configuredAs: string | undefined
  idle: NodeJS.Timeout
}

export function createSourcePool(options: SourcePoolOptions): SourcePool {
  const { sourcesOf, configuredAs, onFailures, onLatest, log, idleMs = 60_000 } = options
  const environments = new Map<string, Watched>()
  /** What has to end before the pool is closed. */
  const pending = new Set<Promise<void>>()
  let closed = false

  const track = (work: Promise<void>) => {
    const tracked = work.catch(() => {}).finally(() => pending.delete(tracked))
    pending.add(tracked)
  }

  const handOver = async (service: string, environment: string, failures: SourceFailure[]): Promise<void> => {
    try {
      await onFailures(service, environment, failures)
    } catch {
      log.warn({ service, environment, lost: failures.length }, 'Failed health probes were not recorded')
    }
  }

  const watch = (service: string, environment: string): Watched => {
    const key = keyOf(service, environment)
    const made = sourcesOf(service, environment)
    // Told anew by whichever source is read next, and so by the quickest.
    const freshMs = Math.min(...made.map(staleAfterMs))
    const watched: Watched = {
      sources: [],
      telling: 'no',
      toldAt: performance.now(),
      tell: () => tell(),
      configuredAs: configuredAs?.(service, environment),
      idle: setTimeout(() => forget(key), idleMs),
    }
    const tell = (): void => {
      const told = watched.telling
      watched.telling = told === 'no' ? 'yes' : 'again'
      if (told !== 'no' || onLatest === undefined) return
      watched.toldAt = performance.now()
      const latest = made.length === 0 ? null : merged(watched.sources.map((source) => source.latest()))
      track(
        onLatest(service, environment, latest, freshMs).finally(() => {
          const again = watched.telling === 'again'
          watched.telling = 'no'
          if (again && environments.get(key) === watched) tell()
        }),
      )
    }
    watched.sources = made.map((source) => {
      const sight = createSight({ service, environment, source: source.name }, log)
      return pollSource(source, {
        phase: phaseOf(key),
        onReading(reading) {
          sight(reading)
          if (reading.failures.length > 0) track(handOver(service, environment, reading.failures))
          tell()
        },
      })
    })
    if (made.length === 0) tell()
    return watched
  }

  const forget = (key: string) => {
    const watched = environments.get(key)
    if (watched === undefined) return
    environments.delete(key)
    clearTimeout(watched.idle)
    for (const source of watched.sources) track(source.close())
  }

  return {
    latest(service, environment) {
      if (closed) return { values: {}, unavailable: ['health sources'] }
      const key = keyOf(service, environment)
      const known = environments.get(key)
      if (known !== undefined && known.configuredAs !== configuredAs?.(service, environment)) forget(key)
      const watched = environments.get(key) ?? watch(service, environment)
      environments.set(key, watched)
      watched.idle.refresh()
      if (watched.sources.length === 0 && performance.now() - watched.toldAt > TELL_AGAIN_MS) watched.tell()
      return merged(watched.sources.map((source) => source.latest()))
    },
    async close() {
      closed = true
      for (const key of [...environments.keys()]) forget(key)
      await Promise.allSettled([...pending])
    },
  }
}

const keyOf = (service: string, environment: string): string => `${service}\n${environment}`

/** The same in every process. Away from the edges of the interval, and environments spread over the rest of it. */
const phaseOf = (key: string): number => 0.25 + createHash('sha256').update(key).digest().readUInt16BE() / 0x2_0000

/** Tells the log when a source loses or regains its sight, and nothing in between. */
const createSight = (where: object, log: SourceLog) => {
  let before = ''
  return ({ unavailable }: SourceReading): void => {
    const now = [...unavailable].sort().join(', ')
    if (now === before) return
    before = now
    if (now === '') log.info(where, 'A health source can be read again')
    else log.warn({ ...where, unavailable }, 'A health source cannot be read')
  }
}

function merged(readings: LatestReading[]): LatestReading {
  const values: LatestReading['values'] = {}
  for (const reading of readings) {
    for (const [name, value] of Object.entries(reading.values) as [keyof typeof values, number | null][]) {
      if (value !== null) values[name] = Math.max(values[name] ?? 0, value)
    }
  }
  return { values, unavailable: [...new Set(readings.flatMap((reading) => reading.unavailable))] }
}
