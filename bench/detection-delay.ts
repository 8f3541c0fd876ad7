import { setTimeout as pause } from 'node:timers/promises'
import { judgeSample } from '@roman/constitution'
import { readHealth } from '@roman/control'
import { type Database, openDatabase } from '@roman/db'
import { waitFor } from '@roman/local-stack'
import { CALL, errorsOf, type Installation, install } from './installation.ts'
import { type Benchmark, percentile, round } from './report.ts'

const OPEN_GUARDS = 200
const BREACHES = 100
const BREACHES_AUTO = 6
const POLL_EVERY_MS = 10_000
/** One more than the threshold of 5 a minute; the last of them is the one that breaks it. */
const ERRORS_TO_BREACH = 6
const LAST_ERROR = 'breaks-the-threshold'
const P50_MAX_MS = 50
const P99_MAX_MS = 1_000

/**
 * `detection_delay`: from the commit of the error that breaks the threshold to the commit of the stored verdict, over
 * 100 breaches while at least 200 guards are open (300 services are guarded, and a breach ends its guard). Both moments
 * are PostgreSQL's own commit timestamps, so that one clock tells and nobody's round trip is in between.
 * `decided_p50_ms` is the same to `decided_at`, the moment the verdict's transaction began.
 *
 * Errors come in as a service logs them: one request each, 20 to 150 ms apart, so that notifications are coalesced as in
 * earnest. Mode is `observe`, and everything else is as nobody configured it. `auto` is the same for a handful whose
 * breach starts a rollback. Beside it, in the same run and over the same rows, `polling` is what a cron would do: ask
 * for everybody's health every 10 s, judge, and note the time. `ratio` is polling's p50 over ours.
 *
 * Aim: p50 50 ms at most, p99 1 s at most.
 */
export const detectionDelay: Benchmark = async (servers, say) => {
  const observed = places('service', OPEN_GUARDS + BREACHES, () => 'production')
  // Environments of their own, so that the shared-cause brake does not hold the rollbacks back.
  const automatic = places('auto', BREACHES_AUTO, (index) => `auto-${index}`)
  const installation = await install(servers, romanYaml(observed, automatic), {
    deployers: {
      of: () => ({ type: 'instant', deploy: async () => ({ outcome: 'live', run: null, output_tail: null }) }),
    },
  })
  const cron = openDatabase(installation.db.url, { connectionsMax: 1 })
  const stopPolling = new AbortController()
  try {
    await inParallel(automatic, async (place) => {
      const good = await installation.deploy(place, GOOD)
      await installation.deploy(place, BAD)
      await waitFor(async () => (await installation.control.showDeployment(good)).guard?.phase === 'ended', {
        timeoutMs: 30_000,
        describe: 'the guard of a replaced version to end',
      })
      await installation.control.verify(good, { reason: 'known to be good' }, CALL)
    })
    await inParallel(observed, (place) => installation.deploy(place, BAD))
    const guarded = observed.length + automatic.length
    await waitFor(async () => (await openGuards(installation.db)) === guarded, {
      timeoutMs: 60_000,
      describe: `${guarded} guards to watch`,
    })
    say(`${guarded} guards are open`)

    const polling = poll(cron, await liveIds(installation.db), stopPolling.signal)
    for (const [index, place] of observed.slice(0, BREACHES).entries()) await breach(installation, place, index)
    const open = await openGuards(installation.db)
    const delays = await delaysOf(installation.db, 'service', BREACHES)
    for (const [index, place] of automatic.entries()) await breach(installation, place, index)
    const auto = await delaysOf(installation.db, 'auto', BREACHES_AUTO)
    await waitFor(() => delays.every(({ service }) => polling.seen.has(service)), {
      timeoutMs: 2 * POLL_EVERY_MS,
      describe: 'the polling loop to see every breach',
      intervalMs: 100,
    })
    stopPolling.abort()
    await polling.ended

    const stored = delays.map((delay) => delay.stored_ms)
    const decided = delays.map((delay) => delay.decided_ms)
    const polled = delays.map((delay) => polling.seen.get(delay.service)! - delay.broken_at_ms)
    const p50 = round(percentile(stored, 50))
    const p99 = round(percentile(stored, 99))
    const polledP50 = round(percentile(polled, 50))
    say(`p50 ${p50} ms, p99 ${p99} ms; polling every 10 s: p50 ${polledP50} ms`)
    return {
      p50_ms: p50,
      p99_ms: p99,
      max_ms: round(Math.max(...stored)),
      decided_p50_ms: round(percentile(decided, 50)),
      decided_p99_ms: round(percentile(decided, 99)),
      guards_open: open,
      polling: { every_ms: POLL_EVERY_MS, p50_ms: polledP50, p99_ms: round(percentile(polled, 99)) },
      ratio: round(polledP50 / p50, 0),
      auto: {
        p50_ms: round(
          percentile(
            auto.map((delay) => delay.stored_ms),
            50,
          ),
        ),
        max_ms: round(Math.max(...auto.map((delay) => delay.stored_ms))),
        rollbacks: await installation.db.prisma.rollback_events.count({ where: { trigger_type: 'automatic' } }),
        runs: auto.length,
      },
      aim: `p50_ms <= ${P50_MAX_MS}, p99_ms <= ${P99_MAX_MS}`,
      met: p50 <= P50_MAX_MS && p99 <= P99_MAX_MS && open >= OPEN_GUARDS,
      runs: delays.length,
    }
  } finally {
    stopPolling.abort()
    await installation.close()
    await cron.close()
  }
}

