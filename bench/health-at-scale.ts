import { readWatched } from '@roman/control'
import { type Database, openDatabase } from '@roman/db'
import { logScans } from '@roman/testing/log-scans'
import { LOG_HOURS, putErrors, putServices, vacuumErrors } from './many-logs.ts'
import { type Benchmark, median, round } from './report.ts'

const SERVICES = 1_000
const FEW = 10_000
const MANY = 10_000_000
/** The dense hour: a tenth as many rows again, all of them within it. */
const DENSE_SHARE = 0.1
const WARM_UP = 8
const TICKS = 30
const RATIO_MAX = 3
/** An hour touches no more days than that. */
const PARTITIONS_MAX = 2

/**
 * `health_at_scale`: one tick of 1,000 watched deployments, by the sampler's own query, over a log of ten million errors and
 * over one of ten thousand. Medians of interleaved ticks on two databases of one server, with the same partitions.
 *
 * Three shapes: `spread`, evenly over the thirty days that logs are kept; `dense`, where the last hour has a tenth as many
 * rows again, so that every service is far above its threshold; and `unvacuumed`, the same before any vacuum has seen that
 * hour, as in an incident: there the index alone does not answer, and each error is looked up in the table.
 * `counted` is the dense tick when every watch asks for `errors_total`, which only the sequential test and verifications
 * do; it has no aim, and says what that costs. `one` is ops.get_deployment_health of one deployment, over the dense shape.
 *
 * The plan of both is asserted, too: the errors come from an index alone, without a look at the table where all is
 * vacuumed, and from no more than two partitions.
 */
export const healthAtScale: Benchmark = async (servers, say) => {
  const [few, many] = [await installed(await servers.createDatabase()), await installed(await servers.createDatabase())]
  const put = async (share: number, hours: number): Promise<void> => {
    await putErrors(few.db, { count: FEW * share, services: SERVICES, hours })
    await putErrors(many.db, { count: MANY * share, services: SERVICES, hours })
  }
  const vacuum = async (): Promise<void> => {
    await vacuumErrors(few.db)
    await vacuumErrors(many.db)
  }
  const compared = async (shape: string, ask: Ask): Promise<Compared> => {
    const result = await compare(few, many, ask)
    say(`${shape}: ${result.many_ms} ms over many, ${result.few_ms} ms over few: ratio ${result.ratio}`)
    return result
  }
  try {
    say(`putting ${MANY.toLocaleString('en')} errors over ${LOG_HOURS / 24} days; this takes some minutes`)
    const startedAt = performance.now()
    await put(1, LOG_HOURS)
    await vacuum()
    say(`put in ${Math.round((performance.now() - startedAt) / 1000)} s`)
    const spread = await compared('spread', tick)
    const plan = await planOf(many)
    await put(DENSE_SHARE, 1)
    const unvacuumed = { ...(await compared('unvacuumed', tick)), plan: await planOf(many) }
    await vacuum()
    const dense = await compared('dense', tick)
    const counted = await compared('dense, all counted', countedTick)
    const one = await compared('dense, one deployment', oneHealth)
    const ratio = Math.max(spread.ratio, unvacuumed.ratio, dense.ratio, one.ratio)
    return {
      ratio,
      spread,
      unvacuumed,
      dense,
      one,
      counted,
      plan,
      rows: { few: FEW, many: MANY },
      deployments: SERVICES,
      aim: `ratio <= ${RATIO_MAX} (spread, unvacuumed, dense, one; counted has no aim), index only, ${PARTITIONS_MAX} partitions at most`,
      met: ratio <= RATIO_MAX && plan.heap_fetches === 0 && fromIndex(plan) && fromIndex(unvacuumed.plan),
      runs: TICKS,
    }
  } finally {
    await few.db.close()
    await many.db.close()
  }
}

interface Installed {
  db: Database
  ids: string[]
}

const installed = async (url: string): Promise<Installed> => {
  // As the sampler's: held open, so that its statements stay prepared.
  const db = openDatabase(url, { connectionsMax: 1, connectionsKept: 1 })
  return { db, ids: await putServices(db, SERVICES) }
}

type Ask = (installed: Installed) => Promise<unknown>
const tick: Ask = ({ db, ids }) => readWatched(db, ids, new Set())
const countedTick: Ask = ({ db, ids }) => readWatched(db, ids, new Set(ids))
const oneHealth: Ask = ({ db, ids }) => db.pool.query('SELECT ops.get_deployment_health($1)', [ids[0]])

interface Compared {
  few_ms: number
  many_ms: number
  ratio: number
}

const compare = async (few: Installed, many: Installed, ask: Ask): Promise<Compared> => {
  const [few_ms, many_ms] = await interleaved(
    () => ask(few),
    () => ask(many),
  )
  return { few_ms, many_ms, ratio: round(many_ms / few_ms, 2) }
}

/** How the tick and the health of one deployment read the log. */
const planOf = async ({ db: { url }, ids }: Installed) => {
  const scans = await logScans(url, async (db) => {
    await tick({ db, ids })
    await oneHealth({ db, ids })
  })
  const read = scans.filter(({ executed }) => executed)
  return {
    scans: [...new Set(scans.map(({ scan }) => scan))],
    partitions_read: new Set(read.map(({ partition }) => partition)).size,
    heap_fetches: read.reduce((sum, { heapFetches }) => sum + heapFetches, 0),
  }
}

const fromIndex = ({ scans, partitions_read }: Awaited<ReturnType<typeof planOf>>): boolean =>
  scans.every((scan) => scan === 'Index Only Scan') && partitions_read > 0 && partitions_read <= PARTITIONS_MAX

const interleaved = async (...works: (() => Promise<unknown>)[]) => {
  const times: number[][] = works.map(() => [])
  for (let run = -WARM_UP; run < TICKS; run += 1) {
    for (const [index, work] of works.entries()) {
      const startedAt = performance.now()
      await work()
      if (run >= 0) times[index]!.push(performance.now() - startedAt)
    }
  }
  return times.map((own) => round(median(own), 2)) as [number, number]
}
