import { ERRORS, type ErrorCode } from '@roman/contracts'
import {
  deploymentRef,
  environmentName,
  errorBody,
  idempotencyKey,
  rollbackRef,
  serviceName,
} from '@roman/contracts/schemas'
import { z } from 'zod'

interface Response<Schema extends z.ZodType> {
  description: string
  content: { 'application/json': { schema: Schema } }
}

/** One answer of a route, as OpenAPI wants it. */
export const answer = <Schema extends z.ZodType>(description: string, schema: Schema): Response<Schema> => ({
  description,
  content: { 'application/json': { schema } },
})

/** The error answers of a route that takes a key, by status, from the codes it can give beside those any route can. */
export function failures(...codes: ErrorCode[]): Record<number, Response<typeof errorBody>> {
  const byStatus = new Map<number, ErrorCode[]>()
  const all: ErrorCode[] = ['invalid_request', 'unauthorized', ...codes, 'internal_error', 'database_unavailable']
  for (const code of new Set(all)) {
    const { status } = ERRORS[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, list]) => [status, answer(describeCodes(list), errorBody)] as const),
  )
}

export const describeCodes = (codes: readonly ErrorCode[]): string =>
  codes.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join('\n\n')

/** Loose, since the validated headers replace the request's own. */
export const commandHeaders = z.looseObject({
  'idempotency-key': idempotencyKey
    .optional()
    .describe('The same key with the same body is the same request, however often it is sent.'),
})

export const deploymentParams = z.object({
  id: deploymentRef.describe('A deployment’s uuid, a unique prefix of it, or its version.'),
})

/** Where to look for a deployment, needed only where a version is given and fits several. */
export const whereQuery = z.strictObject({ service: serviceName.optional(), environment: environmentName.optional() })

/** Of routes that say nothing of parameters. One that is ignored would have something else answered than was asked. */
export const noQuery = z.strictObject({})

export const rollbackParams = z.object({
  event_id: rollbackRef.describe('The rollback’s event id, or a unique prefix of it.'),
})

/** OpenAPI's word for "takes the service key". */
export const keyed = [{ serviceKey: [] as string[] }]
