import { type Actor, type DeployerConfig, guardWorkflowId, type RollbackEnded, SIGNALS } from '@roman/contracts'
import {
  advance,
  type Claimed,
  type ControlContext,
  claimLive,
  claimRun,
  concludeRollback,
  type DeployerFacts,
  failRollback,
  type JudgedRollback,
  judgeRollback,
  keep,
  noteDispatched,
  noteProgress,
  switchLive,
  type UndoBound,
  type UndoOutcome,
  undoMigrations,
  withoutSecrets,
} from '@roman/control'
import type { Deployer, DeployResult } from '@roman/deployers'
import { Context } from '@temporalio/activity'
import { ApplicationFailure } from '@temporalio/common'
import { type DeployerSource, isHostBound } from '../deployer-source.ts'

interface OfEvent {
  event_id: string
}

export type { UndoBound, UndoOutcome }
export type DeployOutcome = { outcome: 'live' } | { outcome: 'failed' | 'aborted' | 'unknown'; reason: string }

/** The rollback's steps. Each may run twice and finds what it did before. */
export interface RollbackSteps {
  validateRollback(input: OfEvent): Promise<JudgedRollback>
  createSnapshot(input: OfEvent): Promise<void>
  claimLive(input: OfEvent): Promise<Claimed>
  deployPreviousVersion(input: OfEvent): Promise<DeployOutcome>
  /** After an abort: cancels the run, or learns that it has ended or never began. */
  settleDeploy(input: OfEvent): Promise<DeployOutcome>
  /** What became live could not be followed to its proof. */
  concludeUnverified(input: OfEvent & { reason: string }): Promise<{ status: string; detail: string }>
  switchLive(input: OfEvent): Promise<{ deployment_id: string; at: string }>
  undoMigrations(input: OfEvent): Promise<UndoOutcome>
  tellGuard(input: { deployment_id: string; ended: RollbackEnded }): Promise<void>
  failRollback(
    input: OfEvent & { step: string; reason: string; aborted_by: Actor | null },
  ): Promise<{ status: string; detail: string }>
}

const FACTS_TIMEOUT_MS = 5_000
const HEARTBEAT_EVERY_MS = 500

export const createRollbackSteps = (context: ControlContext, deployers: DeployerSource): RollbackSteps => ({
  validateRollback: ({ event_id }) => judgeRollback(context, event_id, (event) => deployerFacts(deployers, event)),

  createSnapshot: async ({ event_id }) => {
    const event = await context.db.prisma.rollback_events.findUniqueOrThrow({ where: { event_id } })
    const snapshot = await context.snapshots.take(event.deployment_id!, 'pre_rollback', event_id)
    const taken = snapshot.kind === 'taken'
    await context.db.transaction(async (tx) => {
      if (taken) await keep(tx, event_id, { snapshot_id: snapshot.snapshot_id })
      await advance(tx, event_id, {
        phase: 'snapshotting',
        step: {
          step: 'create_snapshot',
          status: taken ? 'completed' : 'warning',
          detail: taken
            ? `Snapshot ${snapshot.snapshot_id}`
            : `The snapshot could not be taken: ${snapshot.reason}. The rollback goes on without it.`,
        },
      })
    })
  },

  claimLive: ({ event_id }) => claimLive(context, event_id),
  switchLive: ({ event_id }) => switchLive(context, event_id),
  failRollback: ({ event_id, ...failure }) => failRollback(context, event_id, failure),

  tellGuard: ({ deployment_id, ended }) =>
    context.temporal.signal(guardWorkflowId(deployment_id), SIGNALS.rollbackEnded, ended),

  concludeUnverified: ({ event_id, reason }) =>
    concludeRollback(context, event_id, { kind: 'unverified', reason, health: null, entropy: null }),

  deployPreviousVersion: async ({ event_id }) => {
    const activity = Context.current()
    const abort = new AbortController()
    const released = new Promise<never>((_resolve, reject) => {
      activity.cancellationSignal.addEventListener('abort', () => {
        // Only a person's abort ends the run. A worker that shuts down leaves it going, for the next attempt to attach to.
        if (activity.cancellationDetails?.cancelRequested) abort.abort(new Error('Aborted by a person'))
        else reject(ApplicationFailure.retryable('The worker is shutting down; the deploy goes on without it'))
      })
    })
    released.catch(() => {})
    const beat = setInterval(() => activity.heartbeat(), HEARTBEAT_EVERY_MS)
    try {
      return await Promise.race([
        released,
        followDeploy(context, deployers, event_id, { signal: abort.signal, attempt: activity.info.attempt }),
      ])
    } finally {
      clearInterval(beat)
    }
  },

  undoMigrations: async ({ event_id }) => {
    const activity = Context.current()
    const beat = setInterval(() => activity.heartbeat(), HEARTBEAT_EVERY_MS)
    try {
      return await undoMigrations(context, event_id, activity.cancellationSignal)
    } catch (error) {
      // Nobody cancels it: the signal is a worker that shuts down.
      if (!activity.cancellationSignal.aborted) throw error
      throw ApplicationFailure.retryable('The worker is shutting down; another one goes on')
    } finally {
      clearInterval(beat)
    }
  },

  settleDeploy: async ({ event_id }) => {
    const activity = Context.current()
    const beat = setInterval(() => activity.heartbeat(), HEARTBEAT_EVERY_MS)
    try {
      // An earlier attempt may have dispatched unseen, so this one never counts as the first.
      return await followDeploy(context, deployers, event_id, {
        signal: AbortSignal.abort(new Error('Aborted by a person')),
        attempt: activity.info.attempt + 1,
      })
    } finally {
      clearInterval(beat)
    }
  },
})

