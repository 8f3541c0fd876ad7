import { decisionResponse, reasonRequest } from '@roman/contracts/schemas'
import { callOf } from '../actor.ts'
import type { Route } from '../app.ts'
import { answer, commandHeaders, deploymentParams, failures, keyed } from '../route-schema.ts'

const DECISIONS = {
  approve: 'Approve the rollback that waits for people',
  reject: 'Reject the rollback that waits for people; the guard watches on',
} as const

/** Two calls with one shape: a person's yes or no. */
export const decideDeployment: Route = (app, { control }) => {
  for (const decision of ['approve', 'reject'] as const) {
    app.post(
      `/v1/deployments/:id/${decision}`,
      {
        schema: {
          operationId: `${decision}Deployment`,
          summary: DECISIONS[decision],
          tags: ['deployments'],
          security: keyed,
          headers: commandHeaders,
          params: deploymentParams,
          body: reasonRequest,
          response: {
            200: answer('Decided. `event_id` names the rollback that it started, if any.', decisionResponse),
            ...failures(
              'unknown_user',
              'ambiguous_deployment',
              'deployment_not_found',
              'nothing_waiting',
              'already_decided',
              'not_overridable',
              'superseded',
              'payload_too_large',
              'temporal_unavailable',
            ),
          },
        },
      },
      ({ params, body, headers }) => control[decision](params.id, body, callOf(body, headers)),
    )
  }
}
