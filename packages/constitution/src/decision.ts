import type { ViolationName } from './reasons.ts'

/** Stable across the API; a code is never reused for something else. */
export const DECISION_CODES = [
  'rollback_in_progress',
  'deployment_not_live',
  'replacement_not_automatic',
  'automatic_already_tried',
  'no_valid_target',
  'constitutional_rejection',
  'commit_quarantined',
  'environment_frozen',
  'nothing_waiting',
  'already_decided',
  'forbidden',
  'override_incomplete',
  'override_not_covering',
  'not_overridable',
  'superseded',
  'abort_too_late',
  'not_verifiable',
  'illegal_transition',
  // What asked gave evidence that cannot be read.
  'internal_error',
] as const
export type DecisionCode = (typeof DECISION_CODES)[number]

/** Why something was refused: the fact, and the way out. `name` where a law or precondition is the reason. */
export type Reason = { name?: ViolationName; message: string; way_out: string }

type Allowed = { allowed: true; warnings: string[] }
export type Refused = {
  allowed: false
  code: DecisionCode
  reasons: Reason[]
  /** Whether an authorised person can lift it with an override. */
  overridable: boolean
  warnings: string[]
}
/** The answer of every gate. */
export type Decision = Allowed | Refused

export function allow(warnings: string[] = []): Allowed {
  return { allowed: true, warnings }
}

export function refuse(code: DecisionCode, message: string, way_out: string, warnings: string[] = []): Refused {
  return { allowed: false, code, reasons: [{ message, way_out }], overridable: false, warnings }
}
