import { setTimeout as pause } from 'node:timers/promises'
import { type Database, openDatabase } from '@roman/db'
import { waitFor } from '@roman/local-stack'
import { CALL, errorsOf, type Installation, install } from './installation.ts'
import { INSTANT_DEPLOYERS } from './instant-deployer.ts'
import { createNotifyFloor } from './notify-floor.ts'
import { POLL_EVERY_MS, startPollingLoop } from './polling-loop.ts'
import { type Benchmark, median, percentile, round } from './report.ts'

const OPEN_GUARDS = 200
const BREACHES = 100
const BREACHES_AUTO = 6
/** One more than the threshold of 5 a minute; the last of them is the one that breaks it. */
const ERRORS_TO_BREACH = 6
const LAST_ERROR = 'breaks-the-threshold'
const P50_MAX_MS = 50
const P99_MAX_MS = 1_000

/**
 * `detection_delay`: from the commit of the error that breaks the threshold to the commit of the stored verdict, over
 * 100 breaches while at least 200 guards are open (300 services are guarded, and a breach ends its guard). Both moments
 * are PostgreSQL's own commit timestamps, so that one clock tells and nobody's round trip is in between.
 * `decided` is the same to `decided_at`, the moment the verdict's transaction began.
 *
 * Errors come in as a service logs them: one request each, 20 to 150 ms apart, so that notifications are coalesced as in
 * earnest. Mode is `observe`, and everything else is as nobody configured it. `auto` is the same for a handful whose
 * breach starts a rollback. Beside it, in the same run and over the same rows, `polling` is what a cron would do: ask
 * for everybody's health every 10 s, judge, and note the time. `ratio` is polling's p50 over ours. `floor` is the least
 * that this machine takes at that load, from a commit through a notification to the listener's own commit, measured
 * between the breaches; a run whose floor is high says more about the machine than about us.
 *
 * Aim: p50 50 ms at most, p99 1 s at most.
 */
export const detectionDelay: Benchmark = async (servers, say) => {
  const observed = places('service', OPEN_GUARDS + BREACHES, () => 'production')
  // Environments of their own, so that the shared-cause brake does not hold the rollbacks back.
  const automatic = places('auto', BREACHES_AUTO, (index) => `auto-${index}`)
  const installation = await install(servers, romanYaml(observed, automatic), { deployers: INSTANT_DEPLOYERS })
  const cron = openDatabase(installation.db.url, { connectionsMax: 2 })
  const stopPolling = new AbortController()
  const floor = await createNotifyFloor(cron)
  try {
    const guarded = await guardAll(installation, observed, automatic)
    say(`${guarded} guards are open`)
    const polling = startPollingLoop(cron, await liveIds(installation.db), stopPolling.signal)
    for (const [index, place] of observed.slice(0, BREACHES).entries()) {
      await breach(installation, place, index)
      await floor.probe()
    }
    const open = await openGuards(installation.db)
    const delays = await delaysOf(installation.db, 'service', BREACHES)
    for (const [index, place] of automatic.entries()) await breach(installation, place, index)
    const auto = await delaysOf(installation.db, 'auto', BREACHES_AUTO)
    const rollbacks = { trigger_type: 'automatic' }
    await waitFor(
      async () => (await installation.db.prisma.rollback_events.count({ where: rollbacks })) === BREACHES_AUTO,
      { timeoutMs: 10_000, describe: 'a rollback for each breach in mode auto' },
    )
    await waitFor(() => delays.every(({ service }) => polling.seen.has(service)), {
      timeoutMs: 2 * POLL_EVERY_MS,
      describe: 'the polling loop to see every breach',
      intervalMs: 100,
    })
    stopPolling.abort()
    await polling.ended

    const ours = spread(delays.map((delay) => delay.stored_ms))
    const polled = spread(delays.map((delay) => polling.seen.get(delay.service)! - delay.broken_at_ms))
    const floorP50 = round(median(await floor.delays()), 2)
    say(`p50 ${ours.p50_ms} ms, p99 ${ours.p99_ms} ms; floor ${floorP50} ms`)
    say(`polling every 10 s: p50 ${polled.p50_ms} ms`)
    return {
      ...ours,
      decided: spread(delays.map((delay) => delay.decided_ms)),
      guards_open: open,
      polling: { every_ms: POLL_EVERY_MS, ...polled },
      ratio: round(polled.p50_ms / ours.p50_ms, 0),
      floor_p50_ms: floorP50,
      times_floor: round(ours.p50_ms / floorP50),
      auto: { ...spread(auto.map((delay) => delay.stored_ms)), runs: auto.length },
      aim: `p50_ms <= ${P50_MAX_MS}, p99_ms <= ${P99_MAX_MS}`,
      met: ours.p50_ms <= P50_MAX_MS && ours.p99_ms <= P99_MAX_MS && open >= OPEN_GUARDS,
      runs: delays.length,
    }
  } finally {
    stopPolling.abort()
    await floor.close()
    await installation.close()
    await cron.close()
  }
}

const spread = (delays: readonly number[]) => ({
  p50_ms: round(percentile(delays, 50)),
  p99_ms: round(percentile(delays, 99)),
  max_ms: round(percentile(delays, 100)),
})

interface Place {
  service: string
  environment: string
}

const GOOD = '1.0.0'
const BAD = '1.1.0'

const places = (prefix: string, count: number, environmentOf: (index: number) => string): Place[] =>
  Array.from({ length: count }, (_, index) => ({ service: `${prefix}-${index}`, environment: environmentOf(index) }))

/** Puts a version live everywhere, over a known-good one where a rollback will need it, until all guards watch. */
const guardAll = async (
  { control, db, deploy }: Installation,
  observed: Place[],
  automatic: Place[],
): Promise<number> => {
  await inParallel(automatic, async (place) => {
    const good = await deploy(place, GOOD)
    await deploy(place, BAD)
    await waitFor(async () => (await control.showDeployment(good)).guard?.phase === 'ended', {
      timeoutMs: 30_000,
      describe: 'the guard of a replaced version to end',
    })
    await control.verify(good, { reason: 'known to be good' }, CALL)
  })
  await inParallel(observed, (place) => deploy(place, BAD))
  const guarded = observed.length + automatic.length
  await waitFor(async () => (await openGuards(db)) === guarded, {
    timeoutMs: 60_000,
    describe: `${guarded} guards to watch`,
  })
  return guarded
}

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
