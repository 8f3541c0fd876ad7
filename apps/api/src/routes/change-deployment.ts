import { changeDeploymentRequest, recordDeploymentResponse } from '@roman/contracts/schemas'
import { callOf } from '../actor.ts'
import type { Route } from '../app.ts'
import { answer, commandHeaders, deploymentParams, failures, keyed } from '../route-schema.ts'

export const changeDeployment: Route = (app, { control }) => {
  app.patch(
    '/v1/deployments/:id',
    {
      schema: {
        operationId: 'changeDeployment',
        summary: 'Say that an announced deployment is live, or that it failed',
        tags: ['deployments'],
        security: keyed,
        headers: commandHeaders,
        params: deploymentParams,
        body: changeDeploymentRequest,
        response: {
          200: answer('Changed, or so already.', recordDeploymentResponse),
          ...failures(
            'ambiguous_deployment',
            'deployment_not_found',
            'illegal_transition',
            'superseded',
            'payload_too_large',
          ),
        },
      },
    },
    ({ params, body, headers }) => control.changeDeployment(params.id, body, callOf(body, headers)),
  )
}
