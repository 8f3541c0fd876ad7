import { guardWorkflowId, rollbackWorkflowId } from '@roman/contracts'
import { waitFor } from '@roman/local-stack'
import { startBareWorker } from './bare-worker.ts'
import { CALL, errorsOf, type Installation, install } from './installation.ts'
import { INSTANT_DEPLOYERS } from './instant-deployer.ts'
import { type Benchmark, median, round } from './report.ts'
import { type Timeline, timelineOf } from './timeline.ts'

const SHOP = { service: 'shop', environment: 'production' }
const WARM_UP = 5
const PAIRS = 25
const RATIO_MAX = 1.5

/**
 * `rollback_overhead`: the wall time of `rollbackDeployment`, from the workflow's start to its close by Temporal's own
 * times, over that of a bare workflow with as many sequential activities, on the same task queues' pattern, that do
 * nothing. Medians of interleaved pairs, after a warm-up, on the same server, connection and kind of worker.
 *
 * Each rollback is a whole one: a version goes live, its errors break a threshold, its guard starts the rollback. Only
 * what is waited for on purpose is taken out: the deployer answers at once, nothing drains, and the clean stretch is a
 * millisecond long. So the ratio says what evidence, laws, snapshot, locks and audit cost over durability alone.
 *
 * Aim: 1.5 at most.
 */
export const rollbackOverhead: Benchmark = async (servers, say) => {
  const installation = await install(
    servers,
    {
      services: {
        shop: {
          environments: {
            production: {
              deployer: { type: 'command', argv: ['true'] },
              watch: { verify_seconds: 0.001, drain_seconds: 0 },
              rollbacks_per_hour: 100,
            },
          },
        },
      },
    },
    { deployers: INSTANT_DEPLOYERS },
  )
  const bareWorker = await startBareWorker(installation)
  try {
    await putKnownGood(installation)
    const rollbacks: Timeline[] = []
    const bares: Timeline[] = []
    for (let pair = 0; pair < WARM_UP + PAIRS; pair += 1) {
      const rollback = await rollBackOnce(installation, `2.0.${pair}`)
      const queues = rollback.steps.map((step) =>
        step.task_queue === installation.queues.monitor ? ('monitor' as const) : ('main' as const),
      )
      const bareId = await bareWorker.run(installation.temporal, queues)
      if (pair < WARM_UP) continue
      rollbacks.push(rollback)
      bares.push(await timelineOf(installation.temporal, bareId))
    }
    const rollback = summary(rollbacks)
    const bare = summary(bares)
    const ratio = round(rollback.wall_ms / bare.wall_ms, 2)
    say(`rollback ${rollback.wall_ms} ms, bare workflow ${bare.wall_ms} ms: ratio ${ratio}`)
    for (const step of rollback.steps) say(`${step.name}: ${step.run_ms} ms, after ${step.dispatch_ms} ms`)
    say(`between steps and after: ${rollback.between_ms} ms, bare ${bare.between_ms} ms`)
    return {
      ratio,
      rollback,
      bare,
      aim: `ratio <= ${RATIO_MAX}`,
      met: ratio <= RATIO_MAX,
      runs: PAIRS,
    }
  } finally {
    await bareWorker.stop()
    await installation.close()
  }
}

/** A version to go back to: it was live, another took its place, a person vouched for it. */
const putKnownGood = async ({ control, deploy }: Installation): Promise<void> => {
  const good = await deploy(SHOP, '1.0.0')
  await deploy(SHOP, '1.0.1')
  await waitFor(async () => (await control.showDeployment(good)).guard?.phase === 'ended', {
    timeoutMs: 10_000,
    describe: 'the first guard to end',
  })
  await control.verify(good, { reason: 'known to be good' }, CALL)
}

const rollBackOnce = async ({ control, deploy, temporal }: Installation, version: string): Promise<Timeline> => {
  const id = await deploy(SHOP, version)
  await control.ingestErrors(errorsOf(SHOP, version, 10))
  const outcome = await temporal.workflow.getHandle(guardWorkflowId(id)).result()
  if (outcome.kind !== 'rolled_back' || outcome.status !== 'success') {
    throw new Error(`The guard of ${version} ended as ${JSON.stringify(outcome)}, not with a verified rollback.`)
  }
  return timelineOf(temporal, rollbackWorkflowId(outcome.event_id))
}

/** Medians of everything, so that a run that misses says where the time went. */
const summary = (runs: readonly Timeline[]) => {
  const of = (value: (run: Timeline) => number): number => round(median(runs.map(value)))
  return {
    wall_ms: of((run) => run.wall_ms),
    workflow_tasks: of((run) => run.workflow_tasks),
    between_ms: of((run) => run.between_ms),
    closing_ms: of((run) => run.closing_ms),
    steps: runs[0]!.steps.map(({ name }, index) => ({
      name,
      dispatch_ms: of((run) => run.steps[index]!.dispatch_ms),
      run_ms: of((run) => run.steps[index]!.run_ms),
    })),
  }
}
