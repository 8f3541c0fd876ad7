/**
 * One catalogue of errors. Codes are never reused. `status` is HTTP's; the message of each occurrence says the fact,
 * then the way out. docs/errors.md lists the same codes, and a test holds the two together.
 */
export const ERRORS = {
  invalid_request: { status: 400, title: 'The request is malformed; the field is named.' },
  unknown_service: { status: 400, title: 'No such service in roman.yaml.' },
  unknown_environment: { status: 400, title: 'No such environment of that service in roman.yaml.' },
  unknown_user: { status: 400, title: 'initiated_by names nobody in auth.users.' },
  ambiguous_deployment: { status: 400, title: 'The prefix or version fits several deployments.' },
  ambiguous_snapshot: { status: 400, title: 'The prefix fits several snapshots.' },
  ambiguous_rollback: { status: 400, title: 'The prefix fits several rollbacks.' },
  unauthorized: { status: 401, title: 'No key, or a wrong one.' },
  constitutional_rejection: { status: 403, title: 'The constitution refused the rollback.' },
  forbidden: { status: 403, title: 'The key may not do this.' },
  deployment_not_found: { status: 404, title: 'No such deployment.' },
  rollback_not_found: { status: 404, title: 'No such rollback.' },
  snapshot_not_found: { status: 404, title: 'No such snapshot.' },
  route_not_found: { status: 404, title: 'No such route.' },
  no_valid_target: { status: 404, title: 'No earlier verified deployment to go back to.' },
  deployment_conflict: { status: 409, title: 'The deployment is recorded already, with other facts.' },
  idempotency_conflict: { status: 409, title: 'The idempotency key was used for another request.' },
  deployment_not_live: { status: 409, title: 'Only the live deployment can be rolled back.' },
  rollback_in_progress: { status: 409, title: 'A rollback is running in this environment.' },
  commit_quarantined: { status: 409, title: 'The commit was rolled back here and is quarantined.' },
  replacement_not_automatic: { status: 409, title: 'A rollback’s own deployment is never rolled back automatically.' },
  automatic_already_tried: { status: 409, title: 'A deployment has one automatic rollback, ever.' },
  actor_conflict: { status: 409, title: 'This identity is another user already.' },
  environment_frozen: { status: 409, title: 'The environment is frozen.' },
  nothing_waiting: { status: 409, title: 'No decision is waiting for this deployment.' },
  already_decided: { status: 409, title: 'The decision was made already.' },
  override_incomplete: { status: 409, title: 'An override needs a reason and every violation by name.' },
  override_not_covering: { status: 409, title: 'The override does not cover what is violated now.' },
  not_overridable: { status: 409, title: 'Nothing lifts this violation.' },
  superseded: { status: 409, title: 'A newer deployment is live.' },
  abort_too_late: { status: 409, title: 'The previous version is live again; the rollback cannot be aborted.' },
  not_verifiable: { status: 409, title: 'The deployment cannot be marked verified.' },
  illegal_transition: { status: 409, title: 'The status cannot change that way.' },
  payload_too_large: { status: 413, title: 'The body is larger than the limit.' },
  too_many_requests: { status: 429, title: 'Slow down; see Retry-After.' },
  internal_error: { status: 500, title: 'A fault of ours; the log has the request id.' },
  rollback_failed: { status: 502, title: 'The rollback ran and did not succeed.' },
  database_unavailable: { status: 503, title: 'PostgreSQL does not answer; see Retry-After.' },
  temporal_unavailable: {
    status: 503,
    title: 'Temporal does not answer and this needs a live workflow; see Retry-After.',
  },
} as const satisfies Record<string, { status: number; title: string }>

export type ErrorCode = keyof typeof ERRORS

/** Thrown where a request cannot be carried out. `message` may be shown to people; `details` is JSON. */
export class RomanError extends Error {
  override readonly name = 'RomanError'
  readonly code: ErrorCode
  readonly details: Record<string, unknown> | undefined

  constructor(code: ErrorCode, message: string, details?: Record<string, unknown>, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
    this.details = details
  }

  get status(): number {
    return ERRORS[this.code].status
  }
}

/** Also true for an error that crossed a package boundary where `instanceof` cannot be relied on. */
export const isRomanError = (error: unknown): error is RomanError =>
  error instanceof Error && error.name === 'RomanError' && 'code' in error
