import type { GuardInput, GuardOutcome } from '@roman/contracts'
import { allHandlersFinished, CancellationScope, condition, proxyActivities } from '@temporalio/workflow'
import type { GuardSteps } from '../activities/guard-steps.ts'
import type { MonitorActivities } from '../activities/monitor-activities.ts'
import { longWatch, shortStep } from './activity-options.ts'
import { GuardDesk } from './guard-desk.ts'

/** A rollback that says nothing for this long is somebody else's to find: the reconciler's. */
const ROLLBACK_FOLLOWED_MS = 3 * 3_600_000
const WATCH_MARGIN_MS = 3_600_000

/**
 * Guards one live deployment. Workflow id: `guard:<deployment_id>`, one per deployment, ever.
 *
 * It watches the window, then stands by until `auto_rollback_within_seconds`; a breach is acted on as mode and brake allow.
 * It ends when a newer deployment is live, when its rollback has ended, when a person said no, or when the time is over;
 * then the sweep goes on watching. It holds no lock: anybody may deploy, roll back by hand or record meanwhile.
 */
export async function guardDeployment(input: GuardInput): Promise<GuardOutcome> {
  const steps = proxyActivities<GuardSteps>(shortStep(input))
  const desk = new GuardDesk(input, steps)
  const outcome = await guard(input, desk, steps)
  desk.enter('ended', { decision_id: null })
  desk.index()
  await steps.endGuard({ deployment_id: input.deployment_id, outcome })
  await condition(allHandlersFinished)
  return outcome
}

async function guard(input: GuardInput, desk: GuardDesk, steps: GuardSteps): Promise<GuardOutcome> {
  const watchMs =
    (input.policy.watch.window_seconds + input.policy.watch.auto_rollback_within_seconds) * 1000 + WATCH_MARGIN_MS
  const monitor = proxyActivities<MonitorActivities>({
    ...longWatch(input, watchMs),
    summary: 'Watch health until a verdict',
  })
  let end: GuardOutcome = { kind: 'healthy' }

  for (const phase of ['window', 'standby'] as const) {
    desk.enter(phase === 'window' ? 'watching' : 'standing_by')
    const verdict = await monitor.monitorHealth({ deployment_id: input.deployment_id, phase })
    desk.enter(desk.progress.phase, verdict.kind === 'ended' ? {} : { verdict: verdict.kind, reason: verdict.reason })
    desk.index()

    if (verdict.kind === 'superseded') return { kind: 'superseded' }
    if (verdict.kind === 'deleted') return { kind: 'deleted' }
    if (verdict.kind === 'inconclusive') end = { kind: 'inconclusive', reason: verdict.reason }
    if (verdict.kind === 'breach') {
      const outcome = await actOnBreach(input, desk, steps, phase)
      if (outcome.kind !== 'undecided') return outcome
      end = outcome
    }
  }
  return end
}

/** Rolls back, asks, or only says so; and follows what comes of it. */
async function actOnBreach(
  input: GuardInput,
  desk: GuardDesk,
  steps: GuardSteps,
  phase: string,
): Promise<GuardOutcome> {
  desk.enter('deciding')
  const decision = await steps.decideOnBreach({ deployment_id: input.deployment_id, phase })
  if (decision.kind === 'superseded') return { kind: 'superseded' }
  if (decision.kind === 'observed') return { kind: 'observed', reason: decision.reason }
  if (decision.kind === 'asked') return waitForPeople(input, desk, steps, decision.decision_id, [])
  return followRollback(input, desk, steps, decision.event_id)
}

async function followRollback(
  input: GuardInput,
  desk: GuardDesk,
  steps: GuardSteps,
  eventId: string,
): Promise<GuardOutcome> {
  desk.enter('rolling_back', { event_id: eventId, decision_id: null })
  desk.index()
  await steps.setGuardPhase({ deployment_id: input.deployment_id, phase: 'rolling_back' })
  await condition(() => desk.lastEnded()?.event_id === eventId, ROLLBACK_FOLLOWED_MS)
  const ended = desk.lastEnded()
  if (ended?.event_id !== eventId) return { kind: 'rolled_back', event_id: eventId, status: 'in_progress' }
  if (!ended.refused) return { kind: 'rolled_back', event_id: eventId, status: ended.status }
  const question = await steps.askAboutRefusal({ deployment_id: input.deployment_id, event_id: eventId })
  if (question.kind !== 'asked') return { kind: 'refused', event_id: eventId }
  return waitForPeople(input, desk, steps, question.decision_id, question.violations, eventId)
}

/** Waits for a person, bounded; a newer deployment, or a rollback started elsewhere, ends the question. */
async function waitForPeople(
  input: GuardInput,
  desk: GuardDesk,
  steps: GuardSteps,
  decisionId: string,
  violations: string[],
  refusedEventId: string | null = null,
): Promise<GuardOutcome> {
  const waitMs = input.policy.decision_wait_seconds * 1000
  desk.forgetDecision()
  desk.enter('waiting', { decision_id: decisionId, event_id: refusedEventId, violations })
  desk.index()
  await steps.setGuardPhase({ deployment_id: input.deployment_id, phase: 'waiting' })

  const overtaken = new CancellationScope({ cancellable: true })
  const watched = overtaken.run(async () => {
    const { watchUntilOvertaken } = proxyActivities<MonitorActivities>({
      ...longWatch(input, waitMs + WATCH_MARGIN_MS),
      summary: 'Watch whether the question is overtaken',
    })
    return watchUntilOvertaken({ deployment_id: input.deployment_id })
  })
  // Only what ends from now on, and only a success answers the question: a rollback that failed leaves it open.
  const before = desk.lastEnded()
  const elsewhere = (): boolean => {
    const ended = desk.lastEnded()
    return ended !== null && ended !== before && ended.status === 'success'
  }
  let superseded = false
  watched.then(
    () => {
      superseded = true
    },
    () => {},
  )
  await condition(() => desk.lastDecision() !== null || superseded || elsewhere(), waitMs)
  overtaken.cancel()
  await watched.catch(() => {})
  // A decision that is being made at this very moment counts.
  await condition(allHandlersFinished)

  const decision = desk.lastDecision()
  if (decision?.status === 'rejected') return { kind: 'rejected', reason: 'A person turned the rollback down' }
  if (decision?.event_id != null) return followRollback(input, desk, steps, decision.event_id)
  const other = desk.lastEnded()
  if (other !== null && elsewhere()) return { kind: 'rolled_back', event_id: other.event_id, status: other.status }
  if (superseded) return { kind: 'superseded' }
  const expired = await steps.expireDecision({ decision_id: decisionId })
  // Decided past this guard, by an override: follow what came of it.
  if (!expired.expired && expired.event_id !== null) return followRollback(input, desk, steps, expired.event_id)
  return { kind: 'undecided', reason: 'Nobody decided in time' }
}
