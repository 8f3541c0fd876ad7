import {
  countsErrors,
  entropyOf,
  type HealthSample,
  judgeSample,
  type Observation,
  observe,
  observeVerification,
  type SignalName,
  startVerification,
  startWatch,
  toHealthReport,
  type VerificationState,
  type WatchEffect,
  type WatchPhase,
  type WatchState,
  type WatchVerdict,
} from '@roman/constitution'
import {
  type ControlContext,
  concludeRollback,
  giveVerdict,
  type MissedTick,
  noteDeleted,
  readMissedTicks,
  readVerdict,
  type StoredVerdict,
  setGuardPhase,
  tellOnce,
  UnreadMoments,
} from '@roman/control'
import { Context } from '@temporalio/activity'
import { ApplicationFailure, CancelledFailure } from '@temporalio/common'
import type { Sampler, Tick } from '../sampler/sampler.ts'
import { createLookBacks } from './late-errors.ts'

/** The long watches. They share one sampler, so that a thousand of them cost one query a tick. */
export interface MonitorActivities {
  monitorHealth(input: { deployment_id: string; phase: WatchPhase }): Promise<StoredVerdict>
  watchUntilOvertaken(input: { deployment_id: string }): Promise<void>
  verifyHealth(input: { event_id: string }): Promise<{ status: string; detail: string }>
}

export const createMonitorActivities = (
  context: ControlContext,
  sampler: Sampler,
  lookBackOf = createLookBacks(context.db, context.log),
): MonitorActivities => ({
  monitorHealth: async ({ deployment_id, phase }) => {
    // A verdict that was given before this worker, or this attempt, stands.
    const before = await readVerdict(context, deployment_id, phase)
    if (before !== null) return before
    await setGuardPhase(context, deployment_id, phase === 'window' ? 'watching' : 'standing_by')
    const begun = heartbeatDetails<WatchState>() ?? (await newWatch(context, deployment_id, phase))
    if (begun === null) return noteDeleted(context, deployment_id, phase)
    let state = begun

    const untold: WatchEffect[] = []
    /** What cannot be told now, because PostgreSQL is what cannot be read, is told at a later tick; the watch goes on. */
    const tell = async (): Promise<void> => {
      try {
        for (; untold[0] !== undefined; untold.shift()) await tellEffect(context, deployment_id, untold[0])
      } catch (error) {
        context.log.warn({ deployment_id, reason: (error as Error).message }, 'People could not be told yet')
      }
    }
    const keepSample = ({ sample_verdict: { state, reason } }: Observation, { sample }: MissedTick): void =>
      sampler.keep({ deployment_id, phase, state, reason, sample })
    const step = async (tick: MissedTick): Promise<StoredVerdict | null> => {
      const seen = observe(state, {
        at: tick.at_ms,
        sample: tick.sample,
        errors_in_window: tick.errors_in_window,
        errors_since_deployed: tick.errors_since_deployed,
        superseded: tick.superseded,
        rollback_open: tick.rollback_open,
      })
      if (seen.keep_sample) keepSample(seen, tick)
      for (const effect of seen.effects) untold.push(effect)
      await tell()
      if (seen.verdict === null) {
        state = seen.state
        return null
      }
      return conclude(seen.verdict, tick)
    }
    const conclude = (verdict: WatchVerdict, tick: MissedTick): Promise<StoredVerdict | null> =>
      giveVerdict(context, deployment_id, {
        phase,
        kind: verdict.kind,
        reason: verdict.reason,
        sample: verdict.sample,
        fault_at: tick.fault_at,
        ...(verdict.kind === 'breach' ? { signals: verdict.signals } : {}),
        ...(verdict.kind === 'inconclusive' && verdict.why === 'rollback_open' ? { despite_rollback: true } : {}),
      })

    const lookBack = lookBackOf(deployment_id)
    const stepInTime = async (tick: Tick): Promise<StoredVerdict | null> => {
      const verdict = await step(tick)
      if (verdict !== null) return verdict
      const late = await lookBack(state, tick)
      if (late === null) return null
      keepSample(late.seen, late.tick)
      return conclude(late.seen.verdict!, late.tick)
    }

    return beating(
      () => state,
      async () => {
        // What happened while nobody watched is judged from what was stored meanwhile.
        const missed = await judgeMissed(context, deployment_id, lastSeen(state), step)
        if (missed !== null) return missed
        const verdict = await follow(sampler, deployment_id, stepInTime, (at) => countsErrors(state.plan, at))
        return verdict ?? noteDeleted(context, deployment_id, phase)
      },
    )
  },

  watchUntilOvertaken: async ({ deployment_id }) => {
    await beating(
      () => undefined,
      () =>
        follow(
          sampler,
          deployment_id,
          async (tick) => (tick.superseded ? true : null),
          () => false,
        ),
    )
  },

  verifyHealth: async ({ event_id }) => {
    const event = await context.db.prisma.rollback_events.findUniqueOrThrow({
      where: { event_id },
      include: { replacement: true },
    })
    if (event.status !== 'in_progress') return { status: event.status, detail: event.detail ?? '' }
    const replacement = event.replacement!
    const policy = replacement.policy as unknown as Parameters<typeof startVerification>[0]
    // Until its migrations were undone the target ran on a schema that is newer than it.
    const { migrations_settled: settledAt } = event.moments as { migrations_settled?: string }
    const settledMs = settledAt === undefined ? 0 : Date.parse(settledAt)
    let state =
      heartbeatDetails<VerificationState>() ??
      startVerification({
        deployed_at: Math.max(replacement.deployed_at!.getTime(), settledMs),
        thresholds: policy.thresholds,
        watch: policy.watch,
      })
    return beating(
      () => state,
      () =>
        follow(
          sampler,
          replacement.deployment_id,
          async (tick) => {
            const seen = observeVerification(state, {
              at: tick.at_ms,
              sample: tick.sample,
              errors_total: tick.errors_since_deployed,
              superseded: tick.superseded,
            })
            if (seen.keep_sample) {
              sampler.keep({
                deployment_id: replacement.deployment_id,
                phase: 'verify',
                state: seen.sample_verdict.state,
                reason: seen.sample_verdict.reason,
                sample: tick.sample,
              })
            }
            if (seen.verdict === null) {
              state = seen.state
              return null
            }
            return concludeRollback(context, event_id, {
              kind: seen.verdict.kind,
              reason: seen.verdict.reason,
              health: reportOfSample(seen.verdict.sample, policy.thresholds, seen.verdict.kind === 'verified'),
              entropy: entropyOf(seen.verdict.sample),
            })
          },
          () => true,
        ).then((concluded) => concluded ?? { status: event.status, detail: 'Its deployment was deleted' }),
    )
  },
})

