import type { RollbackView } from '@roman/contracts'
import { approvalToLiveMs, isLive, isOverridden, type LiveNow, stateOf, violatedBy } from '../rollback-state.ts'
import { overrideLines, violationLines } from './alerts.ts'
import { footer, liveText, seconds, shortCommit } from './facts.ts'
import { fit, type Line, plain } from './plain.ts'
import { progressBar } from './progress-bar.ts'

/** What the person typed, as they typed it. */
export interface Asked {
  deployment: string
  reason: string
}

/** Until the constitution has answered. */
export const pendingReply = (asked: Asked): string =>
  fit(['⏳ R.O.M.A.N. is validating the rollback', '', ...askedLines(asked)])

/** The one reply to a command, as it stands: from validation to health. */
export const rollbackReply = (asked: Asked, view: RollbackView, live: LiveNow, botId: string): string => {
  const state = stateOf(view)
  const end = footer(view.service, view.event_id)
  if (state === 'validating') return fit([pendingReply(asked), end])
  if (state === 'refused') return refusedReply(asked, view, botId)
  return fit([
    '✅ Rollback approved by R.O.M.A.N.',
    '',
    ...askedLines(asked),
    `Target: ${targetLine(view)}`,
    `Constitutional Validation: ${
      isOverridden(view)
        ? `OVERRIDDEN (${violatedBy(view)
            .map((name) => plain(name))
            .join(', ')})`
        : 'PASSED'
    }`,
    '',
    'Executing rollback...',
    ...endLines(view, live),
    ...(view.validation?.warnings ?? []).map((warning): Line => ({ optional: `-# ⚠️ ${plain(warning)}` })),
    end,
  ])
}

const refusedReply = (asked: Asked, view: RollbackView, botId: string): string => {
  const violated = violatedBy(view)
  return fit([
    '❌ Rollback rejected by R.O.M.A.N.',
    '',
    ...askedLines(asked),
    'Constitutional Validation: REJECTED',
    '',
    ...violationLines(view.validation?.violations ?? [], violated),
    ...overrideLines(view.deployment_id, violated, botId),
    footer(view.service, view.event_id),
  ])
}

/** The bar, then what it came to: one line for the deploy, one for the health. */
const endLines = (view: RollbackView, live: LiveNow): Line[] => {
  const state = stateOf(view)
  const stopped = `${plain(view.detail ?? 'no reason was given')}`
  if (state === 'aborted') return [`⏹️ Rollback aborted: ${stopped}`, `Live now: ${liveText(view, live)}`]
  if (!isLive(view) && state === 'failed') {
    return [`❌ Rollback failed: ${stopped}`, `Live now: ${liveText(view, live)}`, 'Manual intervention required.']
  }
  if (state === 'executing') return [progressBar(view)]
  const tookMs = approvalToLiveMs(view)
  return [
    progressBar(view),
    `✅ Rollback complete${tookMs === null ? '' : ` (${seconds(tookMs)})`}`,
    ...healthLines(view, live),
  ]
}

const healthLines = (view: RollbackView, live: LiveNow): Line[] => {
  const state = stateOf(view)
  if (state === 'live') return ['⏳ Verifying health...']
  const verifiedMs = view.segments.live_to_verified_ms
  if (state === 'verified') {
    return [`✅ Health verified${verifiedMs === null ? '' : ` (${seconds(verifiedMs)} after it went live)`}`]
  }
  return [
    `❌ Health not verified: ${plain(view.detail ?? 'it could not be told')}`,
    `Live now: ${liveText(view, live)}`,
    'Manual intervention required.',
  ]
}

const askedLines = ({ deployment, reason }: Asked): Line[] => [
  `Deployment: ${plain(deployment)}`,
  `Reason: ${plain(reason)}`,
]

const targetLine = ({ target_deployment: target }: RollbackView): string =>
  target === null ? 'none' : `${plain(target.version)} (commit: ${shortCommit(target.git_commit)})`
