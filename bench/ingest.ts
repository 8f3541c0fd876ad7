import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { type Database, openDatabase } from '@roman/db'
import { from as copyFrom } from 'pg-copy-streams'
import { type ApiProcess, startApi } from './api-process.ts'
import { type Batch, batchOf, createSender, SERVICE_NAMES } from './error-sender.ts'
import { type Benchmark, median, round } from './report.ts'

const ROWS = 100_000
const ROUNDS = 5
const CLIENTS = 4
const BATCH_ROWS = 2_000
const OFFERED_WITHIN_MS = 10_000
/** The last batches may have to wait for the answers before them. */
const LAST_ROUND_TRIP_MS = 1_000
const OFFERED_CLIENTS = 10
const BURST_CLIENTS = 40
const RATIO_MIN = 0.3

/**
 * `ingest`: errors through `POST /v1/errors` of a real API process, over HTTP, from several clients at once.
 *
 * `ratio` is the rate of 100,000 accepted rows over that of PostgreSQL's plain COPY of rows like them into the same table
 * with its indexes, in turns, medians. Every row has an idempotency key, which COPY does not look at.
 *
 * `offered`: 100,000 rows within ten seconds, paced, by ten clients that send a batch again, with its keys, when it is
 * refused (429, 503) or its connection breaks; in the middle the API is killed with SIGKILL and started again. Rows offered
 * later than ten seconds and a last round trip (`offered_within_ms`) would be another load than promised. `burst` is the
 * same without pace or kill: all at once, so that most are refused at first. Then the table is counted: `lost` are rows
 * that were answered 202 and are not there, `twice` those that are there more than once. Both must be nought, and none may
 * be left unanswered.
 */
export const ingest: Benchmark = async (servers, say) => {
  const databaseUrl = await servers.createDatabase()
  const db = openDatabase(databaseUrl, { connectionsMax: 2 })
  const api = await startApi(servers, databaseUrl, SERVICE_NAMES)
  try {
    const [http, copy]: [number[], number[]] = [[], []]
    for (let round = -1; round < ROUNDS; round += 1) {
      const posted = await postAll(api, `http-${round}`)
      const copied = await copyAll(db, `copy-${round}`)
      if (round < 0) continue
      http.push(posted)
      copy.push(copied)
    }
    const [rate, copyRate] = [Math.round((ROWS / median(http)) * 1000), Math.round((ROWS / median(copy)) * 1000)]
    const ratio = round(rate / copyRate, 2)
    say(`${rate} rows/s through HTTP, ${copyRate} rows/s by COPY: ratio ${ratio}`)
    const offered = await offer(api, db, 'offered', { clients: OFFERED_CLIENTS, batchRows: 1_000, kill: true })
    say(`offered: ${JSON.stringify(offered)}`)
    const burst = await offer(api, db, 'burst', { clients: BURST_CLIENTS, batchRows: BATCH_ROWS, kill: false })
    say(`burst: ${JSON.stringify(burst)}`)
    const none = [offered, burst].every(({ lost, twice, answered }) => lost + twice === 0 && answered === ROWS)
    return {
      ratio,
      rows_per_second: rate,
      copy_rows_per_second: copyRate,
      offered,
      burst,
      aim: `ratio >= ${RATIO_MIN}, offered within ${OFFERED_WITHIN_MS / 1000} s and a last round trip, none lost, none twice`,
      met: ratio >= RATIO_MIN && none && offered.offered_within_ms <= OFFERED_WITHIN_MS + LAST_ROUND_TRIP_MS,
      runs: ROUNDS,
    }
  } finally {
    await api.stop()
    await db.close()
  }
}

