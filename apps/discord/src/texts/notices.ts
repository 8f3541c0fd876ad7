import { parseViolationNames, wayOut } from '@roman/constitution'
import type { DeploymentView } from '@roman/contracts'
import type { Announcement, AnnouncementKind } from '@roman/control'
import { overrideLines, violationLines } from './alerts.ts'
import { deploymentName, footer } from './facts.ts'
import { fit, type Line, plain } from './plain.ts'

type NoticeKind = Exclude<AnnouncementKind, 'rollback'>

/** A decision's text leaves room for who decided it. */
const NOTICE_MAX = 1_800

const HEADLINES: Record<NoticeKind, string> = {
  decision: '⚠️ DECISION NEEDED',
  decision_expired: '⌛ NOBODY DECIDED',
  late_breach: '⚠️ LATE BREACH',
  observed: '👁️ ROLLBACK OBSERVED',
  inconclusive: '⚠️ WATCH INCONCLUSIVE',
  blind: '⚠️ HEALTH CANNOT BE READ',
  baseline: 'ℹ️ IN BREACH BEFORE THE DEPLOYMENT',
  unfenced: '⚠️ DEPLOYED OUT OF TURN',
  undo_failed: '❌ MIGRATIONS NOT UNDONE',
  orphaned: '❌ ROLLBACK LOST',
}

const ENDINGS: Record<NoticeKind, string> = {
  decision: 'Approve to roll back, reject to keep it live.',
  decision_expired: 'R.O.M.A.N. has stopped waiting. It stays live; roll it back by hand if it is needed.',
  late_breach: `There is nothing to go back to, so it stays live. ${wayOut('no_target')}`,
  observed: 'R.O.M.A.N. would have rolled it back. It only observes this environment, so it stays live.',
  inconclusive: 'It stays live and is no rollback target until a person marks it verified with "roman verify".',
  blind: 'R.O.M.A.N. neither trusts nor blames what it cannot see. It goes on watching.',
  baseline: 'The signal is not blamed on this deployment until it has recovered once.',
  unfenced: 'It is recorded, watched and live. Look whether that is what you want.',
  undo_failed: 'Manual intervention required: the earlier version runs on a database that is newer than it.',
  orphaned: 'Manual intervention required: look at what is live.',
}

/** The text of every announcement that is not a rollback's. `deployment` is null where it cannot be read. */
export const noticeText = (announcement: Announcement, deployment: DeploymentView | null, botId: string): string => {
  const kind = announcement.kind as NoticeKind
  const { reason, detail, warning, violations = [] } = announcement.payload
  const { names: violated } = parseViolationNames(violations.join(','))
  const name = deploymentName(deployment?.version ?? null, announcement.deployment_id)
  const overridable = kind === 'decision' && violations.length > 0
  return fit(
    [
      HEADLINES[kind],
      '',
      ...(announcement.deployment_id === null ? [] : [`Deployment: ${name}`]),
      `Environment: ${plain(announcement.environment)}`,
      ...(reason === undefined ? [] : [`Reason: ${plain(reason)}`]),
      ...(typeof detail === 'string' ? [`Detail: ${plain(detail)}`] : []),
      ...(typeof warning === 'string' ? [`Warning: ${plain(warning)}`] : []),
      ...(overridable ? ['Constitutional Status: REJECTED', '', ...violationLines([], violated)] : []),
      '',
      ...(overridable ? overrideLines(announcement.deployment_id, violated, botId) : [ENDINGS[kind]]),
      ...(kind === 'decision' ? waitsUntil(announcement, deployment) : []),
      footer(announcement.service, announcement.event_id),
    ],
    NOTICE_MAX,
  )
}

/** Discord shows the time in each reader's own zone. */
const waitsUntil = (announcement: Announcement, deployment: DeploymentView | null): Line[] => {
  const decision = deployment?.guard?.decision
  if (decision == null || decision.decision_id !== announcement.decision_id) return []
  return [`R.O.M.A.N. waits until <t:${Math.floor(Date.parse(decision.expires_at) / 1000)}:t>.`]
}
