import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Database } from '@roman/db'

export interface SealerProcess {
  /** Resolves when it seals. */
  start(db: Pick<Database, 'url'>): Promise<void>
  stop(): Promise<void>
  end(): void
}

const MAIN = fileURLToPath(new URL('./sealer-main.ts', import.meta.url))
const ANSWER_WITHIN_MS = 20_000

/** The sealer in a process of its own, as a worker is one: what it computes does not hold up those who write. */
export const startSealerProcess = (): SealerProcess => {
  const child = fork(MAIN)
  const ask = async (url: string | null): Promise<void> => {
    const answered = once(child, 'message', { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })
    child.send({ url })
    const [{ error }] = await answered
    if (error !== undefined) throw new Error(`The sealer failed: ${error}`)
  }
  return { start: ({ url }) => ask(url), stop: () => ask(null), end: () => child.disconnect() }
}
