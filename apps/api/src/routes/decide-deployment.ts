import { decisionResponse, reasonRequest } from '@roman/contracts/schemas'
import { callOf } from '../actor.ts'
import type { Route } from '../app.ts'
import { answer, commandHeaders, deploymentParams, failures, keyed } from '../route-schema.ts'

const DECISIONS = {
  approve: {
    summary: 'Approve the rollback that waits for people',
    // Also what keeps the rollback from being requested, or the deployment from being marked verified.
    codes: ['constitutional_rejection', 'deployment_not_live', 'rollback_in_progress', 'not_verifiable'],
  },
  reject: { summary: 'Reject the rollback that waits for people; the guard watches on', codes: [] },
} as const

/** Two calls with one shape: a person's yes or no. */
export const decideDeployment: Route = (app, { control }) => {
  for (const decision of ['approve', 'reject'] as const) {
    app.post(
      `/v1/deployments/:id/${decision}`,
      {
        schema: {
          operationId: `${decision}Deployment`,
          summary: DECISIONS[decision].summary,
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
              'superseded',
              ...DECISIONS[decision].codes,
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
