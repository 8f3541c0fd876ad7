import { deploymentView } from '@roman/contracts/schemas'
import type { Route } from '../app.ts'
import { answer, deploymentParams, failures, keyed, whereQuery } from '../route-schema.ts'

export const showDeployment: Route = (app, { control }) => {
  app.get(
    '/v1/deployments/:id',
    {
      schema: {
        operationId: 'showDeployment',
        summary: 'A deployment with its health and its guard',
        tags: ['deployments'],
        security: keyed,
        params: deploymentParams,
        querystring: whereQuery,
        response: {
          200: answer('The deployment.', deploymentView),
          ...failures('ambiguous_deployment', 'deployment_not_found'),
        },
      },
    },
    ({ params, query: { service, environment } }) =>
      control.showDeployment(params.id, { ...(service && { service }), ...(environment && { environment }) }),
  )
}
