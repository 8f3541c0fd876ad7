import { RomanError } from '@roman/contracts'
import { z } from 'zod'
import type { Route } from '../app.ts'
import { answer, failures, keyed } from '../route-schema.ts'

const check = z.object({ ok: z.boolean(), detail: z.string() })
const readiness = z.object({
  ready: z.boolean(),
  checks: z.object({ database: check, migrations: check, temporal: check }),
})

export const readyz: Route = (app, { control }) => {
  app.get(
    '/readyz',
    {
      schema: {
        operationId: 'readyz',
        summary: 'Does everything the API needs answer?',
        description: 'On 503, `details.checks` says what answers and what does not.',
        tags: ['health'],
        security: keyed,
        response: { 200: answer('Everything answers.', readiness), ...failures('temporal_unavailable') },
      },
    },
    async () => {
      const { ready, checks } = await control.readiness()
      if (ready) return { ready, checks }
      const away = Object.entries(checks).filter(([, { ok }]) => !ok)
      const code = checks.database.ok && checks.migrations.ok ? 'temporal_unavailable' : 'database_unavailable'
      const facts = away.map(([name, { detail }]) => `${name}: ${detail}`).join('; ')
      throw new RomanError(code, `Not ready. ${facts}`, { ready, checks })
    },
  )
}
