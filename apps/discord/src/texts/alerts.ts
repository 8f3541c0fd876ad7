import { RULES, type ViolationName, wayOut } from '@roman/constitution'
import type { RollbackView } from '@roman/contracts'
import { approvalToLiveMs, isLive, isOverridden, type LiveNow, stateOf, violatedBy } from '../rollback-state.ts'
import { deploymentName, footer, liveText, reasonText, seconds, targetName, triggerName } from './facts.ts'
import { fit, type Line, plain } from './plain.ts'
import { progressBar } from './progress-bar.ts'

/** `🚨 ROLLBACK INITIATED`, with its progress once there is some. */
export const initiatedAlert = (view: RollbackView, progress: 'none' | 'shown'): string =>
  fit([
    '🚨 ROLLBACK INITIATED',
    '',
    ...facts(view, isOverridden(view) ? 'APPROVED by override' : 'APPROVED'),
    '',
    'R.O.M.A.N. is executing rollback...',
    ...(progress === 'none' ? [] : [progressLine(view)]),
    footer(view.service, view.event_id),
  ])

/** `✅ ROLLBACK COMPLETE`, `❌ ROLLBACK FAILED`, `⏹️ ROLLBACK ABORTED` or `🚨 CONSTITUTIONAL VIOLATION`. */
export const outcomeAlert = (view: RollbackView, live: LiveNow, botId: string): string => {
  const state = stateOf(view)
  if (state === 'refused') return violationAlert(view, botId)
  const status = isOverridden(view) ? 'APPROVED by override' : 'APPROVED'
  const end = footer(view.service, view.event_id)
  if (state === 'verified') {
    return fit(['✅ ROLLBACK COMPLETE', '', ...facts(view, status), '', completedLine(view), ...undoLines(view), end])
  }
  const detail = plain(view.detail ?? 'no reason was given')
  if (state === 'aborted') {
    return fit([
      '⏹️ ROLLBACK ABORTED',
      '',
      ...facts(view, status),
      `Aborted: ${detail}`,
      `Live now: ${liveText(view, live)}`,
      end,
    ])
  }
  return fit([
    '❌ ROLLBACK FAILED',
    '',
    ...facts(view, status),
    `Failure: ${detail}`,
    `Live now: ${liveText(view, live)}`,
    '',
    'Manual intervention required.',
    end,
  ])
}

const violationAlert = (view: RollbackView, botId: string): string => {
  const violated = violatedBy(view)
  return fit([
    '🚨 CONSTITUTIONAL VIOLATION',
    '',
    ...facts(view, 'REJECTED'),
    '',
    ...violationLines(view.validation?.violations ?? [], violated),
    '',
    'Rollback rejected. Nothing was changed.',
    ...overrideLines(view.deployment_id, violated, botId),
    footer(view.service, view.event_id),
  ])
}

/** Each violation as it was found, then the plain rule beside each name. Where only names are known, they are the list. */
export const violationLines = (messages: readonly string[], violated: readonly ViolationName[]): Line[] => {
  const rules = violated.map((name) => `${plain(name)}: ${RULES[name]}`)
  if (messages.length === 0) return rules.map((rule) => ({ optional: `• ${rule}` }))
  const [first = '', ...others] = messages.map((message) => `• ${plain(message)}`)
  return [first, ...others.map((optional) => ({ optional })), ...rules.map((rule) => ({ optional: `-# ${rule}` }))]
}

/** The exact line that would lift what was violated, ready to be copied: the mention in it is the bot's own. */
export const overrideLines = (
  deploymentId: string | null,
  violated: readonly ViolationName[],
  botId: string,
): Line[] => {
  if (violated.includes('no_target')) return [`Nothing lifts ${plain('no_target')}. ${wayOut('no_target')}`]
  if (violated.length === 0 || deploymentId === null) return []
  const line = `/approve rollback deployment_id=${deploymentId} reason="why" override=${violated.join(',')}`
  return ['To override, somebody with an override role sends:', `\`<@${botId}> ${line.replaceAll('`', '')}\``]
}

const facts = (view: RollbackView, status: string): Line[] => [
  `Deployment: ${deploymentName(view.version, view.deployment_id)}`,
  `Environment: ${plain(view.environment)}`,
  `Reason: ${reasonText(view)}`,
  `Trigger: ${triggerName(view)}`,
  `Target: ${targetName(view.target_deployment)}`,
  `Constitutional Status: ${status}`,
]

/** What became of the migrations, where some were to be undone. */
const undoLines = ({ steps }: RollbackView): Line[] => {
  const step = steps.findLast(({ step: name, status }) => name === 'undo_migrations' && status !== 'started')
  if (step?.detail == null) return []
  return [`${step.status === 'failed' ? '⚠️ Migrations: not all undone.' : 'Migrations:'} ${plain(step.detail)}`]
}

const completedLine = (view: RollbackView): string => {
  const tookMs = approvalToLiveMs(view)
  const verifiedMs = view.segments.live_to_verified_ms
  const took = tookMs === null ? '' : `, after ${seconds(tookMs)}`
  const verified = verifiedMs === null ? '' : ` ${seconds(verifiedMs)} later`
  return `${plain(view.target_deployment?.version ?? 'The target')} is live${took}. Health verified${verified}.`
}

/** A rollback that stopped halfway keeps no bar that looks as if it went on. */
const progressLine = (view: RollbackView): string => {
  const state = stateOf(view)
  if (state === 'verified') return `${progressBar(view)} live, health verified`
  if (state === 'live') return `${progressBar(view)} live, verifying health`
  if (state === 'failed') return isLive(view) ? `${progressBar(view)} live, health not verified` : 'Stopped: failed.'
  if (state === 'aborted') return 'Stopped: aborted.'
  return progressBar(view)
}
