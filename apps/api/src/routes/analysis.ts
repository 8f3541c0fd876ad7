import { backtestRequest, backtestResponse, thresholdsQuery, thresholdsResponse } from '@roman/contracts/schemas'
import type { Route } from '../app.ts'
import { answer, failures, keyed } from '../route-schema.ts'

export const analysis: Route = (app, { control }) => {
  app.post(
    '/v1/backtests',
    {
      schema: {
        operationId: 'backtest',
        tags: ['analysis'],
        summary: 'What other rules would have done over the past',
        description:
          'Replays stored samples and errors through the code that guards deployments, beside today’s rules.',
        security: keyed,
        body: backtestRequest,
        response: {
          200: answer('More or fewer rollbacks, which, and how much earlier.', backtestResponse),
          ...failures('unknown_service', 'unknown_environment', 'payload_too_large'),
        },
      },
    },
    async (request) => control.backtest(request.body),
  )
  app.get(
    '/v1/thresholds',
    {
      schema: {
        operationId: 'thresholds',
        tags: ['analysis'],
        summary: 'The rules in force, and how often they would cry wolf',
        security: keyed,
        querystring: thresholdsQuery,
        response: {
          200: answer('Rules, noise per rule, and a warning where it is too much.', thresholdsResponse),
          ...failures('unknown_service', 'unknown_environment'),
        },
      },
    },
    async (request) => control.thresholds(request.query),
  )
}
