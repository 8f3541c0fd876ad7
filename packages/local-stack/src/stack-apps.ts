import { type Environment, type SupervisedProcess, superviseProcess } from './supervise-process.ts'
import { waitFor } from './wait-for.ts'

export type AppName = 'worker' | 'api' | 'discord'
export type StackSource = 'dev' | 'postgres' | 'temporal' | AppName

export interface AppProcess {
  argv: readonly [string, ...string[]]
  cwd: string
  env: Environment
}

const READY_WITHIN_MS = 90_000
/** An app that died this often before the stack was ready will not become so. */
const DEATHS_MAX = 4

/** Starts worker, API and Discord, in this order; `stop` ends them in the opposite one. */
export function startApps(
  apps: Record<'worker' | 'api', AppProcess> & { discord: AppProcess | null },
  { log, onRestart }: { log: (source: StackSource, line: string) => void; onRestart: () => void },
) {
  const start = (name: AppName, app: AppProcess) =>
    superviseProcess({ name, ...app, stopTimeoutMs: 15_000, log: (line) => log(name, line), onRestart })
  const worker = start('worker', apps.worker)
  const api = start('api', apps.api)
  const discord = apps.discord ? start('discord', apps.discord) : null
  const all = [worker, api, ...(discord ? [discord] : [])]

  return {
    pids: () => ({ worker: worker.pid, api: api.pid, discord: discord?.pid ?? null }),
    allRun: () => all.every(({ pid }) => pid !== null),

    /** @throws Error with an app's last output when it keeps dying, or when the bound is reached. */
    async untilReady(answers: () => Promise<boolean>, signal: AbortSignal | undefined): Promise<void> {
      const doomed = () => all.find(({ restarts }) => restarts >= DEATHS_MAX)
      await waitFor(async () => doomed() !== undefined || (await answers()), {
        timeoutMs: READY_WITHIN_MS,
        intervalMs: 50,
        describe: 'worker, API and Discord to answer',
        signal,
      })
      const failing = doomed()
      if (failing)
        throw new Error(
          `The ${failing.name} process keeps ending before it is ready. Its last words:\n${lastWords(failing)}`,
        )
    },

    async stop(): Promise<void> {
      for (const app of all.reverse()) await app.stop()
    },
  }
}

function lastWords(app: SupervisedProcess): string {
  return app
    .lastLines()
    .map((line) => `  ${line}`)
    .join('\n')
}
