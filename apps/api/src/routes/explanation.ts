import { explanationResponse } from '@roman/contracts/schemas'
import type { Route } from '../app.ts'
import { answer, deploymentParams, failures, keyed, rollbackParams, whereQuery } from '../route-schema.ts'

export const explanation: Route = (app, { control }) => {
  app.get(
    '/v1/deployments/:id/explanation',
    {
      schema: {
        operationId: 'explainDeployment',
        tags: ['deployments'],
        summary: 'Why it was, or was not, rolled back',
        description: 'Told from stored data alone, by the thresholds that were in force then.',
        security: keyed,
        params: deploymentParams,
        querystring: whereQuery,
        response: {
          200: answer('The whole account, in order.', explanationResponse),
          ...failures('deployment_not_found', 'ambiguous_deployment'),
        },
      },
    },
    async (request) =>
      control.explainDeployment(request.params.id, request.query as { service?: string; environment?: string }),
  )
  app.get(
    '/v1/rollbacks/:event_id/explanation',
    {
      schema: {
        operationId: 'explainRollback',
        tags: ['rollbacks'],
        summary: 'Why the rollback’s deployment was, or was not, rolled back',
        security: keyed,
        params: rollbackParams,
        response: {
          200: answer('The whole account, in order.', explanationResponse),
          ...failures('rollback_not_found', 'ambiguous_rollback'),
        },
      },
    },
    async (request) => control.explainRollback(request.params.event_id),
  )
}
