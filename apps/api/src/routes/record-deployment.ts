import { recordDeploymentRequest, recordDeploymentResponse } from '@roman/contracts/schemas'
import { callOf } from '../actor.ts'
import type { Route } from '../app.ts'
import { answer, commandHeaders, failures, keyed } from '../route-schema.ts'

export const recordDeployment: Route = (app, { control }) => {
  app.post(
    '/v1/deployments',
    {
      schema: {
        operationId: 'recordDeployment',
        summary: 'Record a deployment and start its guard',
        description:
          'Status `in_progress` (the default) says that it is live. `pending` announces it before the switch: it takes the fence, the snapshot and the baseline, and may be refused; a PATCH then says that it is live.',
        tags: ['deployments'],
        security: keyed,
        headers: commandHeaders,
        body: recordDeploymentRequest,
        response: {
          201: answer('Recorded.', recordDeploymentResponse),
          200: answer('The same deployment was recorded before.', recordDeploymentResponse),
          ...failures(
            'unknown_service',
            'unknown_environment',
            'unknown_user',
            'deployment_conflict',
            'idempotency_conflict',
            'rollback_in_progress',
            'commit_quarantined',
            'environment_frozen',
            'payload_too_large',
          ),
        },
      },
    },
    async (request, reply) => {
      const { created, body } = await control.recordDeployment(request.body, callOf(request.body, request.headers))
      return reply
        .code(created ? 201 : 200)
        .header('location', `/v1/deployments/${body.deployment_id}`)
        .send(body)
    },
  )
}
