import { summaryResponse } from '@roman/contracts/schemas'
import type { Route } from '../app.ts'
import { answer, failures, keyed } from '../route-schema.ts'

export const summary: Route = (app, { control }) => {
  app.get(
    '/v1/summary',
    {
      schema: {
        operationId: 'summary',
        summary: 'The five figures of the dashboard',
        tags: ['health'],
        security: keyed,
        response: { 200: answer('The figures now.', summaryResponse), ...failures() },
      },
    },
    () => control.summary(),
  )
}
