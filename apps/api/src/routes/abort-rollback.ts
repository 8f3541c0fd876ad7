import { abortRequest, abortResponse } from '@roman/contracts/schemas'
import { callOf } from '../actor.ts'
import type { Route } from '../app.ts'
import { answer, commandHeaders, failures, keyed, rollbackParams } from '../route-schema.ts'

export const abortRollback: Route = (app, { control }) => {
  app.post(
    '/v1/rollbacks/:event_id/abort',
    {
      schema: {
        operationId: 'abortRollback',
        summary: 'Stop a rollback that is not live yet',
        tags: ['rollbacks'],
        security: keyed,
        headers: commandHeaders,
        params: rollbackParams,
        body: abortRequest,
        response: {
          200: answer('The rollback was told to stop.', abortResponse),
          ...failures(
            'unknown_user',
            'rollback_not_found',
            'ambiguous_rollback',
            'already_decided',
            'abort_too_late',
            'nothing_waiting',
            'payload_too_large',
            'temporal_unavailable',
          ),
        },
      },
    },
    ({ params, body, headers }) => control.abort(params.event_id, body, callOf(body, headers)),
  )
}
