import { verifyDatabase } from '@roman/audit'
import { type Database, openDatabase } from '@roman/db'
import { type Benchmark, median, percentile, round } from './report.ts'
import { type SealerProcess, startSealerProcess } from './sealer-process.ts'

const WRITERS = 8
const BLOCK_MS = 1_000
const ROUNDS = 24
const AIM = 0.9

/** The same table without any of it: nothing hashes, and nobody seals. */
const PLAIN = 'ALTER TABLE ops.roman_events DISABLE TRIGGER roman_events_content_hash'

const ROW = {
  event_type: 'rollback_requested',
  severity: 'warning',
  source: 'guard',
  description: 'Rollback of storefront v2.5.3 in production',
  metadata: {
    deployment_id: '0191d1a2-0000-7000-8000-000000000001',
    event_id: '0191d1a2-0000-7000-8000-0000000000e1',
    actor: { kind: 'service_key', user_id: null },
    reason: 'High error rate: 8.5 errors/minute',
  },
}
const INSERT = {
  name: 'bench-write',
  text: 'INSERT INTO ops.roman_events (event_type, severity, source, description, metadata) VALUES ($1, $2, $3, $4, $5)',
  values: Object.values(ROW),
}

type Writer = (db: Database) => Promise<unknown>

/** A transaction of one row, as the product writes. */
const inTransaction: Writer = (db) => db.transaction((tx) => tx.roman_events.create({ data: ROW }))
/** One statement and nothing else. */
const bareInsert: Writer = (db) => db.pool.query(INSERT)

/** Rows a second, from so many connections at once. */
const write = async (db: Database, writer: Writer): Promise<number> => {
  const until = performance.now() + BLOCK_MS
  let written = 0
  const keepWriting = async (): Promise<void> => {
    while (performance.now() < until) {
      await writer(db)
      written += 1
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, keepWriting))
  return (written * 1000) / BLOCK_MS
}

const SIDES = ['plain', 'hashed', 'sealed'] as const
type Side = (typeof SIDES)[number]
type Databases = Record<Side, Database>
/** Rows a second of each, one after the other. */
type Round = Record<Side, number>

type Say = (text: string) => void

/** By the database's clock, in full. */
const databaseTime = async ({ pool }: Database): Promise<string> =>
  (await pool.query<{ now: string }>('SELECT clock_timestamp()::text AS now')).rows[0]!.now

interface Parts {
  databases: Databases
  sealer: SealerProcess
  /** When the blocks ended in which the sealer was at work; measuring adds to them. */
  blockEnds: string[]
}

/** In turns, each round in the other order. */
const measure = async ({ databases, sealer, blockEnds }: Parts, writer: Writer, say: Say): Promise<Round[]> => {
  const blocks: Record<Side, () => Promise<number>> = {
    plain: () => write(databases.plain, writer),
    hashed: () => write(databases.hashed, writer),
    async sealed() {
      await sealer.start(databases.sealed)
      try {
        const rate = await write(databases.sealed, writer)
        blockEnds.push(await databaseTime(databases.sealed))
        return rate
      } finally {
        await sealer.stop()
      }
    },
  }
  for (const side of SIDES) await blocks[side]()
  const measured: Round[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const result: Round = { plain: 0, hashed: 0, sealed: 0 }
    for (const side of round % 2 === 0 ? SIDES : SIDES.toReversed()) result[side] = await blocks[side]()
    measured.push(result)
    say(SIDES.map((side) => `${side} ${Math.round(result[side])}`).join(', '))
  }
  return measured
}

/** Medians: of the ratios of rounds, and of the rates. */
const summary = (rounds: readonly Round[]) => {
  const ratio = (of: Side, over: Side) => round(median(rounds.map((one) => one[of] / one[over])), 3)
  const rate = (side: Side) => Math.round(median(rounds.map((one) => one[side])))
  return {
    ratio: ratio('sealed', 'plain'),
    sealer_ratio: ratio('sealed', 'hashed'),
    hash_ratio: ratio('hashed', 'plain'),
    plain_per_second: rate('plain'),
    sealed_per_second: rate('sealed'),
  }
}

/**
 * What the audit chain costs those who write: rows a second while events are hashed and sealed, over as many into the same
 * table where nothing is, from eight connections at once. `ratio` is with transactions of one row as the product writes
 * them. `bare` is with the INSERT alone, in a loop that does nothing else and has the processors to itself: where it weighs
 * most. In between is a table that is hashed and not sealed: `sealer_ratio` is what the chain costs, `hash_ratio` what
 * the hash does. The sealer is a process of its own, as a worker is, on the same processors. Also: from the commit of an
 * event to the commit of its seal.
 */
export const auditWriters: Benchmark = async ({ createDatabase }, say) => {
  const open = async () => openDatabase(await createDatabase(), { connectionsMax: WRITERS })
  const databases: Databases = { plain: await open(), hashed: await open(), sealed: await open() }
  await databases.plain.pool.query(PLAIN)
  const parts: Parts = { databases, sealer: startSealerProcess(), blockEnds: [] }
  try {
    const asProduct = summary(await measure(parts, inTransaction, say))
    say('and now the INSERT alone')
    const bare = summary(await measure(parts, bareInsert, say))
    const delays = await sealDelays(databases.sealed, parts.blockEnds)
    const { valid } = await verifyDatabase(databases.sealed)
    return {
      aim: `ratio >= ${AIM}, bare sealer_ratio >= ${AIM}, sealed within 200 ms (p99)`,
      met: valid && asProduct.ratio >= AIM && bare.sealer_ratio >= AIM && percentile(delays, 99) <= 200,
      runs: ROUNDS,
      ...asProduct,
      bare,
      commit_to_seal_p50_ms: round(percentile(delays, 50)),
      commit_to_seal_p99_ms: round(percentile(delays, 99)),
      commit_to_seal_max_ms: round(percentile(delays, 100)),
      valid,
    }
  } finally {
    parts.sealer.end()
    await Promise.all(SIDES.map((side) => databases[side].close()))
  }
}

/**
 * From the commit of each event to the commit of its seal. No sealer is at work between the blocks: an event that its block's
 * end found unsealed counts with what it had waited by then, so that a stall is seen wherever in a block it is.
 * @param blockEnds ascending
 */
const sealDelays = async (db: Database, blockEnds: readonly string[]): Promise<number[]> => {
  const { rows } = await db.pool.query<{ ms: number }>(
    `SELECT (1000 * extract(epoch FROM least(s.sealed_at, block.end_at) - e.written_at))::double precision AS ms
    FROM (SELECT id, pg_xact_commit_timestamp(xmin) AS written_at FROM ops.roman_events) e
    LEFT JOIN (SELECT unnest(event_ids) AS id, pg_xact_commit_timestamp(xmin) AS sealed_at FROM ops.audit_seals) s USING (id)
    CROSS JOIN LATERAL (SELECT ($1::timestamptz[])[width_bucket(e.written_at, $1::timestamptz[]) + 1] AS end_at) block`,
    [blockEnds],
  )
  return rows.map(({ ms }) => ms)
}