/** Milliseconds until all rows are answered for; no client ever waits. */
const postAll = async (api: ApiProcess, name: string): Promise<number> => {
  const batches = batchesOf(name, BATCH_ROWS)
  const sender = createSender(api)
  const startedAt = performance.now()
  await inParallel(CLIENTS, batches, (batch) => sender.untilAnswered(batch))
  const tookMs = performance.now() - startedAt
  sender.close()
  if (sender.tally.answered !== ROWS)
    throw new Error(`Only ${sender.tally.answered} of ${ROWS} rows were answered for.`)
  return tookMs
}

const COPY = `COPY ops.system_logs (service, environment, severity, message, version, occurred_at, idempotency_key) FROM STDIN`

const copyAll = async (db: Database, name: string): Promise<number> => {
  const text = batchesOf(name, BATCH_ROWS).map(({ rows }) =>
    rows
      .map((row) =>
        [
          row.service,
          row.environment,
          row.severity,
          row.message,
          row.version,
          row.occurred_at,
          row.idempotency_key,
        ].join('\t'),
      )
      .join('\n')
      .concat('\n'),
  )
  const client = await db.pool.connect()
  try {
    const startedAt = performance.now()
    await pipeline(Readable.from(text), client.query(copyFrom(COPY)))
    return performance.now() - startedAt
  } finally {
    client.release()
  }
}

const offer = async (
  api: ApiProcess,
  db: Database,
  name: string,
  { clients, batchRows, kill }: { clients: number; batchRows: number; kill: boolean },
) => {
  const batches = batchesOf(name, batchRows)
  const sender = createSender(api)
  const startedAt = performance.now()
  const everyMs = (OFFERED_WITHIN_MS * clients) / batches.length
  let offeredMs = 0
  let killing: Promise<number> | undefined
  await inParallel(clients, batches, async (batch, index) => {
    if (kill) {
      // Paced: each client's turns come at even distances, however long an answer takes.
      const due = Math.floor(index / clients) * everyMs - (performance.now() - startedAt)
      if (due > 0) await pause(due)
      if (killing === undefined && index >= batches.length / 2) killing = killAndCount(api, db, sender.answered)
    }
    offeredMs = performance.now() - startedAt
    await sender.untilAnswered(batch)
  })
  const missingAfterKill = await killing
  sender.close()
  const stored = await storedOf(db, name)
  const keys = new Set(stored.map(({ key }) => key))
  return {
    rows: ROWS,
    offered_within_ms: Math.round(offeredMs),
    all_answered_after_ms: Math.round(performance.now() - startedAt),
    ...sender.tally,
    ...(missingAfterKill === undefined ? {} : { killed: 1, missing_after_kill: missingAfterKill }),
    lost: sender.answered().filter((key) => !keys.has(key)).length + (missingAfterKill ?? 0),
    twice: stored.reduce((sum, { n }) => sum + n - 1, 0),
  }
}

/** Kills the API amid its work; answers how many of the rows that were answered 202 by then are not there. */
const killAndCount = async (api: ApiProcess, db: Database, answered: () => string[]): Promise<number> => {
  api.kill()
  const promised = answered()
  const stored = new Set((await storedOf(db, 'offered')).map(({ key }) => key))
  return promised.filter((key) => !stored.has(key)).length
}

const storedOf = async (db: Database, name: string): Promise<{ key: string; n: number }[]> =>
  (
    await db.pool.query<{ key: string; n: number }>(
      'SELECT idempotency_key AS key, count(*)::int AS n FROM ops.system_logs WHERE idempotency_key LIKE $1 GROUP BY 1',
      [`${name}-%`],
    )
  ).rows

const batchesOf = (name: string, batchRows: number): Batch[] => {
  const run = randomBytes(3).toString('hex')
  return Array.from({ length: ROWS / batchRows }, (_, index) => batchOf(`${name}-${run}-${index}`, batchRows))
}

const inParallel = async <T>(
  clients: number,
  items: readonly T[],
  work: (item: T, index: number) => Promise<unknown>,
): Promise<void> => {
  let next = 0
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (let index = next++; index < items.length; index = next++) await work(items[index]!, index)
    }),
  )
}
