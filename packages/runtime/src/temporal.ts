import { SEARCH_ATTRIBUTES, TASK_QUEUES, type TaskQueues } from '@roman/contracts'
import {
  Client,
  Connection,
  defaultGrpcRetryOptions,
  isGrpcServiceError,
  makeGrpcRetryInterceptor,
} from '@temporalio/client'
import { cancelledOnceClosed, type Interceptor } from './closed-channel.ts'
import type { RuntimeEnv } from './env.ts'
import type { Logger } from './logger.ts'

export interface TemporalSettings {
  address: string
  namespace: string
  api_key: string | undefined
  tls: boolean
}

const INDEXED_VALUE_TYPE_KEYWORD = 2
/** gRPC status codes. */
const UNAVAILABLE = new Set([1, 4, 8, 14])
const ALREADY_EXISTS = 6

const RETRIES = defaultGrpcRetryOptions()
/** What an attempt may need: one that begins later ends with the deadline, whatever is wrong. */
const ATTEMPT_MS = 500

/** The client's own retries, but none that could only come too late: the answer is then what the server said, or its absence. */
const retriedUntilDeadline: Interceptor = (options, nextCall) => {
  const until = Number(options.deadline ?? Number.POSITIVE_INFINITY)
  let delayMs = 0
  return makeGrpcRetryInterceptor({
    retryableDecider(attempt, status) {
      // With jitter in it: another one would be another delay.
      delayMs = RETRIES.delayFunction(attempt, status)
      return RETRIES.retryableDecider(attempt, status) && Date.now() + delayMs + ATTEMPT_MS < until
    },
    delayFunction: () => delayMs,
  })(options, nextCall)
}

/** Connects lazily: a Temporal that is away at start does not stop a process that can queue. */
export const openTemporal = (settings: TemporalSettings): { client: Client; connection: Connection } => {
  const connection = Connection.lazy({
    address: settings.address,
    interceptors: [retriedUntilDeadline, cancelledOnceClosed],
    ...(settings.tls ? { tls: true } : {}),
    ...(settings.api_key === undefined ? {} : { apiKey: settings.api_key }),
  })
  return { connection, client: new Client({ connection, namespace: settings.namespace }) }
}

export const taskQueues = (env: Pick<RuntimeEnv, 'task_queue_prefix'>): TaskQueues => ({
  main: env.task_queue_prefix + TASK_QUEUES.main,
  monitor: env.task_queue_prefix + TASK_QUEUES.monitor,
  discord: env.task_queue_prefix + TASK_QUEUES.discord,
})

/** True where Temporal cannot be reached now, as opposed to having said no. */
export const isTemporalUnavailable = (error: unknown, depth = 0): boolean => {
  if (isGrpcServiceError(error)) return UNAVAILABLE.has(error.code as number)
  if (!(error instanceof Error) || depth > 5) return false
  return (
    /Failed to connect|ECONNREFUSED|deadline exceeded/i.test(error.message) ||
    isTemporalUnavailable(error.cause, depth + 1)
  )
}

/** The client would go on trying for some 20 s, longer than anybody who waits for it wants to know. */
const REGISTER_MS = 2_000

/**
 * Registers our search attributes where they are missing. False where that is not allowed: everything then works, only
 * the Web UI's list cannot be filtered by them.
 */
export const registerSearchAttributes = async (
  connection: Connection,
  namespace: string,
  log: Logger,
): Promise<boolean> => {
  const { operatorService } = connection
  const register = async (): Promise<true> => {
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace })
    const missing = Object.values(SEARCH_ATTRIBUTES).filter((name) => customAttributes?.[name] === undefined)
    if (missing.length > 0) {
      await operatorService.addSearchAttributes({
        namespace,
        searchAttributes: Object.fromEntries(missing.map((name) => [name, INDEXED_VALUE_TYPE_KEYWORD])),
      })
    }
    return true
  }
  try {
    return await connection.withDeadline(Date.now() + REGISTER_MS, register)
  } catch (error) {
    if (isTemporalUnavailable(error)) throw error
    // Two workers that start together both find them missing; the second is told that they exist.
    if (isGrpcServiceError(error) && (error.code as number) === ALREADY_EXISTS) return true
    log.warn(
      { reason: (error as Error).message },
      'Search attributes could not be registered; the Web UI cannot filter by them',
    )
    return false
  }
}
