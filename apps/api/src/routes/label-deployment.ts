import { labelRequest, labelResponse } from '@roman/contracts/schemas'
import { callOf } from '../actor.ts'
import type { Route } from '../app.ts'
import { answer, commandHeaders, deploymentParams, failures, keyed } from '../route-schema.ts'

export const labelDeployment: Route = (app, { control }) => {
  app.post(
    '/v1/deployments/:id/label',
    {
      schema: {
        operationId: 'labelDeployment',
        tags: ['deployments'],
        summary: 'Say whether the guard was right about a deployment',
        description: 'Append-only; the newest word counts. Backtests compute precision and recall from it.',
        security: keyed,
        headers: commandHeaders,
        params: deploymentParams,
        body: labelRequest,
        response: {
          200: answer('Kept.', labelResponse),
          ...failures('deployment_not_found', 'ambiguous_deployment', 'unknown_user', 'payload_too_large'),
        },
      },
    },
    async (request) => control.label(request.params.id, request.body, callOf(request.body, request.headers)),
  )
}
