import { auditAnchor, auditVerification, auditVerificationQuery } from '@roman/contracts/schemas'
import type { Route } from '../app.ts'
import { answer, failures, keyed } from '../route-schema.ts'

export const audit: Route = (app, { control }) => {
  app.get(
    '/v1/audit/verification',
    {
      schema: {
        operationId: 'verifyAudit',
        tags: ['audit'],
        summary: 'Is the audit trail as it was sealed?',
        description:
          'Reads every event and every seal. `valid: false` with the findings is an answer, too. `complete: false` where the time was too short: then `roman audit verify` says. One verification at a time.',
        security: keyed,
        querystring: auditVerificationQuery,
        response: { 200: answer('What was found.', auditVerification), ...failures('too_many_requests') },
      },
    },
    async (request) => control.verifyAudit(request.query),
  )
  app.get(
    '/v1/audit/anchor',
    {
      schema: {
        operationId: 'auditAnchor',
        tags: ['audit'],
        summary: 'The head of the chain, to be kept elsewhere',
        security: keyed,
        response: { 200: answer('The last seal.', auditAnchor), ...failures() },
      },
    },
    async () => control.auditAnchor(),
  )
}
