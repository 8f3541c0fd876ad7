import {
  actorView,
  addActorRequest,
  listActorsResponse,
  removeActorRequest,
  removeActorResponse,
} from '@roman/contracts/schemas'
import { callOf } from '../actor.ts'
import type { Route } from '../app.ts'
import { answer, commandHeaders, failures, keyed } from '../route-schema.ts'

export const actors: Route = (app, { control }) => {
  app.get(
    '/v1/actors',
    {
      schema: {
        operationId: 'listActors',
        tags: ['people'],
        summary: 'Which Discord member or CI identity is which user',
        security: keyed,
        response: { 200: answer('Everybody who is known.', listActorsResponse), ...failures() },
      },
    },
    async () => control.listActors(),
  )
  app.post(
    '/v1/actors',
    {
      schema: {
        operationId: 'addActor',
        tags: ['people'],
        summary: 'Say which user a Discord member or CI identity is',
        description: 'From then on what that identity does is done by that user; what it did before stays as it was.',
        security: keyed,
        headers: commandHeaders,
        body: addActorRequest,
        response: {
          201: answer('Known now.', actorView),
          200: answer('It was known already.', actorView),
          ...failures('unknown_user', 'actor_conflict'),
        },
      },
    },
    async (request, reply) => {
      const { created, body } = await control.addActor(request.body, callOf(request.body, request.headers))
      return reply.code(created ? 201 : 200).send(body)
    },
  )
  app.post(
    '/v1/actors/remove',
    {
      schema: {
        operationId: 'removeActor',
        tags: ['people'],
        summary: 'Let a Discord member or CI identity be no user any more',
        security: keyed,
        headers: commandHeaders,
        body: removeActorRequest,
        response: { 200: answer('How many were removed: 0 or 1.', removeActorResponse), ...failures('unknown_user') },
      },
    },
    async (request) => control.removeActor(request.body, callOf(request.body, request.headers)),
  )
}
