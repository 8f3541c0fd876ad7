import { executeRollbackResponse, overrideRequest } from '@roman/contracts/schemas'
import { callOf } from '../actor.ts'
import type { Route } from '../app.ts'
import { answer, commandHeaders, failures, keyed, rollbackParams } from '../route-schema.ts'

export const overrideRollback: Route = (app, { control }) => {
  app.post(
    '/v1/rollbacks/:event_id/override',
    {
      schema: {
        operationId: 'overrideRollback',
        summary: 'Override the constitution’s refusal, naming every violation',
        description:
          'A new request that names the refused one: evidence is gathered again. Answers with the new event.',
        tags: ['rollbacks'],
        security: keyed,
        headers: commandHeaders,
        params: rollbackParams,
        body: overrideRequest,
        response: {
          202: answer(
            'The new rollback is accepted; follow it at `/v1/rollbacks/{event_id}`.',
            executeRollbackResponse,
          ),
          ...failures(
            'unknown_user',
            'rollback_not_found',
            'ambiguous_rollback',
            'override_incomplete',
            'override_not_covering',
            'not_overridable',
            'deployment_not_live',
            'rollback_in_progress',
            'already_decided',
            'superseded',
            'idempotency_conflict',
            'payload_too_large',
          ),
        },
      },
    },
    async ({ params, body, headers }, reply) => {
      const started = await control.override(params.event_id, body, callOf(body, headers))
      return reply.code(202).header('location', `/v1/rollbacks/${started.event_id}`).send(started)
    },
  )
}
