import { type Database, type HeldPool, openHeldPool } from '@roman/db'
import { captureDatabase, type DatabaseState, shared } from '@roman/snapshots'

/** Two captures in a row must fit into a snapshot's time: who asks while one runs waits for the next. */
const CAPTURE_TIMEOUT_MS = 3_500
/** A server that no longer answers ends no statement. */
const SILENCE_MS = 500

/** The databases that snapshots are taken of, a connection to each held open: a full server has no room for another. */
export interface SnapshotDatabases {
  /** The state of a database, read once however many ask at the same time. */
  capture(database: ServiceDatabase): Promise<DatabaseState>
  /** Opens the connection, unless it is open. */
  hold(database: ServiceDatabase): void
  close(): Promise<void>
}

/** `ops`: our own, where the service's is none of its own. */
export type ServiceDatabase = 'ops' | { url_env: string; url: string }

interface Held {
  capture: () => Promise<DatabaseState>
  close: () => Promise<void>
}

/** @param ops kept open by whoever made it. */
export const holdDatabases = (ops: Pick<Database, 'pool'>, applicationName: string): SnapshotDatabases => {
  const own: Held = { capture: shared(() => captureOn(ops.pool)), close: async () => {} }
  const others = new Map<string, Held>()
  const heldOf = (database: ServiceDatabase): Held => {
    if (database === 'ops') return own
    const known = others.get(database.url)
    if (known !== undefined) return known
    const pool = openHeldPool(database.url, { connections: 1, applicationName })
    const held = { capture: shared(() => captureOn(pool)), close: () => pool.end() }
    others.set(database.url, held)
    return held
  }
  return {
    capture: (database) => heldOf(database).capture(),
    hold: (database) => void heldOf(database),
    close: async () => {
      await Promise.all([...others.values()].map((held) => held.close()))
    },
  }
}

const captureOn = async (pool: HeldPool): Promise<DatabaseState> => {
  const client = await pool.connect()
  // A connection that the server ends while it is ours must not end the process.
  const ignore = (): void => {}
  client.on('error', ignore)
  let silent: NodeJS.Timeout | undefined
  const silence = new Promise<never>((_resolve, reject) => {
    silent = setTimeout(() => {
      reject(new Error(`The database has not answered for ${(CAPTURE_TIMEOUT_MS + SILENCE_MS) / 1000} seconds`))
    }, CAPTURE_TIMEOUT_MS + SILENCE_MS)
  })
  let answers = true
  silence.catch(() => {
    answers = false
  })
  try {
    return await Promise.race([captureDatabase(client, { timeoutMs: CAPTURE_TIMEOUT_MS }), silence])
  } finally {
    clearTimeout(silent)
    client.off('error', ignore)
    // One that no longer answers is given up; any other failure leaves it as good as it was.
    client.release(!answers)
  }
}
