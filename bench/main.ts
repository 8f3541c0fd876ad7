import { availableParallelism, loadavg } from 'node:os'
import { listenForStop } from '@roman/local-stack'
import { DefaultLogger, Runtime } from '@temporalio/worker'
import { auditVerify } from './audit-verify.ts'
import { auditWriters } from './audit-writers.ts'
import { decisionCost } from './decision-cost.ts'
import { detectionDelay } from './detection-delay.ts'
import { healthAtScale } from './health-at-scale.ts'
import { historyAtScale } from './history-at-scale.ts'
import { historyEvents } from './history-events.ts'
import { ingest } from './ingest.ts'
import { type Benchmark, round } from './report.ts'
import { rollbackOverhead } from './rollback-overhead.ts'
import { startServers } from './servers.ts'

/**
 * `pnpm bench [name…]`: runs the named benchmarks one after the other, or all but those that take very long. A JSON line each on stdout, words
 * for people on stderr. Exits 1 when one broke; a missed aim is an answer, and is in its line.
 */
const BENCHMARKS: Record<string, Benchmark> = {
  history_events: historyEvents,
  rollback_overhead: rollbackOverhead,
  detection_delay: detectionDelay,
  ingest,
  history_at_scale: historyAtScale,
  health_at_scale: healthAtScale,
  decision_cost: decisionCost,
  audit_writers: auditWriters,
  audit_verify: auditVerify,
}

/** Puts millions of rows in first: only when it is named. */
const ON_DEMAND = new Set(['health_at_scale'])

const say = (text: string): void => {
  process.stderr.write(`${text}\n`)
}

const runAll = async (names: string[], signal: AbortSignal): Promise<void> => {
  const servers = await startServers(process.env, signal)
  const stopped = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  })
  stopped.catch(() => {})
  try {
    for (const name of names) {
      say(`\n${name}`)
      const startedAt = performance.now()
      // Before our own work weighs in.
      const load_per_core = round(loadavg()[0]! / availableParallelism(), 2)
      const result = await Promise.race([BENCHMARKS[name]!(servers, (text) => say(`  ${text}`)), stopped])
      process.stdout.write(`${JSON.stringify({ bench: name, ...result, load_per_core })}\n`)
      const seconds = Math.round((performance.now() - startedAt) / 1000)
      say(`  aim ${result.aim}: ${result.met ? 'met' : 'MISSED'} (${result.runs} runs, ${seconds} s)`)
    }
  } finally {
    await servers.stop()
  }
}

const names = process.argv.slice(2)
const unknown = names.filter((name) => !Object.hasOwn(BENCHMARKS, name))
const stop = listenForStop()
Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] })
try {
  if (unknown.length > 0) {
    say(`No benchmark is called ${unknown.join(', ')}. There are ${Object.keys(BENCHMARKS).join(', ')}.`)
    process.exitCode = 1
  } else
    await runAll(names.length > 0 ? names : Object.keys(BENCHMARKS).filter((name) => !ON_DEMAND.has(name)), stop.signal)
} catch (error) {
  say(stop.signal.aborted ? (stop.signal.reason as Error).message : String((error as Error).stack))
  process.exitCode = 1
}
stop.dispose()
// A benchmark that was interrupted leaves a worker behind that has lost its servers.
process.exit()
