import { ingestErrorsRequest, ingestErrorsResponse } from '@roman/contracts/schemas'
import type { Route } from '../app.ts'
import { answer, failures, keyed } from '../route-schema.ts'

export const ingestErrors: Route = (app, { control }) => {
  app.post(
    '/v1/errors',
    {
      schema: {
        operationId: 'ingestErrors',
        summary: 'Report errors in a batch',
        description:
          'Each row is `{service?, environment, severity, message, deployment_id?, version?, source?, occurred_at?, idempotency_key?, metadata?}`. A bad row is named in `rejected`, by its index, and does not lose the others.',
        tags: ['health'],
        security: keyed,
        body: ingestErrorsRequest,
        response: {
          202: answer('The good rows are stored.', ingestErrorsResponse),
          ...failures('payload_too_large', 'too_many_requests'),
        },
      },
    },
    async (request, reply) => reply.code(202).send(await control.ingestErrors(request.body.errors)),
  )
}
