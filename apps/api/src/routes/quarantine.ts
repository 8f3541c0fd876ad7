import { listQuarantineResponse, releaseRequest, releaseResponse } from '@roman/contracts/schemas'
import { callOf } from '../actor.ts'
import type { Route } from '../app.ts'
import { answer, commandHeaders, failures, keyed } from '../route-schema.ts'

export const quarantine: Route = (app, { control }) => {
  app.get(
    '/v1/quarantine',
    {
      schema: {
        operationId: 'listQuarantine',
        tags: ['brake'],
        summary: 'Commits that may not go live',
        security: keyed,
        response: { 200: answer('Held and quarantined commits, newest first.', listQuarantineResponse), ...failures() },
      },
    },
    async () => control.listQuarantine(),
  )
  app.post(
    '/v1/quarantine/release',
    {
      schema: {
        operationId: 'releaseQuarantine',
        tags: ['brake'],
        summary: 'Let a commit that was rolled back be deployed again',
        security: keyed,
        headers: commandHeaders,
        body: releaseRequest,
        response: {
          200: answer('How many entries were released.', releaseResponse),
          ...failures('unknown_service', 'unknown_environment', 'unknown_user', 'payload_too_large'),
        },
      },
    },
    async (request) => control.releaseQuarantine(request.body, callOf(request.body, request.headers)),
  )
}
