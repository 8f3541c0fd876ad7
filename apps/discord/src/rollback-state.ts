import { VIOLATIONS, type ViolationName } from '@roman/constitution'
import type { DeploymentView, RollbackView } from '@roman/contracts'

/** What a rollback has come to, as far as people are told. */
export type RollbackState =
  | 'validating'
  | 'executing'
  /** The previous version is live; its health is being verified. */
  | 'live'
  | 'verified'
  | 'failed'
  /** Refused by the constitution; nothing was done. */
  | 'refused'
  /** Stopped by a person or by a newer deployment before anything was deployed. */
  | 'aborted'

const APPROVED_PHASES = new Set(['snapshotting', 'claiming', 'deploying', 'switching', 'undoing', 'verifying'])

export const stateOf = (view: RollbackView): RollbackState => {
  if (view.status === 'success') return 'verified'
  if (view.status === 'failed') return 'failed'
  if (view.status === 'aborted') return wasRefused(view) ? 'refused' : 'aborted'
  if (view.phase === 'verifying' || isLive(view)) return 'live'
  return APPROVED_PHASES.has(view.phase) ? 'executing' : 'validating'
}

export const hasEnded = (view: RollbackView): boolean => !['validating', 'executing', 'live'].includes(stateOf(view))

/** The target did go live, whatever became of it then. */
export const isLive = (view: RollbackView): boolean =>
  view.segments.dispatched_to_live_ms !== null || Boolean(view.moments.live)

/** An override leaves the findings as they are, so a rollback that was approved by one is told by what it did since. */
const wasRefused = (view: RollbackView): boolean =>
  view.validation?.compliant === false && view.snapshot_id === null && !view.moments.dispatched

export const isOverridden = (view: RollbackView): boolean =>
  view.refused_event_id !== null && view.validation?.compliant === false

/** What an override has to name. */
export const violatedBy = (view: RollbackView): ViolationName[] => {
  const violated = view.validation?.violated
  return Array.isArray(violated) ? VIOLATIONS.filter((name) => violated.includes(name)) : []
}

/** From the constitution's approval to the target being live; null while it is not, or where it was not measured. */
export const approvalToLiveMs = (view: RollbackView): number | null => {
  const { decided_to_dispatched_ms: before, dispatched_to_live_ms: deploy } = view.segments
  return before === null || deploy === null ? null : before + deploy
}

/** What serves people now, in words: the failing deployment, the target's replacement, or something newer. */
export type LiveNow = 'failing' | 'replacement' | 'other' | 'unknown'

export const liveNow = async (
  view: RollbackView,
  readDeployment: (id: string) => Promise<DeploymentView | null>,
): Promise<LiveNow> => {
  const isUp = async (id: string | null) => id !== null && (await readDeployment(id))?.live === true
  try {
    if (await isUp(view.replacement_deployment_id)) return 'replacement'
    if (await isUp(view.deployment_id)) return 'failing'
    return 'other'
  } catch {
    // The message must not wait for this one line.
    return 'unknown'
  }
}
