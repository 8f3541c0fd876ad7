import type { RollbackEnded, RollbackInput, RollbackOutcome, RollbackStatus } from '@roman/contracts'
import {
  ActivityCancellationType,
  type ActivityOptions,
  allHandlersFinished,
  CancellationScope,
  condition,
  patched,
  proxyActivities,
  proxyLocalActivities,
} from '@temporalio/workflow'
import type { MonitorActivities } from '../activities/monitor-activities.ts'
import type { DeployOutcome, RollbackSteps, UndoBound, UndoOutcome } from '../activities/rollback-steps.ts'
import { longWatch, shortStep } from './activity-options.ts'
import { RollbackDesk } from './rollback-desk.ts'

const VERIFY_MARGIN_MS = 60_000
const DEPLOY_MARGIN_MS = 60_000

/**
 * Puts the last known-good version back and proves it healthy. Workflow id: `rollback:<event_id>`.
 *
 * PostgreSQL decided that this one may run (one open rollback per service and environment) before it was started. It runs
 * to an end whatever cancels its caller; a person stops it with the update `abort`, until the previous version is live.
 * Every step may be repeated and finds what it did before; announcements ride beside and hold nothing up.
 */
export async function rollbackDeployment(input: RollbackInput): Promise<RollbackOutcome> {
  return CancellationScope.nonCancellable(async () => {
    const desk = new RollbackDesk(input)
    const { refused, ...ended } = await rollBack(input, desk)
    desk.enter('ended', { status: ended.status, detail: ended.detail })
    desk.index(ended.status)
    await tellGuard(input, { event_id: input.event_id, status: ended.status, refused })
    await condition(allHandlersFinished)
    return { event_id: input.event_id, ...ended }
  })
}

interface End {
  status: RollbackStatus
  detail: string
  refused: boolean
}

async function rollBack(input: RollbackInput, desk: RollbackDesk): Promise<End> {
  const event = { event_id: input.event_id }
  const step = (summary: string) => proxyActivities<RollbackSteps>({ ...shortStep(input), summary })
  const fail = async (failedStep: string, reason: string): Promise<End> => {
    const { failRollback } = step(`Give up: ${reason}`.slice(0, 200))
    const end = await failRollback({
      ...event,
      step: failedStep,
      reason,
      aborted_by: desk.abortRequest()?.actor ?? null,
    })
    return { status: end.status as RollbackStatus, detail: end.detail, refused: false }
  }
  const abort = (at: string): Promise<End> => fail(at, `Aborted: ${desk.abortRequest()?.reason}`)

  try {
    const judged = await step('Gather evidence and ask the constitution').validateRollback(event)
    if (judged.kind === 'ended')
      return { status: judged.status as RollbackStatus, detail: judged.detail, refused: false }
    desk.enter('snapshotting', {
      validation: judged.validation,
      ...(judged.kind === 'approved' ? { target: judged.target } : {}),
    })
    if (judged.kind === 'refused') return { status: 'aborted', detail: judged.reasons.join(' '), refused: true }

    if (desk.abortRequest()) return abort('create_snapshot')
    await snapshot(input)

    if (desk.abortRequest()) return abort('claim_live')
    desk.enter('claiming')
    const claimed = await step('Claim the environment: is the failing version still live?').claimLive(event)
    if (claimed.kind === 'ended')
      return { status: claimed.status as RollbackStatus, detail: claimed.detail, refused: false }

    if (desk.abortRequest()) return abort('deploy_previous_version')
    desk.enter('deploying')
    desk.index(null)
    const deployed = await deployPreviousVersion(input, desk)
    if (deployed.outcome !== 'live') {
      const request = desk.abortRequest()
      const byPerson = request === null ? '' : `Aborted: ${request.reason}. `
      return fail('deploy_previous_version', `${byPerson}${deployed.reason}`)
    }

    desk.enter('switching')
    await step('Record that the previous version is live').switchLive(event)

    // Asked only where there is something to undo: other rollbacks keep the history they always had.
    if (judged.undo !== undefined && patched('undo-migrations')) {
      desk.enter('undoing', {
        detail: `${judged.target.version} is live; undoing ${judged.undo.migrations.join(', ')}`,
      })
      const undone = await undoMigrations(input, judged.undo)
      if (undone.kind === 'ended') {
        return { status: undone.status as RollbackStatus, detail: undone.detail, refused: false }
      }
    }

    desk.enter('verifying', { detail: `${judged.target.version} is live; verifying its health` })
    desk.index(null)
    const { verifyHealth } = proxyActivities<MonitorActivities>({
      ...longWatch(input, input.verify_timeout_ms + VERIFY_MARGIN_MS),
      summary: `Verify that ${judged.target.version} is healthy`,
    })
    const concluded = await verifyHealth(event)
    return { status: concluded.status as RollbackStatus, detail: concluded.detail, refused: false }
  } catch (error) {
    // A step that cannot be repeated has failed for good: the row must say so, and people must know.
    if (desk.progress.phase === 'undoing' || desk.progress.phase === 'verifying') {
      const end = await step('Give up the proof').concludeUnverified({ ...event, reason: rootMessage(error) })
      return { status: end.status as RollbackStatus, detail: end.detail, refused: false }
    }
    return fail(desk.progress.phase, `The rollback cannot go on: ${rootMessage(error)}`)
  }
}

