import { type Database, listen } from '@roman/db'
import { waitFor } from '@roman/local-stack'

const CHANNEL = 'bench_floor'

export interface NotifyFloor {
  /** Measures once. */
  probe(): Promise<void>
  /** Every probe's delay in milliseconds, by the same commit timestamps as the verdicts'. */
  delays(): Promise<number[]>
  close(): Promise<void>
}

/**
 * The least that any detection through PostgreSQL costs here and now: a row is committed, a notification is sent, who
 * listens commits a row of its own. In the same process, so that it feels the same load.
 */
export const createNotifyFloor = async (db: Database): Promise<NotifyFloor> => {
  await db.pool.query('CREATE TABLE bench_floor (probe integer, answer boolean)')
  const listener = listen(db.url, [CHANNEL])
  await waitFor(() => listener.connected, { timeoutMs: 5_000, describe: 'the listener' })
  let probes = 0
  const insert = (answer: boolean, probe: number) =>
    db.pool.query({
      name: 'bench-floor',
      text: 'INSERT INTO bench_floor (probe, answer) VALUES ($1, $2)',
      values: [probe, answer],
    })
  return {
    async probe() {
      probes += 1
      const probe = probes
      const answered = new Promise<void>((resolve, reject) => {
        const stop = listener.on(CHANNEL, () => {
          stop()
          insert(true, probe).then(() => resolve(), reject)
        })
      })
      await insert(false, probe)
      await db.pool.query(`SELECT pg_notify('${CHANNEL}', '')`)
      await answered
    },
    async delays() {
      const { rows } = await db.pool.query<{ ms: number }>(`
        SELECT (1000 * extract(epoch FROM pg_xact_commit_timestamp(answer.xmin) - pg_xact_commit_timestamp(cause.xmin)))::double precision AS ms
        FROM bench_floor cause JOIN bench_floor answer USING (probe)
        WHERE NOT cause.answer AND answer.answer`)
      return rows.map((row) => row.ms)
    },
    close: () => listener.close(),
  }
}
