import { listDeploymentsQuery, listDeploymentsResponse } from '@roman/contracts/schemas'
import type { Route } from '../app.ts'
import { answer, failures, keyed } from '../route-schema.ts'

export const listDeployments: Route = (app, { control }) => {
  app.get(
    '/v1/deployments',
    {
      schema: {
        operationId: 'listDeployments',
        summary: 'Deployments with their health and guard, newest first',
        description: '`live=true` lists only what is live, one per service and environment.',
        tags: ['deployments'],
        security: keyed,
        querystring: listDeploymentsQuery,
        response: { 200: answer('The deployments.', listDeploymentsResponse), ...failures() },
      },
    },
    (request) => control.listDeployments(request.query),
  )
}
