import type { HealthSample } from '@roman/constitution'
import {
  blindSample,
  ERRORS_CHANNEL,
  exhaustedSample,
  type KeptHealth,
  keepSamples,
  type LateErrors,
  readWatched,
  type WatchedReading,
} from '@roman/control'
import type { Database, Listener } from '@roman/db'
import { type SourcePool, withSources } from '@roman/health'
import type { Logger } from '@roman/runtime'

/** One deployment at one moment. A moment that could not be read has nulls and says so in `sample.unavailable`. */
export interface Tick {
  at_ms: number
  sample: HealthSample
  /** As of a {@link WatchedReading}; null where unreadable, or the watcher did not ask for it. */
  errors_in_window: number | null
  errors_since_deployed: number | null
  fault_at: Date | null
  late: LateErrors | null
  superseded: boolean
  rollback_open: boolean
}

/** Reads the health of everything that is watched with one query a tick, and hands each watcher its own. */
export interface Sampler {
  /** Returns the way to stop. */
  watch(deploymentId: string, calls: WatcherCalls): () => void
  /** Keeps a sample with the next batch. */
  keep(sample: KeptHealth): void
  stop(): Promise<void>
}

interface WatcherCalls {
  /** Called one tick at a time; ticks that come while it works are skipped. */
  onTick: (tick: Tick) => Promise<void>
  /** PostgreSQL answered that there is no such deployment. */
  onGone: () => void
  /** Tells before a tick whether it needs `errors_total`, by the database's clock. */
  countsErrors: (atMs: number) => boolean
}

interface Watcher extends WatcherCalls {
  deploymentId: string
  busy: boolean
}

export interface SamplerOptions {
  db: Database
  listener: Listener
  sources: SourcePool
  log: Logger
  tickMs?: number
}

const TICK_MS = 1_000
/** Errors that arrive in a burst are read together. */
const COALESCE_MS = 5

export const createSampler = ({ db, listener, sources, log, tickMs = TICK_MS }: SamplerOptions): Sampler => {
  const watchers = new Set<Watcher>()
  let kept: KeptHealth[] = []
  let running: Promise<void> | null = null
  let again = false
  let stopped = false
  let soon: NodeJS.Timeout | undefined
  /** The database's clock less ours, so that a moment that cannot be read still has its time. */
  let clockSkewMs = 0

  const round = async (): Promise<void> => {
    const asked = new Set([...watchers].map((watcher) => watcher.deploymentId))
    if (asked.size > 0) {
      const ticks = await readTicks([...asked])
      for (const watcher of watchers) {
        // Who came during the query was not asked for.
        if (watcher.busy || !asked.has(watcher.deploymentId)) continue
        const tick = ticks(watcher.deploymentId)
        if (tick === null) {
          watcher.onGone()
          continue
        }
        watcher.busy = true
        void watcher.onTick(tick).finally(() => {
          watcher.busy = false
        })
      }
    }
    await flush()
  }

  const flush = async (): Promise<void> => {
    if (kept.length === 0) return
    const batch = kept
    kept = []
    await keepSamples({ db }, batch).catch((error) =>
      log.warn({ reason: (error as Error).message }, 'Health samples were not kept'),
    )
  }

  const readTicks = async (ids: string[]): Promise<(id: string) => Tick | null> => {
    try {
      // A tick early rather than a tick late.
      const at = Date.now() + clockSkewMs + tickMs
      const counting = [...watchers].filter((watcher) => watcher.countsErrors(at))
      const counted = new Set(counting.map((watcher) => watcher.deploymentId))
      const readings = new Map((await readWatched(db, ids, counted)).map((reading) => [reading.deployment_id, reading]))
      const first = readings.values().next().value
      if (first !== undefined) clockSkewMs = first.at_ms - Date.now()
      return (id) => {
        const reading = readings.get(id)
        return reading === undefined ? null : tickOf(reading, sources.latest(reading.service, reading.environment))
      }
    } catch (error) {
      const at = new Date(Date.now() + clockSkewMs)
      const sample = exhaustedSample(error, at) ?? blindSample(at)
      log.warn({ reason: (error as Error).message }, 'Health could not be read')
      return () => ({
        at_ms: at.getTime(),
        sample,
        errors_in_window: null,
        errors_since_deployed: null,
        fault_at: null,
        late: null,
        superseded: false,
        rollback_open: false,
      })
    }
  }

  /** One round at a time; a wish that comes during a round makes one more, however many came. */
  const tick = (): void => {
    if (stopped) return
    if (running !== null) {
      again = true
      return
    }
    running = round()
      .catch((error) => log.error({ reason: (error as Error).message }, 'A tick failed'))
      .finally(() => {
        running = null
        if (again) {
          again = false
          tick()
        }
      })
  }

  const tickSoon = (): void => {
    if (soon !== undefined || stopped) return
    soon = setTimeout(() => {
      soon = undefined
      tick()
    }, COALESCE_MS)
  }

  const timer = setInterval(tick, tickMs)
  const unlisten = listener.on(ERRORS_CHANNEL, tickSoon)

  return {
    watch(deploymentId, calls) {
      const watcher: Watcher = { deploymentId, ...calls, busy: false }
      watchers.add(watcher)
      tickSoon()
      return () => {
        watchers.delete(watcher)
      }
    },
    keep(sample) {
      kept.push(sample)
    },
    async stop() {
      stopped = true
      clearInterval(timer)
      clearTimeout(soon)
      unlisten()
      await running
      await flush()
    },
  }
}

const tickOf = (reading: WatchedReading, source: ReturnType<SourcePool['latest']>): Tick => ({
  at_ms: reading.at_ms,
  sample: withSources(reading.sample, source),
  errors_in_window: reading.errors_in_window,
  errors_since_deployed: reading.errors_since_deployed,
  fault_at: reading.fault_at,
  late: reading.late,
  superseded: reading.superseded,
  rollback_open: reading.rollback_open,
})
