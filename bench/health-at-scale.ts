import { readWatched } from '@roman/control'
import { type Database, openDatabase } from '@roman/db'
import { LOG_HOURS, putErrors, putServices } from './many-logs.ts'
import { planOf } from './plan.ts'
import { type Benchmark, median, round } from './report.ts'

const SERVICES = 1_000
const FEW = 10_000
const MANY = 10_000_000
/** The dense hour: a tenth as many rows again, all of them within it. */
const DENSE_SHARE = 0.1
const WARM_UP = 8
const TICKS = 30
const RATIO_MAX = 3

/**
 * `health_at_scale`: one tick of 1,000 watched deployments, by the sampler's own query, over a log of ten million errors and
 * over one of ten thousand. Medians of interleaved ticks on two databases of one server, with the same partitions.
 *
 * Two shapes: `spread`, evenly over the thirty days that logs are kept; and `dense`, where the last hour has a tenth as many
 * rows again, so that every service is far above its threshold. `counted` is the dense tick when every watch asks for
 * `errors_total`, which only the sequential test and verifications do; it has no aim, and says what that costs.
 * `one_ratio` is ops.get_deployment_health of one deployment.
 *
 * The plan is asserted, too: the errors come from an index alone, without a look at the table, and from no more than two
 * partitions.
 */
export const healthAtScale: Benchmark = async (servers, say) => {
  const [few, many] = [await installed(await servers.createDatabase()), await installed(await servers.createDatabase())]
  try {
    say(`putting ${MANY.toLocaleString('en')} errors over ${LOG_HOURS / 24} days; this takes some minutes`)
    const startedAt = performance.now()
    await putErrors(few.db, { count: FEW, services: SERVICES, hours: LOG_HOURS })
    await putErrors(many.db, { count: MANY, services: SERVICES, hours: LOG_HOURS })
    say(`put in ${Math.round((performance.now() - startedAt) / 1000)} s`)
    const spread = await compare(few, many, false)
    say(`spread: ${spread.many_ms} ms over many, ${spread.few_ms} ms over few: ratio ${spread.ratio}`)
    const plan = await planOf(many.db, many.ids)
    await putErrors(few.db, { count: FEW * DENSE_SHARE, services: SERVICES, hours: 1 })
    await putErrors(many.db, { count: MANY * DENSE_SHARE, services: SERVICES, hours: 1 })
    const dense = await compare(few, many, false)
    say(`dense: ${dense.many_ms} ms over many, ${dense.few_ms} ms over few: ratio ${dense.ratio}`)
    const counted = await compare(few, many, true)
    say(`dense, all counted: ${counted.many_ms} ms over many, ${counted.few_ms} ms over few: ratio ${counted.ratio}`)
    const one = await compareOne(few, many)
    return {
      ratio: Math.max(spread.ratio, dense.ratio),
      spread,
      dense,
      counted,
      one_ratio: one,
      plan,
      rows: { few: FEW, many: MANY },
      deployments: SERVICES,
      aim: `ratio <= ${RATIO_MAX}, index only, two partitions at most`,
      met:
        Math.max(spread.ratio, dense.ratio) <= RATIO_MAX &&
        plan.heap_fetches === 0 &&
        plan.partitions_read > 0 &&
        plan.partitions_read <= 2,
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

const compare = async (few: Installed, many: Installed, counted: boolean) => {
  const tick = ({ db, ids }: Installed) => readWatched(db, ids, counted ? new Set(ids) : new Set())
  const [few_ms, many_ms] = await interleaved(
    () => tick(few),
    () => tick(many),
  )
  return { few_ms, many_ms, ratio: round(many_ms / few_ms, 2) }
}

const compareOne = async (few: Installed, many: Installed) => {
  const ask = ({ db, ids }: Installed) => db.pool.query('SELECT ops.get_deployment_health($1)', [ids[0]])
  const [few_ms, many_ms] = await interleaved(
    () => ask(few),
    () => ask(many),
  )
  return round(many_ms / few_ms, 2)
}

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
