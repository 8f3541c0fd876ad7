import { ACTING_SIGNALS, type SignalFinding, type SignalName } from './health.ts'
import { RECENT_ERRORS_WINDOW_SECONDS, rateWindowSeconds, type Thresholds } from './thresholds.ts'

/**
 * The baseline rule: a signal that was in breach before the deployment is not blamed on it until it has once been at or
 * below its threshold for a full window: the one it is counted over, since errors are counted from the deployment on and
 * start at zero whatever the world does. A moment that cannot be read starts that stretch again.
 */
export type Suppression = {
  active: { signal: SignalName; below_since: number | null }[]
  /** Suppressed signals that were above their threshold since the deployment. */
  exceeded: SignalName[]
}

export function startSuppression(baselineBreached: readonly SignalName[]): Suppression {
  const active = ACTING_SIGNALS.filter((signal) => baselineBreached.includes(signal))
  return { active: active.map((signal) => ({ signal, below_since: null })), exceeded: [] }
}

export function stillSuppressed({ active }: Suppression): SignalName[] {
  return active.map(({ signal }) => signal)
}

/** `announce`: signals above their threshold for the first time since the deployment, for people to be told once. */
export function updateSuppression(
  before: Suppression,
  findings: readonly SignalFinding[],
  at: number,
  thresholds: Thresholds,
): { suppression: Suppression; announce: SignalName[] } {
  const announce: SignalName[] = []
  const active: Suppression['active'] = []
  for (const { signal, below_since: since } of before.active) {
    const finding = findings.find((candidate) => candidate.signal === signal)
    const below = finding !== undefined && finding.observed !== null && !finding.exceeded
    if (finding?.exceeded && !before.exceeded.includes(signal)) announce.push(signal)
    const below_since = below ? (since ?? at) : null
    const held = below_since !== null && at - below_since >= windowMs(signal, thresholds)
    if (!held) active.push({ signal, below_since })
  }
  return { suppression: { active, exceeded: [...before.exceeded, ...announce] }, announce }
}

function windowMs(signal: SignalName, thresholds: Thresholds): number {
  const seconds = signal === 'recent_errors' ? RECENT_ERRORS_WINDOW_SECONDS : rateWindowSeconds(thresholds)
  return seconds * 1000
}
