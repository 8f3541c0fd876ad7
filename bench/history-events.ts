import { guardWorkflowId } from '@roman/contracts'
import { install } from './installation.ts'
import type { Benchmark } from './report.ts'
import { timelineOf } from './timeline.ts'

const WINDOWS_SECONDS = [2, 20]
const STANDBY_SECONDS = 2
const EVENTS_MAX = 15

/**
 * `history_events`: how many events a quiet guard's history has when `healthy` is known, for a short and for a long
 * window, and how many at its end, after standing by.
 *
 * Temporal keeps and replays every event, so a guard must not write one per look: the watch is one long activity. The
 * numbers are counts and need no ratio.
 *
 * Aim: 15 at most until `healthy`, the same for any window.
 */
export const historyEvents: Benchmark = async (servers, say) => {
  const installation = await install(servers, {
    services: Object.fromEntries(
      WINDOWS_SECONDS.map((window_seconds) => [
        `window-${window_seconds}`,
        {
          environments: {
            production: {
              deployer: { type: 'command', argv: ['true'] },
              watch: { window_seconds, auto_rollback_within_seconds: window_seconds + STANDBY_SECONDS },
            },
          },
        },
      ]),
    ),
  })
  try {
    const counts = await Promise.all(
      WINDOWS_SECONDS.map(async (window_seconds) => {
        const id = await installation.deploy(
          { service: `window-${window_seconds}`, environment: 'production' },
          '1.0.0',
        )
        const outcome = await installation.temporal.workflow.getHandle(guardWorkflowId(id)).result()
        if (outcome.kind !== 'healthy') throw new Error(`A quiet guard ended as ${JSON.stringify(outcome)}.`)
        const { events, events_of_first_step } = await timelineOf(installation.temporal, guardWorkflowId(id))
        say(`window of ${window_seconds} s: ${events_of_first_step} events until healthy, ${events} in all`)
        return { window_seconds, until_healthy: events_of_first_step, total: events }
      }),
    )
    const untilHealthy = Math.max(...counts.map((count) => count.until_healthy))
    const same = counts.every((count) => count.until_healthy === untilHealthy && count.total === counts[0]!.total)
    return {
      until_healthy: untilHealthy,
      total: Math.max(...counts.map((count) => count.total)),
      same_for_any_window: same,
      windows: counts,
      aim: `until_healthy <= ${EVENTS_MAX}, same_for_any_window`,
      met: untilHealthy <= EVENTS_MAX && same,
      runs: counts.length,
    }
  } finally {
    await installation.close()
  }
}
