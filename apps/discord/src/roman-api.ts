import { type DeploymentView, ERRORS, type ErrorCode, type RollbackView, RomanError } from '@roman/contracts'
import { createRomanClient, RomanApiError, RomanConnectionError } from '@roman/sdk'
import { type RomanApi, RomanUnreachable } from './ports.ts'

/** R.O.M.A.N.'s API through the SDK, which repeats what may be repeated when the API restarts under it. */
export const createRomanApi = (options: { url: string; key: string }): RomanApi => {
  const client = createRomanClient(options)
  return {
    showDeployment: (ref, where) => told(client.showDeployment(ref, where) as Promise<DeploymentView>),
    showRollback: (eventId) => told(client.showRollback(eventId) as Promise<RollbackView>),
    approve: (id, body, idempotencyKey) => told(client.approve(id, body, { idempotencyKey })),
    reject: (id, body, idempotencyKey) => told(client.reject(id, body, { idempotencyKey })),
    startRollback: async (body, idempotencyKey) => {
      const { body: answer } = await told(client.executeRollback(body, { idempotencyKey, waitSeconds: 0 }))
      return { event_id: answer.event_id }
    },
    override: (eventId, body, idempotencyKey) => told(client.override(eventId, body, { idempotencyKey })),
  }
}

const told = async <T>(call: Promise<T>): Promise<T> => {
  try {
    return await call
  } catch (error) {
    if (error instanceof RomanConnectionError) throw new RomanUnreachable(error.message, { cause: error })
    if (!(error instanceof RomanApiError)) throw error
    const code = error.code in ERRORS ? (error.code as ErrorCode) : 'internal_error'
    throw new RomanError(code, error.message, error.details, { cause: error })
  }
}
