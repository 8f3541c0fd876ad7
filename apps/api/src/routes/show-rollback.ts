import { rollbackView } from '@roman/contracts/schemas'
import type { Route } from '../app.ts'
import { answer, failures, keyed, rollbackParams } from '../route-schema.ts'

export const showRollback: Route = (app, { control }) => {
  app.get(
    '/v1/rollbacks/:event_id',
    {
      schema: {
        operationId: 'showRollback',
        summary: 'A rollback with its steps, measured segments and the laws’ answers',
        tags: ['rollbacks'],
        security: keyed,
        params: rollbackParams,
        response: {
          200: answer('The rollback.', rollbackView),
          ...failures('rollback_not_found', 'ambiguous_rollback'),
        },
      },
    },
    (request) => control.showRollback(request.params.event_id),
  )
}
