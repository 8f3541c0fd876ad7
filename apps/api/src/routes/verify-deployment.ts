import { reasonRequest, verifyResponse } from '@roman/contracts/schemas'
import { callOf } from '../actor.ts'
import type { Route } from '../app.ts'
import { answer, commandHeaders, deploymentParams, failures, keyed } from '../route-schema.ts'

export const verifyDeployment: Route = (app, { control }) => {
  app.post(
    '/v1/deployments/:id/verify',
    {
      schema: {
        operationId: 'verifyDeployment',
        summary: 'Mark a deployment known-good by a person’s word',
        tags: ['deployments'],
        security: keyed,
        headers: commandHeaders,
        params: deploymentParams,
        body: reasonRequest,
        response: {
          200: answer('It is known-good now.', verifyResponse),
          ...failures(
            'unknown_user',
            'ambiguous_deployment',
            'deployment_not_found',
            'not_verifiable',
            'already_decided',
            'payload_too_large',
          ),
        },
      },
    },
    ({ params, body, headers }) => control.verify(params.id, body, callOf(body, headers)),
  )
}
