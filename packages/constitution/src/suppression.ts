import { ACTING_SIGNALS, ERROR_SIGNALS, type SignalFinding, type SignalName } from './health.ts'
import { finite, listOf, nullable, oneOf, record } from './malformed.ts'
import { RECENT_ERRORS_WINDOW_SECONDS, rateWindowSeconds, type Thresholds } from './thresholds.ts'

/**
 * The baseline rule: a signal that was in breach before the deployment is not blamed on it until it has once been at or
 * below its threshold for a full window.
 *
 * Both error signals count the same errors, so that one of them in breach before suppresses both, either of them above its
 * threshold starts the stretch of both again, and a full window is the longer of theirs. The stretch begins when the
 * signal's own window is full: errors are counted from the deployment on, and start at zero whatever the world does. A
 * moment that cannot be read starts it again.
 *
 * What remains by chance where errors go on as before the deployment (simulated: Poisson, default thresholds, 30 minutes of
 * watching) is a rate that stays within 5 a minute for five minutes: none in the window; until the standby's end 1.7 % of
 * deployments at 6/minute, 0.1 % at 7/minute.
 */
export type Suppression = {
  active: { signal: SignalName; below_since: number | null }[]
  /** Suppressed signals that were above their threshold since the deployment. */
  exceeded: SignalName[]
}

export const SUPPRESSION = record<Suppression>({
  active: listOf(record({ signal: oneOf(ACTING_SIGNALS), below_since: nullable(finite) })),
  exceeded: listOf(oneOf(ACTING_SIGNALS)),
})

export function startSuppression(baselineBreached: readonly SignalName[]): Suppression {
  const active = ACTING_SIGNALS.filter((signal) => together(signal).some((name) => baselineBreached.includes(name)))
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
  { deployed_at: deployedAt, thresholds }: { deployed_at: number; thresholds: Thresholds },
): { suppression: Suppression; announce: SignalName[] } {
  const announce: SignalName[] = []
  const active: Suppression['active'] = []
  for (const { signal, below_since: since } of before.active) {
    const own = findings.find((finding) => finding.signal === signal)
    if (own?.exceeded && !before.exceeded.includes(signal)) announce.push(signal)
    const peers = findings.filter((finding) => together(signal).includes(finding.signal))
    const below = peers.every((finding) => finding.observed !== null && !finding.exceeded)
    const below_since = below ? (since ?? at) : null
    const full = deployedAt + countedOver(signal, thresholds) * 1000
    const held = below_since !== null && at - Math.max(below_since, full) >= fullWindowMs(signal, thresholds)
    if (!held) active.push({ signal, below_since })
  }
  return { suppression: { active, exceeded: [...before.exceeded, ...announce] }, announce }
}

/** Whether a clean watch window of this length shows as much as a stretch does. */
export function fillsFullWindow(windowSeconds: number, thresholds: Thresholds): boolean {
  return ACTING_SIGNALS.every((signal) => windowSeconds * 1000 >= fullWindowMs(signal, thresholds))
}

/** The signals that stand or fall with this one. */
function together(signal: SignalName): readonly SignalName[] {
  return ERROR_SIGNALS.includes(signal) ? ERROR_SIGNALS : [signal]
}

/** Seconds; connections are no count, and whole from the first moment. */
function countedOver(signal: SignalName, thresholds: Thresholds): number {
  if (signal === 'recent_errors') return RECENT_ERRORS_WINDOW_SECONDS
  return signal === 'error_rate_per_minute' ? rateWindowSeconds(thresholds) : 0
}

function fullWindowMs(signal: SignalName, thresholds: Thresholds): number {
  const seconds = rateWindowSeconds(thresholds)
  return (ERROR_SIGNALS.includes(signal) ? Math.max(seconds, RECENT_ERRORS_WINDOW_SECONDS) : seconds) * 1000
}
