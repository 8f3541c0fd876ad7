import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { PrismaClient } from './generated/client.ts'
import type { TransactionClient } from './generated/internal/prismaNamespace.ts'
import { keepOpen, keepThroughErrors } from './held-pool.ts'

export type Tx = TransactionClient

export interface Database {
  /** Models by their table's name; for what Prisma says well. */
  readonly prisma: PrismaClient
  /** The same connections, for set-based SQL. */
  readonly pool: pg.Pool
  readonly url: string
  /**
   * Runs `work` in one transaction: all of it or nothing. Bounded, so that a stuck lock cannot hold a step for ever.
   * A serialisation failure or deadlock is not retried here: steps are retried whole by their caller.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /**
   * Opens the connections that are kept, so that a server which fills up later does not shut this process out; from then
   * on they are opened again when they are lost.
   */
  hold(): Promise<void>
  close(): Promise<void>
}

export interface DatabaseOptions {
  /** Connections kept at most. */
  connectionsMax?: number
  applicationName?: string
  /** Of these, so many are opened by `hold` and never closed for being idle; none by default. */
  connectionsKept?: number
}

const TRANSACTION_TIMEOUT_MS = 10_000
const CONNECT_TIMEOUT_MS = 5_000
const QUERY_TIMEOUT_MS = 20_000

/** Opens nothing yet: the first query connects. */
export const openDatabase = (url: string, options: DatabaseOptions = {}): Database => {
  const connectionsKept = options.connectionsKept ?? 0
  const pool = new pg.Pool({
    connectionString: url,
    max: options.connectionsMax ?? 10,
    application_name: options.applicationName ?? 'roman',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    // A half-open connection must not hold a step longer than a transaction may take.
    query_timeout: QUERY_TIMEOUT_MS,
    // A stuck lock or a host that died in a transaction must not take other environments with it.
    lock_timeout: 5_000,
    statement_timeout: 15_000,
    idle_in_transaction_session_timeout: 15_000,
    keepAlive: true,
    min: connectionsKept,
  })
  // An idle connection that the server closes is replaced by the pool; without a listener it would end the process.
  pool.on('error', () => {})
  if (connectionsKept > 0) keepThroughErrors(pool)
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool, { schema: 'ops' }) })
  return {
    prisma,
    pool,
    url,
    transaction: (work) => prisma.$transaction(work, { timeout: TRANSACTION_TIMEOUT_MS, maxWait: CONNECT_TIMEOUT_MS }),
    hold: () => keepOpen(pool, connectionsKept),
    close: async () => {
      await prisma.$disconnect()
      await pool.end()
    },
  }
}
