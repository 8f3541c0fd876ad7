import { createRomanClient, type RollbackAnswer, type RomanClient } from './client.ts'
import { RollbackStillRunningError, RomanApiError, RomanConnectionError } from './errors.ts'
import type { FollowOptions } from './follow.ts'
import type { CheckResult, ExecuteRollback, Rollback, RollbackRow, TargetDeployment, Validation } from './types.ts'

/** What became of a rollback. Where it is not `success`, `error` says why and what to do. */
export interface RollbackOutcome {
  success: boolean
  /** Null where the request never became a rollback. */
  event_id: string | null
  status?: Rollback['status']
  target_deployment?: TargetDeployment | null
  snapshot_id?: string | null
  validation?: Validation | null
  /** The same request had been made before; this is its outcome. */
  deduplicated?: boolean
  error?: string
  code?: string
  details?: Record<string, unknown>
}

export type ExecuteServiceOptions = FollowOptions &
  Pick<ExecuteRollback, 'service' | 'environment' | 'target_deployment_id'> & { idempotencyKey?: string }

/**
 * Rollbacks in three methods.
 *
 *     const rollbackService = new RollbackService(url, serviceKey)
 *     const result = await rollbackService.executeRollback('v2.5.3', 'Critical bug in payment flow')
 */
export default class RollbackService {
  readonly #client: RomanClient

  constructor(url: string, key: string, options: { fetch?: typeof globalThis.fetch } = {}) {
    this.#client = createRomanClient({ url, key, ...options })
  }

  /**
   * Rolls a live deployment back and follows it to its end. Never throws for a rollback that was refused, failed or
   * could not be asked for: `success` is false then. Only an aborted `signal` rejects the promise.
   */
  async executeRollback(
    deploymentId: string,
    reason: string,
    userId?: string,
    options: ExecuteServiceOptions = {},
  ): Promise<RollbackOutcome> {
    const { onProgress, signal, timeoutMs, idempotencyKey, ...where } = options
    const request = {
      deployment_id: deploymentId,
      trigger_reason: reason,
      ...(userId && { initiated_by: userId }),
      ...where,
    }
    let eventId: string | null = null
    try {
      const answer = await this.#client.executeRollback(request, {
        signal,
        idempotencyKey,
        ...(onProgress && { waitSeconds: 0 }),
      })
      eventId = answer.body.event_id
      if (answer.kind !== 'running') return outcomeOfAnswer(answer)
      return outcomeOf(await this.#client.followRollback(eventId, { onProgress, signal, timeoutMs }))
    } catch (error) {
      signal?.throwIfAborted()
      return outcomeOfError(error, eventId)
    }
  }

  /** Would this deployment be rolled back now? Throws `RomanApiError` or `RomanConnectionError`. */
  checkDeployment(deploymentId: string): Promise<CheckResult> {
    return this.#client.checkDeployment({ deployment_id: deploymentId })
  }

  /** The latest rollbacks, newest first. Throws `RomanApiError` or `RomanConnectionError`. */
  getHistory(limit = 10): Promise<RollbackRow[]> {
    return this.#client.history({ limit })
  }
}

function outcomeOfAnswer({ kind, body }: RollbackAnswer): RollbackOutcome {
  return { ...body, success: kind === 'verified', ...(body.details && { details: body.details }) } as RollbackOutcome
}

/** The same shape from a rollback that was followed. */
export function outcomeOf(rollback: Rollback): RollbackOutcome {
  const { event_id, status, target_deployment, snapshot_id, validation, detail } = rollback
  const known = { event_id, status, target_deployment, snapshot_id, validation }
  if (status === 'success') return { success: true, ...known }
  const refused = validation?.compliant === false
  return {
    success: false,
    ...known,
    error: detail ?? (refused ? 'Constitutional validation failed' : `The rollback ended as ${status}`),
    code: refused ? 'constitutional_rejection' : 'rollback_failed',
  }
}

function outcomeOfError(error: unknown, eventId: string | null): RollbackOutcome {
  if (error instanceof RomanApiError) {
    const { message, code, details, event_id } = error
    return { success: false, event_id: event_id ?? eventId, error: message, code, ...(details && { details }) }
  }
  if (error instanceof RomanConnectionError) {
    return { success: false, event_id: eventId, error: error.message, code: 'no_answer' }
  }
  if (error instanceof RollbackStillRunningError) {
    return {
      success: false,
      event_id: error.event_id,
      status: 'in_progress',
      error: error.message,
      code: 'still_running',
    }
  }
  throw error
}