/** One attempt: finds the run of this event or begins it, with what it was begun with, and follows it to its end. */
const followDeploy = async (
  context: ControlContext,
  deployers: DeployerSource,
  eventId: string,
  call: { signal: AbortSignal; attempt: number },
): Promise<DeployOutcome> => {
  const event = await context.db.prisma.rollback_events.findUniqueOrThrow({
    where: { event_id: eventId },
    include: { replacement: true },
  })
  const replacement = event.replacement!
  const bound = await bindDeployer(context, deployers, event)
  if ('outcome' in bound) return bound
  const notes = createNotes(context, eventId)
  const result = await bound.deployer.deploy(
    {
      event_id: eventId,
      deployment_id: replacement.deployment_id,
      service: event.service,
      environment: event.environment,
      version: replacement.version,
      git_commit: replacement.git_commit,
      git_branch: replacement.git_branch,
      fence: replacement.fence.toString(),
      rollback_from: event.deployment_id!,
    },
    { ...call, onDispatched: (run) => notes.dispatched(run), onProgress: (progress) => notes.progress(progress) },
  )
  await notes.settled()
  return outcomeOf(result)
}

/** The deployer that began this run, whatever roman.yaml says by now; or why it cannot be gone on with from here. */
const bindDeployer = async (
  context: ControlContext,
  deployers: DeployerSource,
  event: { event_id: string; service: string; environment: string; deployer: unknown },
): Promise<{ deployer: Deployer } | DeployOutcome> => {
  const { runs } = deployers
  if (runs === undefined) return { deployer: deployers.of(event.service, event.environment) }
  const begun = event.deployer as { config: DeployerConfig } | null
  const config = begun?.config ?? runs.configOf(event.service, event.environment)
  const hostId = await runs.hostId()
  const claim = await claimRun(context, event.event_id, { config: withoutValues(config), host_id: hostId })
  if (claim === null) return { outcome: 'failed', reason: 'The rollback has ended already; nothing was dispatched.' }
  const kept = claim.config as DeployerConfig
  const repeatable = kept.type === 'command' && kept.idempotent
  if (claim.host_id !== hostId && isHostBound(kept) && !repeatable) {
    return {
      outcome: 'unknown',
      reason:
        'The deploy was begun by a worker with another state directory, and only that one can follow it. Look at what runs, then request a new rollback.',
    }
  }
  return { deployer: runs.from(withValues(kept, () => runs.configOf(event.service, event.environment))) }
}

/** What is written down of a configuration is for many to read; the values of its variables are not. */
const withoutValues = (config: DeployerConfig): DeployerConfig =>
  'env' in config && config.env !== undefined
    ? { ...config, env: Object.fromEntries(Object.keys(config.env).map((name) => [name, ''])) }
    : config

/** Like other secrets, the values are read anew. Where roman.yaml has the environment no more they stay empty. */
const withValues = (kept: DeployerConfig, configured: () => DeployerConfig): DeployerConfig => {
  if (!('env' in kept) || kept.env === undefined) return kept
  const names = Object.keys(kept.env)
  let now: DeployerConfig
  try {
    now = configured()
  } catch {
    return kept
  }
  const values = 'env' in now ? (now.env ?? {}) : {}
  return { ...kept, env: Object.fromEntries(names.map((name) => [name, values[name] ?? ''])) }
}

const outcomeOf = (result: DeployResult): DeployOutcome => {
  if (result.outcome === 'live') return { outcome: 'live' }
  const tail =
    'output_tail' in result && result.output_tail
      ? ` Last output: ${result.output_tail.trim().split('\n').slice(-5).join(' | ').slice(-600)}`
      : ''
  const where = result.run?.url == null ? '' : ` See ${result.run.url}.`
  return { outcome: result.outcome, reason: withoutSecrets(`${result.reason}${where}${tail}`) }
}

/** Notes for whoever looks, written one after the other; a step that ended waits for them. */
const createNotes = (context: ControlContext, eventId: string) => {
  let chain: Promise<void> = Promise.resolve()
  let latest: { percent: number | null; text: string } | null = null
  const then = (work: () => Promise<void>): void => {
    chain = chain
      .then(work)
      .catch((error) =>
        context.log.warn(
          { event_id: eventId, reason: (error as Error).message },
          'A note on the deploy was not written',
        ),
      )
  }
  return {
    dispatched: (run: { id: string; url: string | null } | null) => then(() => noteDispatched(context, eventId, run)),
    progress: (progress: { percent: number | null; text: string }) => {
      const queued = latest !== null
      latest = progress
      // While one is waiting to be written, only the newest matters.
      if (queued) return
      then(async () => {
        const newest = latest!
        latest = null
        await noteProgress(context, eventId, { ...newest, text: withoutSecrets(newest.text) })
      })
    },
    settled: () => chain,
  }
}

const deployerFacts = async (
  deployers: DeployerSource,
  event: { service: string; environment: string },
): Promise<DeployerFacts> => {
  const bounded = async <T>(ask: Promise<T> | undefined): Promise<T | null> => {
    if (ask === undefined) return null
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), FACTS_TIMEOUT_MS)
    })
    try {
      return await Promise.race([ask.catch(() => null), late])
    } finally {
      clearTimeout(timer)
    }
  }
  let deployer: ReturnType<DeployerSource['of']>
  try {
    deployer = deployers.of(event.service, event.environment)
  } catch (error) {
    // Taken out of roman.yaml: a finding for the constitution, not a fault of the step.
    return { able: false, able_detail: (error as Error).message, current: null }
  }
  const [able, current] = await Promise.all([
    bounded(deployer.able?.()),
    bounded(deployer.current?.({ service: event.service, environment: event.environment })),
  ])
  return { able: able?.able ?? null, able_detail: able?.detail ?? null, current }
}
