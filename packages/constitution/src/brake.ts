import type { Mode } from './thresholds.ts'

/** Automatic rollbacks per service, environment and hour, unless configured otherwise. */
export const DEFAULT_ROLLBACKS_PER_HOUR = 3

/** This many services in breach at once point at something they share, not at one deployment. */
export const SHARED_CAUSE_SERVICES = 3

export type BrakeEvidence = {
  mode: Mode
  /** `roman freeze`: automatic rollbacks stop, people can still act. */
  frozen: boolean
  /** Automatic rollbacks of this service and environment that started in the last hour. */
  automatic_last_hour: number
  hourly_cap: number
  /** Services in breach now, this one included. */
  services_breaching: number
  /** The breach came later than `auto_rollback_within_seconds` after the deployment. */
  late: boolean
}

/** `reason` is null where nothing brakes. */
export type BrakeDecision = { action: Mode; reason: string | null }

/** How far an approved automatic rollback may go by itself. It only ever brakes: `observe` stays `observe`. */
export function brake(evidence: BrakeEvidence): BrakeDecision {
  const { mode } = evidence
  if (mode === 'observe') return { action: 'observe', reason: 'mode is observe' }
  if (mode === 'ask') return { action: 'ask', reason: 'mode is ask' }
  if (evidence.frozen) return { action: 'ask', reason: 'automatic rollbacks are frozen' }
  if (evidence.late) return { action: 'ask', reason: 'the breach came late: the deployment is a less likely cause' }
  if (evidence.services_breaching >= SHARED_CAUSE_SERVICES) {
    return { action: 'ask', reason: `${evidence.services_breaching} services are in breach together: shared cause?` }
  }
  if (evidence.automatic_last_hour >= evidence.hourly_cap) {
    const reason = `${evidence.automatic_last_hour} automatic rollbacks in the last hour, the cap is ${evidence.hourly_cap}`
    return { action: 'ask', reason }
  }
  return { action: 'auto', reason: null }
}