/** Judges what was stored of moments that nobody watched; null where it makes no verdict. What cannot be read is blind. */
const judgeMissed = async (
  context: ControlContext,
  deploymentId: string,
  sinceMs: number,
  step: (tick: MissedTick) => Promise<StoredVerdict | null>,
): Promise<StoredVerdict | null> => {
  try {
    for await (const tick of readMissedTicks(context.db, deploymentId, sinceMs)) {
      const verdict = await step(tick)
      if (verdict !== null) return verdict
    }
    return null
  } catch (error) {
    if (!(error instanceof UnreadMoments)) throw error
    context.log.warn({ deployment_id: deploymentId, reason: error.message }, 'Missed moments count as blind')
    return step(error.tick)
  }
}

/** Five within the timeout: enough for a slow moment, and little for a thousand watches. */
const HEARTBEATS_PER_TIMEOUT = 5

/** Heartbeats by the clock and not by the tick, so that a slow query is not taken for a dead worker. */
const beating = async <T>(state: () => unknown, work: () => Promise<T>): Promise<T> => {
  // Taken now: timers fire outside of this activity's async context.
  const activity = Context.current()
  const everyMs = (activity.info.heartbeatTimeoutMs ?? 10_000) / HEARTBEATS_PER_TIMEOUT
  const beat = setInterval(() => activity.heartbeat(state()), everyMs)
  try {
    return await work()
  } finally {
    clearInterval(beat)
  }
}

const tellEffect = (context: ControlContext, deploymentId: string, effect: WatchEffect): Promise<void> =>
  effect.kind === 'announce_blind'
    ? tellOnce(context, deploymentId, 'blind', `Health cannot be read: ${effect.unavailable.join(', ')}`)
    : tellOnce(
        context,
        deploymentId,
        'baseline',
        `In breach before this deployment and not blamed on it: ${effect.signals.join(', ')}`,
      )

const reportOfSample = (sample: HealthSample, thresholds: Parameters<typeof judgeSample>[1], healthy: boolean) =>
  toHealthReport(sample, judgeSample(sample, thresholds), healthy)

/** Null where there is no such deployment any more. */
const newWatch = async (
  context: ControlContext,
  deploymentId: string,
  phase: WatchPhase,
): Promise<WatchState | null> => {
  const row = await context.db.prisma.deployments.findUnique({ where: { deployment_id: deploymentId } })
  if (row === null) return null
  const policy = row.policy as unknown as Parameters<typeof startWatch>[0]
  const baseline = row.baseline as { in_breach?: SignalName[] } | null
  return startWatch({
    phase,
    deployed_at: row.deployed_at!.getTime(),
    thresholds: policy.thresholds,
    watch: policy.watch,
    baseline_breached: baseline?.in_breach ?? [],
    clean_window: phase === 'standby' && (await readVerdict(context, deploymentId, 'window'))?.kind === 'healthy',
  })
}

/** Time that was already counted blind is not made up for afterwards: nothing could be stored then. */
const lastSeen = (state: WatchState): number => state.attention.last_at

const heartbeatDetails = <State>(): State | undefined => {
  const { heartbeatDetails: details } = Context.current().info
  return details === undefined || details === null ? undefined : (details as State)
}

/**
 * Feeds ticks to `step` one at a time until it concludes; null where the deployment was deleted. Ends early when the workflow cancels it, or when this worker
 * shuts down, in which case another worker takes over.
 */
const follow = <T>(
  sampler: Sampler,
  deploymentId: string,
  step: (tick: Tick) => Promise<T | null>,
  countsErrors: (atMs: number) => boolean,
): Promise<T | null> => {
  const activity = Context.current()
  return new Promise<T | null>((resolve, reject) => {
    const end = (finish: () => void): void => {
      stop()
      activity.cancellationSignal.removeEventListener('abort', cancelled)
      finish()
    }
    const cancelled = (): void =>
      end(() =>
        reject(
          activity.cancellationDetails?.cancelRequested
            ? new CancelledFailure('The watch was cancelled')
            : ApplicationFailure.retryable('The worker is shutting down; another one goes on'),
        ),
      )
    const onTick = async (tick: Tick): Promise<void> => {
      try {
        const result = await step(tick)
        if (result !== null) end(() => resolve(result))
      } catch (error) {
        // What a step writes may fail for a moment; the activity is retried whole, from its last heartbeat.
        end(() => reject(error))
      }
    }
    const stop = sampler.watch(deploymentId, { onTick, onGone: () => end(() => resolve(null)), countsErrors })
    if (activity.cancellationSignal.aborted) cancelled()
    else activity.cancellationSignal.addEventListener('abort', cancelled)
  })
}
