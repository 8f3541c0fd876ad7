import { setTimeout as sleep } from 'node:timers/promises'
import type { Traffic, TrafficCounts } from '@roman/example-storefront/traffic'
import { resolveTemporal, waitFor } from '@roman/local-stack'
import type { RuntimeEnv } from '@roman/runtime'
import { createRomanClient, type Deployment, type Rollback, type RomanClient } from '@roman/sdk'
import type { Cli } from '../cli.ts'
import { rollbackTasks } from '../screen/rollback-tasks.ts'
import type { Task, TaskHandle } from '../screen/tasks.ts'
import { healthWord } from '../screen/words.ts'
import { SHORTENED } from './config.ts'
import { deployAsCi, type Release } from './pipeline.ts'
import { type OwnDiscord, openStage, type Stage } from './stage.ts'

const GOOD: Release = { version: 'v2.5.2', git_commit: 'a7f3b29' }
export const BAD: Release = { version: 'v2.5.3', git_commit: 'c41d8e0' }

const POLL_MS = 250
const SAY_EVERY_MS = 1000
const BREACH_WITHIN_MS = 60_000
/** The window, and time for the guard to conclude. */
const KNOWN_GOOD_WITHIN_MS = SHORTENED.window_seconds * 1000 + 30_000
const ROLLBACK_WITHIN_MS = 120_000
const ANNOUNCED_WITHIN_MS = 5000

/** The demo as it is told, and what came of it. */
export interface Story {
  tasks: Task[]
  /** Null until it was opened. To be closed by whoever runs the tasks. */
  stage(): Stage | null
  rollback(): Rollback | null
  counts(): TrafficCounts | null
}

/** A good version goes live and proves itself; a bad one follows; from there on nobody touches anything. */
export function createStory(cli: Cli, env: RuntimeEnv, own: OwnDiscord | null, signal: AbortSignal): Story {
  let stage: Stage | null = null
  let client: RomanClient
  let traffic: Traffic
  let good: string
  let bad: string
  let following: Promise<Rollback>
  let seen: Rollback | null = null
  let over = false
  let rollback: Rollback | null = null
  let counts: TrafficCounts | null = null
  const steps = rollbackTasks(cli)

  const deploy = (release: Release, task: TaskHandle) =>
    deployAsCi({ stage: stage!, client, signal, onProgress: ({ text }) => say(task, text) }, release)

  const numbers = ({ health }: Deployment) => `${healthWord(cli, health)} · ${requests(traffic.counts())}`

  /** Shows health and traffic as they move, until `done` answers with something. */
  const watch = <T>(id: string, task: TaskHandle, timeoutMs: number, describe: string, done: Done<T>) => {
    let saidAt = 0
    const look = async () => {
      const deployment = await client.showDeployment(id, {}, { signal })
      const found = await done(deployment)
      if (found || performance.now() - saidAt > SAY_EVERY_MS) {
        saidAt = performance.now()
        say(task, numbers(deployment))
      }
      return found
    }
    return waitFor(look, { timeoutMs, describe, intervalMs: POLL_MS, signal })
  }

  /** The same numbers of the version that was put back, for as long as it is being verified. */
  const watchReplacement = async () => {
    while (!over && !signal.aborted) {
      const id = seen?.phase === 'verifying' ? seen.replacement_deployment_id : null
      if (id !== null) steps.note(numbers(await client.showDeployment(id, {}, { signal })))
      await sleep(SAY_EVERY_MS, undefined, { signal })
    }
  }

  const tasks: Task[] = [
    {
      title: 'Find PostgreSQL and Temporal',
      async task(_, task) {
        const { version, source } = await resolveTemporal({ env: env.variables, log: (line) => say(task, line) })
        task.title = `Found Temporal ${version} (${SOURCES[source]}) and the PostgreSQL that comes with the packages`
      },
    },
    {
      title: 'Start PostgreSQL, Temporal, worker, API and Discord',
      async task(_, task) {
        stage = await openStage(env, own, signal)
        client = createRomanClient({ url: stage.stack.apiUrl, key: stage.stack.serviceKey })
        say(task, `Dashboard ${stage.stack.dashboardUrl}`)
        say(task, `Temporal Web UI ${stage.stack.temporalUiUrl}`)
      },
    },
    {
      title: `Deploy storefront ${GOOD.version} as CI would, and open the shop`,
      async task(_, task) {
        const { deployment_id } = await deploy(GOOD, task)
        traffic = stage!.traffic()
        task.title = `Deployed storefront ${GOOD.version} as CI would; 50 visitors a second come in at ${stage!.proxyUrl}`
        good = deployment_id
      },
    },
    {
      title: `Watch ${GOOD.version} for ${SHORTENED.window_seconds} seconds`,
      async task(_, task) {
        const what = `${GOOD.version} to become known-good`
        await watch(good, task, KNOWN_GOOD_WITHIN_MS, what, ({ status }) => status === 'success')
        task.title = `${GOOD.version} was healthy for ${SHORTENED.window_seconds} seconds: it is known-good`
      },
    },
    {
      title: `Deploy storefront ${BAD.version} as CI would; it forgets that a cart need not have a coupon`,
      async task(_, task) {
        bad = (await deploy(BAD, task)).deployment_id
      },
    },
    {
      title: `Watch ${BAD.version}`,
      async task(_, task) {
        const event = await watch(bad, task, BREACH_WITHIN_MS, `the guard to act on ${BAD.version}`, async () => {
          const rows = await client.history({ limit: 5 }, { signal })
          return rows.find(({ deployment_id }) => deployment_id === bad) ?? null
        })
        task.title = `The guard saw it: ${event.trigger_reason}`
        following = client.followRollback(event.event_id, {
          onProgress(progress) {
            seen = progress
            steps.show(progress)
          },
          signal,
          timeoutMs: ROLLBACK_WITHIN_MS,
        })
        following.catch(steps.fail).finally(() => {
          over = true
        })
        void watchReplacement().catch(() => {})
      },
    },
    ...steps.tasks,
    {
      title: 'Count the requests',
      async task(_, task) {
        rollback = await following
        counts = await traffic.stop()
        // The last announcement rides beside the rollback and may come a moment after its end.
        await stage!.discord
          ?.waitForMessage(({ content }) => content.includes('ROLLBACK COMPLETE'), ANNOUNCED_WITHIN_MS)
          .catch(() => {})
        task.title = `${requests(counts)} to the switches`
      },
    },
  ]
  return { tasks, stage: () => stage, rollback: () => rollback, counts: () => counts }
}

type Done<T> = (deployment: Deployment) => T | Promise<T>

const SOURCES = { path: 'on the PATH', cache: 'fetched earlier', download: 'downloaded', pip: 'fetched with pip' }

const requests = ({ total, failed, lost }: TrafficCounts) =>
  `${total} requests: ${failed} failed by the app, ${lost} lost`

/** listr2 shows an assignment; a function call says better that something happens. */
function say(task: TaskHandle, text: string): void {
  task.output = text
}
