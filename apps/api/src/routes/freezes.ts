import { freezeRequest, freezeResponse, listFreezesResponse, unfreezeResponse } from '@roman/contracts/schemas'
import { callOf } from '../actor.ts'
import type { Route } from '../app.ts'
import { answer, commandHeaders, failures, keyed } from '../route-schema.ts'

export const freezes: Route = (app, { control }) => {
  app.post(
    '/v1/freezes',
    {
      schema: {
        operationId: 'freeze',
        tags: ['brake'],
        summary: 'Freeze a service, an environment, or everything',
        description: 'Intents are refused and automatic rollbacks ask people instead. People can still act.',
        security: keyed,
        headers: commandHeaders,
        body: freezeRequest,
        response: {
          201: answer('Frozen now.', freezeResponse),
          200: answer('It was frozen already.', freezeResponse),
          ...failures('unknown_service', 'unknown_environment', 'unknown_user', 'payload_too_large'),
        },
      },
    },
    async (request, reply) => {
      const { created, body } = await control.freeze(request.body, callOf(request.body, request.headers))
      return reply.code(created ? 201 : 200).send(body)
    },
  )
  app.post(
    '/v1/unfreeze',
    {
      schema: {
        operationId: 'unfreeze',
        tags: ['brake'],
        summary: 'Lift the freeze that names exactly this service and environment',
        security: keyed,
        headers: commandHeaders,
        body: freezeRequest,
        response: {
          200: answer('How many freezes were lifted: 0 or 1.', unfreezeResponse),
          ...failures('unknown_user', 'payload_too_large'),
        },
      },
    },
    async (request) => control.unfreeze(request.body, callOf(request.body, request.headers)),
  )
  app.get(
    '/v1/freezes',
    {
      schema: {
        operationId: 'listFreezes',
        tags: ['brake'],
        summary: 'What is frozen now',
        security: keyed,
        response: { 200: answer('Active freezes.', listFreezesResponse), ...failures() },
      },
    },
    async () => control.listFreezes(),
  )
}
