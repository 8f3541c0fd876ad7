import { setTimeout as pause } from 'node:timers/promises'
import { openDatabase } from '@roman/db'
import type { Logger } from '@roman/runtime'
import { appendSeal, type Client, isStored, readBatch, readPending, readWriters } from './chain-store.ts'
import { type Head, nextSeal } from './seal.ts'
import { requireSight } from './sight.ts'
import { readBrokenHead, readHead } from './stored-seal.ts'

export interface Sealer {
  /** Whether this one holds the lock; the others stand by. */
  readonly sealing: boolean
  /** Within two seconds, also where the database does not answer. */
  stop(): Promise<void>
}

export interface SealerOptions {
  url: string
  log: Pick<Logger, 'info' | 'warn' | 'error'>
  /** Between two looks for new rows: they are sealed within 200 ms. */
  periodMs?: number
  /** Between two attempts to become the one that seals. */
  takeOverMs?: number
  /** How long a missing id is waited for at least, beyond the transactions that could still bring it. */
  settleAfterMs?: number
  /** After so long without a word from its sealer the server closes the connection: a host that vanished, a process that hangs. */
  hungAfterMs?: number
}

/** Held by the connection of the one that seals, and so given up with it. */
const SEALER_LOCK = 7_261_618_036
const BATCH_MAX = 5_000
const STOP_WITHIN_MS = 2_000

/** Thrown where the chain ends with a seal that no sealer wrote: what continued it would vouch for it. */
class BrokenChainError extends Error {}

/**
 * Seals what is written to ops.roman_events, batch by batch, into ops.audit_seals. Any number may run; one at a time
 * seals, and another takes over when its connection is gone. All it knows is in the seals, so taking over is reading
 * the last of them. Two that both believe to hold the lock cannot fork the chain: a seal is stored only if the chain
 * still ends where it continues.
 */
export const startSealer = (options: SealerOptions): Sealer => {
  const { url, log, periodMs = 140, takeOverMs = 1_000, settleAfterMs = 5_000, hungAfterMs = 10_000 } = options
  const db = openDatabase(url, { applicationName: 'roman-sealer', connectionsMax: 1 })
  const stopping = new AbortController()
  const { signal } = stopping
  let sealing = false
  let failing = false
  let broken = false
  /** The last seal that this process wrote or continued. */
  let known: Head | null = null

  const rest = (ms: number) => pause(ms, undefined, { signal }).catch(() => {})

  const becomeTheOne = async (client: Client): Promise<void> => {
    for (;;) {
      const { rows } = await client.query('SELECT pg_try_advisory_lock($1) AS held', [SEALER_LOCK])
      if (rows[0].held || signal.aborted) return
      failing = false
      await rest(takeOverMs)
    }
  }

  const seal = async (client: Client): Promise<void> => {
    // It would settle the ids of rows that it does not see, and miss seals that are there.
    await requireSight(client)
    if (known !== null && known.seal_number > 0 && !(await isStored(client, known))) {
      log.error(
        { seal_number: known.seal_number, chain_hash: known.chain_hash.toString('hex') },
        'A seal of the audit trail is gone or was replaced; "roman audit verify --anchor" with an earlier anchor says more',
      )
    }
    const why = await readBrokenHead(client)
    if (why !== null) throw new BrokenChainError(why)
    broken = false
    let head = await readHead(client)
    known = head
    const pending = await readPending(client, head, settleAfterMs)
    /** Most ids that are missing come with the next batch; who is writing is asked only about the others. */
    let lookAtMs = 0
    while (!signal.aborted) {
      // Before the rows are read: who has ended by now is visible then.
      if (pending.missing && performance.now() >= lookAtMs) {
        pending.writing(await readWriters(client))
        lookAtMs = performance.now() + settleAfterMs / 5
      }
      const batch = await readBatch(client, pending.ranges(), BATCH_MAX)
      const full = batch.event_ids.length === BATCH_MAX
      pending.seen(batch.event_ids, full ? batch.event_ids.at(-1)! : Number.POSITIVE_INFINITY, performance.now())
      const { settled_id } = pending
      if (batch.event_ids.length > 0 || settled_id > head.settled_id) {
        const next = nextSeal(head, { ...batch, settled_id })
        if (!(await appendSeal(client, next))) throw new Error(`Seal ${next.seal_number} is another one's`)
        head = next
        known = next
      }
      if (failing) log.info({ seal_number: head.seal_number }, 'The audit trail is sealed again')
      failing = false
      if (!full) await rest(periodMs)
    }
  }

  let giveUp = (): void => {}
  const session = async (): Promise<void> => {
    const client = await db.pool.connect()
    // A connection that breaks between two queries is noticed by the next one; unheard it would end the process.
    client.on('error', () => {})
    const givenUp = new Promise<never>((_resolve, reject) => {
      giveUp = () => reject(new Error('stopped'))
    })
    givenUp.catch(() => {})
    const work = async (): Promise<void> => {
      await client.query(`SET idle_session_timeout = ${hungAfterMs}`)
      await becomeTheOne(client)
      if (signal.aborted) return
      sealing = true
      await seal(client)
    }
    try {
      await Promise.race([work(), givenUp])
    } finally {
      sealing = false
      // Closed, not kept: the lock goes with it.
      client.release(true)
    }
  }

  /** Once, until it is sealed again. */
  const report = (error: Error): void => {
    const reason = error.message
    if (error instanceof BrokenChainError) {
      if (!broken)
        log.error(
          { reason },
          'The audit trail is not sealed any more, as its last seal is no sealer’s; docs/audit.md says what to do',
        )
      broken = true
    } else if (!failing) log.warn({ reason }, 'The audit trail is not being sealed for now')
    failing = true
  }

  const finished = (async () => {
    while (!signal.aborted) {
      try {
        await session()
      } catch (error) {
        if (!signal.aborted) report(error as Error)
      }
      if (!signal.aborted) await rest(takeOverMs)
    }
  })()

  return {
    get sealing() {
      return sealing
    },
    async stop() {
      stopping.abort()
      const closed = finished.then(() => db.close())
      await Promise.race([closed, pause(STOP_WITHIN_MS, undefined, { ref: false })])
      giveUp()
    },
  }
}
