import { ERRORS } from '@roman/contracts'
import {
  errorBody,
  executeRollbackRequest,
  executeRollbackResponse,
  rejectedRollbackResponse,
} from '@roman/contracts/schemas'
import type { RollbackAnswer } from '@roman/control'
import { z } from 'zod'
import { callOf } from '../actor.ts'
import type { Route } from '../app.ts'
import { answer, commandHeaders, describeCodes, failures, keyed } from '../route-schema.ts'
import { patienceOf, waitOf } from '../wait.ts'

const headers = commandHeaders.extend({
  prefer: z
    .string()
    .optional()
    .describe('`wait=N` waits N seconds for the end (0 to 55, 25 unless given); `respond-async` does not wait.'),
})

export const executeRollback: Route = (app, { control, closing }) => {
  app.post(
    '/auto-rollback',
    {
      schema: {
        operationId: 'executeRollback',
        summary: 'Roll a live deployment back to its last known-good one',
        description:
          'Waits for the end for 25 seconds unless `Prefer` says otherwise. The same request again returns the rollback that runs (`deduplicated: true`). Also at `/functions/v1/auto-rollback`.',
        tags: ['rollbacks'],
        security: keyed,
        headers,
        body: executeRollbackRequest,
        response: {
          ...failures(
            'unknown_service',
            'unknown_environment',
            'unknown_user',
            'ambiguous_deployment',
            'deployment_not_live',
            'idempotency_conflict',
            'rollback_in_progress',
            'payload_too_large',
          ),
          200: answer('Rolled back, and the health of what is live now is verified.', executeRollbackResponse),
          202: answer('Accepted and still running; follow it at `/v1/rollbacks/{event_id}`.', executeRollbackResponse),
          403: answer(describeCodes(['constitutional_rejection']), rejectedRollbackResponse),
          404: answer(
            describeCodes(['deployment_not_found', 'no_valid_target']),
            z.union([rejectedRollbackResponse, errorBody]),
          ),
          502: answer(describeCodes(['rollback_failed']), executeRollbackResponse),
        },
      },
    },
    async (request, reply) => {
      const { wait_ms, applied } = waitOf(request.headers.prefer)
      if (applied !== null) reply.header('preference-applied', applied)
      const signal = patienceOf(reply, closing)
      const result = await control.executeRollback(request.body, callOf(request.body, request.headers), {
        wait_ms,
        signal,
      })
      if (result.kind === 'running') {
        reply.headers({ location: `/v1/rollbacks/${result.body.event_id}`, 'retry-after': '1' })
      }
      const { status, code, error } = KINDS[result.kind]
      const told = code === null ? {} : { error: result.body.error ?? error, code: result.body.code ?? code }
      return reply.code(status).send({ ...result.body, success: code === null, ...told })
    },
  )
}

/** Status of each end; `success` and `error` follow from it. */
const KINDS = {
  verified: { status: 200, code: null, error: null },
  running: { status: 202, code: null, error: null },
  failed: { status: 502, code: 'rollback_failed', error: ERRORS.rollback_failed.title },
  no_target: { status: 404, code: 'no_valid_target', error: 'No valid rollback target found' },
  rejected: { status: 403, code: 'constitutional_rejection', error: 'Constitutional validation failed' },
} as const satisfies Record<RollbackAnswer['kind'], unknown>
