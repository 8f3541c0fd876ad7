import { z } from 'zod'
import type { Route } from '../app.ts'
import { answer } from '../route-schema.ts'

/** Open: says that the process answers, and nothing else. */
export const healthz: Route = (app) => {
  app.get(
    '/healthz',
    {
      schema: {
        operationId: 'healthz',
        summary: 'Is the API alive?',
        description: 'Open; needs no key. Says nothing of PostgreSQL or Temporal: `/readyz` does.',
        tags: ['health'],
        response: { 200: answer('It is.', z.object({ status: z.literal('ok') })) },
      },
    },
    async () => ({ status: 'ok' as const }),
  )
}
