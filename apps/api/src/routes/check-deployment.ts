import { checkRequest, checkResponse } from '@roman/contracts/schemas'
import type { Route } from '../app.ts'
import { answer, failures, keyed } from '../route-schema.ts'

export const checkDeployment: Route = (app, { control }) => {
  app.post(
    '/auto-rollback/check',
    {
      schema: {
        operationId: 'checkDeployment',
        summary: 'Does this deployment need a rollback?',
        description: 'Looks and changes nothing. Also at `/functions/v1/auto-rollback/check`.',
        tags: ['rollbacks'],
        security: keyed,
        body: checkRequest,
        response: {
          200: answer('The verdict, and the health it rests on.', checkResponse),
          ...failures('unknown_service', 'ambiguous_deployment', 'deployment_not_found', 'payload_too_large'),
        },
      },
    },
    (request) => control.checkDeployment(request.body),
  )
}