interface Place {
  service: string
  environment: string
}

const GOOD = '1.0.0'
const BAD = '1.1.0'

const places = (prefix: string, count: number, environmentOf: (index: number) => string): Place[] =>
  Array.from({ length: count }, (_, index) => ({ service: `${prefix}-${index}`, environment: environmentOf(index) }))

const romanYaml = (observed: Place[], automatic: Place[]) => ({
  services: Object.fromEntries(
    [...observed, ...automatic].map((place) => [
      place.service,
      {
        environments: {
          [place.environment]: {
            deployer: { type: 'command', argv: ['true'] },
            mode: automatic.includes(place) ? 'auto' : 'observe',
          },
        },
      },
    ]),
  ),
})

const SETUP_AT_ONCE = 8

const inParallel = async <T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> => {
  const left = [...items]
  await Promise.all(
    Array.from({ length: SETUP_AT_ONCE }, async () => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
    }),
  )
}

/** Six errors, one request each, at uneven distances that are the same in every run. */
const breach = async ({ control }: Installation, place: Place, index: number): Promise<void> => {
  for (let error = 1; error <= ERRORS_TO_BREACH; error += 1) {
    const key = error === ERRORS_TO_BREACH ? { idempotency_key: LAST_ERROR } : {}
    await control.ingestErrors(errorsOf(place, BAD, 1, key))
    await pause(20 + ((index * 37 + error * 53) % 131))
  }
}

const openGuards = async (db: Database): Promise<number> =>
  db.prisma.guards.count({ where: { phase: 'watching', ended_at: null } })

const liveIds = async (db: Database): Promise<string[]> =>
  (await db.prisma.live.findMany()).flatMap((row) => row.deployment_id ?? [])

interface Delay {
  service: string
  broken_at_ms: number
  decided_ms: number
  stored_ms: number
}

const DELAYS = `
SELECT d.service,
  (1000 * extract(epoch FROM broken.at))::double precision AS broken_at_ms,
  (1000 * extract(epoch FROM v.decided_at - broken.at))::double precision AS decided_ms,
  (1000 * extract(epoch FROM pg_xact_commit_timestamp(v.xmin) - broken.at))::double precision AS stored_ms
FROM ops.system_logs l
CROSS JOIN LATERAL (SELECT pg_xact_commit_timestamp(l.xmin) AS at) broken
JOIN ops.deployments d ON d.service = l.service AND d.environment = l.environment AND d.version = l.version
JOIN ops.guard_verdicts v ON v.deployment_id = d.deployment_id AND v.phase = 'window' AND v.verdict = 'breach'
WHERE l.idempotency_key = $1 AND l.service LIKE $2 AND d.rollback_from IS NULL`

/** Every breach's delays, once all verdicts are stored. */
const delaysOf = async (db: Database, prefix: string, count: number): Promise<Delay[]> => {
  const read = async () => (await db.pool.query<Delay>(DELAYS, [LAST_ERROR, `${prefix}-%`])).rows
  await waitFor(async () => (await read()).length === count, { timeoutMs: 10_000, describe: `${count} verdicts` })
  const delays = await read()
  const early = delays.find((delay) => delay.decided_ms <= 0)
  if (early !== undefined) throw new Error(`${early.service} was judged before its threshold was broken.`)
  return delays
}

/** When the loop first saw each service in breach, by the database's clock, in milliseconds. */
const poll = (
  db: Database,
  ids: string[],
  signal: AbortSignal,
): { seen: Map<string, number>; ended: Promise<void> } => {
  const seen = new Map<string, number>()
  const look = async (): Promise<void> => {
    const readings = await readHealth(db, ids)
    const { rows } = await db.pool.query<{ at_ms: number }>(
      'SELECT (1000 * extract(epoch FROM clock_timestamp()))::double precision AS at_ms',
    )
    for (const { service, sample, policy } of readings) {
      if (seen.has(service) || judgeSample(sample, policy.thresholds).state !== 'breach') continue
      seen.set(service, rows[0]!.at_ms)
    }
  }
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      const next = performance.now() + POLL_EVERY_MS
      await look()
      await pause(next - performance.now(), undefined, { signal }).catch(() => {})
    }
  }
  return { seen, ended: run() }
}
