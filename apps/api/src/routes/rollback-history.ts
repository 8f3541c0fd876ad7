import { historyQuery, historyResponse } from '@roman/contracts/schemas'
import type { Route } from '../app.ts'
import { answer, failures, keyed } from '../route-schema.ts'

export const rollbackHistory: Route = (app, { control }) => {
  app.get(
    '/auto-rollback/history',
    {
      schema: {
        operationId: 'rollbackHistory',
        summary: 'The latest rollbacks, newest first',
        description: 'Refused ones are in it too (status `aborted`). Also at `/functions/v1/auto-rollback/history`.',
        tags: ['rollbacks'],
        security: keyed,
        querystring: historyQuery,
        response: { 200: answer('The rollbacks.', historyResponse), ...failures('rollback_not_found') },
      },
    },
    (request) => control.history(request.query),
  )
}