/** Useful, never decisive: a snapshot that cannot be taken stops no rollback. */
async function snapshot(input: RollbackInput): Promise<void> {
  const { createSnapshot } = proxyActivities<RollbackSteps>({
    ...shortStep(input),
    retry: { maximumAttempts: 2 },
    summary: 'Snapshot the state before',
  })
  try {
    await createSnapshot({ event_id: input.event_id })
  } catch {
    // Its own step says so where it could; the rollback goes on.
  }
}

async function deployPreviousVersion(input: RollbackInput, desk: RollbackDesk): Promise<DeployOutcome> {
  const options: ActivityOptions = {
    taskQueue: input.task_queues.main,
    startToCloseTimeout: input.deploy_timeout_ms + DEPLOY_MARGIN_MS,
    // The deployer bounds its run itself. Workers or vendor being away longer than that is no reason to call it failed.
    scheduleToCloseTimeout: '24 hours',
    heartbeatTimeout: input.timings.heartbeat_ms,
    retry: { initialInterval: input.timings.retry_initial_ms, maximumInterval: input.timings.retry_max_ms },
    // Aborted means: the run has really ended, or has finished after all.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  }
  const event = { event_id: input.event_id }
  const { deployPreviousVersion: deploy } = proxyActivities<RollbackSteps>({
    ...options,
    summary: `Deploy ${desk.progress.target?.version} again`,
  })
  try {
    return await desk.deploy(() => deploy(event))
  } catch (error) {
    if (desk.abortRequest() === null) throw error
    // The abort may have met no running attempt: what became of the run only the deployer knows.
    const { settleDeploy } = proxyActivities<RollbackSteps>({
      ...options,
      summary: 'Stop the deploy, or learn its end',
    })
    return settleDeploy(event)
  }
}

/** Newest first, each exactly once. Not to be aborted: the previous version is live already. */
async function undoMigrations(input: RollbackInput, undo: UndoBound): Promise<UndoOutcome> {
  const { undoMigrations: run } = proxyActivities<RollbackSteps>({
    taskQueue: input.task_queues.main,
    startToCloseTimeout: undo.timeout_ms,
    scheduleToCloseTimeout: undo.timeout_ms + 24 * 3_600_000,
    heartbeatTimeout: input.timings.heartbeat_ms,
    retry: { initialInterval: input.timings.retry_initial_ms, maximumInterval: input.timings.retry_max_ms },
    summary: `Undo migrations, newest first: ${undo.migrations.join(', ')}`.slice(0, 200),
  })
  return run({ event_id: input.event_id })
}

/**
 * The guard may have ended long ago, or never have been: nothing depends on it hearing this. A local activity, because a
 * signal of the workflow's own costs another workflow task at the end of every rollback.
 */
async function tellGuard(input: RollbackInput, ended: RollbackEnded): Promise<void> {
  const { tellGuard: tell } = proxyLocalActivities<RollbackSteps>({
    startToCloseTimeout: '5 seconds',
    retry: { maximumAttempts: 5 },
    summary: 'Tell the guard how it ended',
  })
  try {
    await tell({ deployment_id: input.deployment_id, ended })
  } catch {
    // It finds out by itself what is live.
  }
}

function rootMessage(error: unknown): string {
  let message = String(error)
  for (let cause = error; cause instanceof Error; cause = cause.cause) message = cause.message
  return message
}
