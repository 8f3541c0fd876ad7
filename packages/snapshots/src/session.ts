/** As much of a `pg` client as a capture needs. */
export interface Queryable {
  // biome-ignore lint/suspicious/noExplicitAny: the rows' shape is the query's.
  query(sql: string): Promise<any>
}

/** Nobody is waited for longer than this: on a busy database a reader in a lock's queue holds up whoever comes after it. */
const LOCK_TIMEOUT_MS = 50

/**
 * Everything that a deparser's or a literal's text depends on. Counts under row security would be wrong numbers, so they
 * are refused instead. Neither parallel workers nor compiled queries: the database is somebody else's, and busy.
 */
const SETTINGS = {
  search_path: `''`,
  lock_timeout: `${LOCK_TIMEOUT_MS}`,
  idle_in_transaction_session_timeout: '15000',
  timezone: `'UTC'`,
  datestyle: `'ISO, YMD'`,
  intervalstyle: `'postgres'`,
  bytea_output: `'hex'`,
  extra_float_digits: '1',
  quote_all_identifiers: 'off',
  max_parallel_workers_per_gather: '0',
  jit: 'off',
}

const SQLSTATE = { lock_not_available: '55P03', query_canceled: '57014', insufficient_privilege: '42501' } as const

/** Why one statement of a capture gave nothing. Anything else ends the capture. */
export type Refusal = keyof typeof SQLSTATE

export const refusalOf = (error: unknown): Refusal | null => {
  const code = (error as { code?: unknown } | null)?.code
  return (Object.keys(SQLSTATE) as Refusal[]).find((name) => SQLSTATE[name] === code) ?? null
}

const MOVED = ['XX000', SQLSTATE.lock_not_available]

/** What somebody's DDL does to a reader: an object is gone between two looks at it, or another one is locked each time. */
export const isMoved = (error: unknown): boolean => MOVED.includes((error as { code?: string } | null)?.code ?? '')

/** The statement failed; the connection lives. */
export const isServerError = (error: unknown): boolean => {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && /^(?!08|57P)[0-9A-Z]{5}$/.test(code)
}

/** One view of the database, whatever is committed meanwhile. */
export interface Session {
  /**
   * Runs one statement, for so long at most. The locks it took are given back with its end, not with the session's:
   * nobody's change of a table waits for the rest of the capture.
   */
  read<Row>(sql: string, timeoutMs: number): Promise<Row[]>
}

/** Runs `work` in one repeatable-read, read-only transaction. */
export const inOneView = async <T>(client: Queryable, work: (session: Session) => Promise<T>): Promise<T> => {
  const settings = Object.entries(SETTINGS).map(([name, value]) => `SET LOCAL ${name} = ${value};`)
  await client.query(`BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; ${settings.join(' ')}`)
  const session: Session = {
    async read<Row>(sql: string, timeoutMs: number): Promise<Row[]> {
      const bound = `SET LOCAL statement_timeout = ${Math.max(1, Math.ceil(timeoutMs))}`
      const back = 'ROLLBACK TO SAVEPOINT aside; RELEASE SAVEPOINT aside'
      try {
        const results = await client.query(`SAVEPOINT aside; ${bound}; ${sql}; ${back}`)
        return results[2].rows
      } catch (error) {
        await client.query(back)
        throw error
      }
    },
  }
  try {
    return await work(session)
  } finally {
    // It changed nothing. A connection that is lost here is found lost by its next use.
    await client.query('ROLLBACK').catch(() => {})
  }
}
