import {
  type AnnounceInput,
  type GuardInput,
  type RollbackInput,
  RomanError,
  SEARCH_ATTRIBUTES,
  type TaskQueues,
  WORKFLOWS,
  type WorkflowEnvironment,
  type WorkflowTimings,
} from '@roman/contracts'
import { isTemporalUnavailable } from '@roman/runtime'
import {
  type Client,
  type Connection,
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowIdConflictPolicy,
  type WorkflowIdReusePolicy,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client'
import {
  ApplicationFailure,
  defineSearchAttributeKey,
  SearchAttributeType,
  type TypedSearchAttributes,
} from '@temporalio/common'

/** What every workflow is started with. */
export interface WorkflowSettings {
  task_queues: TaskQueues
  timings: WorkflowTimings
}

/** What an outbox row asks for: everything of the workflow's input but the worker's own settings. */
export type StartRequest =
  | { kind: 'guard'; workflow_id: string; input: Omit<GuardInput, keyof WorkflowEnvironment> }
  | { kind: 'rollback'; workflow_id: string; input: Omit<RollbackInput, keyof WorkflowEnvironment> }
  | { kind: 'announce'; workflow_id: string; input: Omit<AnnounceInput, keyof WorkflowEnvironment> }

/** All that the use-cases ask of Temporal. Every call is bounded. */
export interface TemporalGateway {
  /** Starts the workflow unless it was started before. Throws when Temporal is away. */
  start(request: StartRequest): Promise<void>
  /** Sends an update and waits for its answer. Throws `RomanError`: `temporal_unavailable`, the refusal's own code, or `nothing_waiting`. */
  update<Answer>(workflowId: string, name: string, updateId: string, argument: unknown): Promise<Answer>
  /** Delivers a signal; a workflow that is not running any more is no error. */
  signal(workflowId: string, name: string, argument: unknown): Promise<void>
  /** `absent` only when Temporal itself says so; throws when it is away. */
  state(workflowId: string): Promise<'running' | 'closed' | 'absent'>
  /** Throws when Temporal is away. */
  ping(): Promise<void>
}

const START_TIMEOUT_MS = 2_000
const UPDATE_TIMEOUT_MS = 15_000
const INVALID_ARGUMENT = 3
const ONE_DAY = '24 hours'

const WORKFLOW_TYPES = {
  guard: WORKFLOWS.guardDeployment,
  rollback: WORKFLOWS.rollbackDeployment,
  announce: WORKFLOWS.announce,
} as const

const keyword = (name: string) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD)

/** Shown in the Web UI's list and head, without opening the history. */
const describe = (request: StartRequest): { summary: string; details: string } => {
  switch (request.kind) {
    case 'guard':
      return {
        summary: `Guards ${request.input.service} ${request.input.version} in ${request.input.environment}`,
        details: `Deployment \`${request.input.deployment_id}\`; mode **${request.input.policy.mode}**; window ${request.input.policy.watch.window_seconds} s.`,
      }
    case 'rollback':
      return {
        summary: `Rolls back ${request.input.service} ${request.input.version} in ${request.input.environment}`,
        details: `Deployment \`${request.input.deployment_id}\`, ${request.input.trigger_type}.`,
      }
    case 'announce':
      return { summary: 'Tells people', details: `Announcement \`${request.input.announcement_id}\`.` }
  }
}

export const createTemporalGateway = (
  client: Client,
  connection: Connection,
  settings: WorkflowSettings,
  searchAttributesReady: () => boolean,
): TemporalGateway => {
  const bounded = <T>(timeoutMs: number, call: () => Promise<T>): Promise<T> =>
    connection.withDeadline(Date.now() + timeoutMs, call)

  const ping = async (): Promise<void> => {
    await bounded(START_TIMEOUT_MS, () => connection.workflowService.getSystemInfo({}))
  }

  const startWith = async (request: StartRequest, searchAttributes: boolean): Promise<void> => {
    const { summary, details } = describe(request)
    const attributes: TypedSearchAttributes | undefined | { key: ReturnType<typeof keyword>; value: string }[] =
      searchAttributes && request.kind !== 'announce'
        ? [
            { key: keyword(SEARCH_ATTRIBUTES.service), value: request.input.service },
            { key: keyword(SEARCH_ATTRIBUTES.environment), value: request.input.environment },
            { key: keyword(SEARCH_ATTRIBUTES.deployment), value: request.input.deployment_id },
            { key: keyword(SEARCH_ATTRIBUTES.phase), value: request.kind === 'guard' ? 'watching' : 'validating' },
          ]
        : undefined
    await client.workflow.start(WORKFLOW_TYPES[request.kind], {
      workflowId: request.workflow_id,
      taskQueue: settings.task_queues.main,
      args: [{ ...request.input, ...settings, search_attributes: searchAttributes }],
      staticSummary: summary,
      staticDetails: details,
      // One workflow per id for ever: a second start is the same start, also after the first has closed.
      workflowIdReusePolicy: 'REJECT_DUPLICATE' satisfies WorkflowIdReusePolicy,
      workflowIdConflictPolicy: 'FAIL' satisfies WorkflowIdConflictPolicy,
      workflowExecutionTimeout: request.kind === 'announce' ? ONE_DAY : '48 hours',
      ...(attributes === undefined ? {} : { typedSearchAttributes: attributes as never }),
    })
  }

  return {
    async start(request) {
      try {
        await bounded(START_TIMEOUT_MS, async () => {
          try {
            await startWith(request, searchAttributesReady())
          } catch (error) {
            // Just registered, and not yet known to every part of the server: worth less than the start.
            const unknownAttribute =
              isGrpcServiceError((error as Error).cause ?? error) &&
              /search attribute/i.test(
                `${(error as Error).message} ${((error as Error).cause as Error | undefined)?.message ?? ''}`,
              )
            if (!unknownAttribute) throw error
            await startWith(request, false)
          }
        })
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
      }
    },

    async update<Answer>(workflowId: string, name: string, updateId: string, argument: unknown): Promise<Answer> {
      try {
        // A person who acts is told at once that Temporal is away; an update itself may take its time.
        await ping()
        return await bounded(UPDATE_TIMEOUT_MS, () =>
          client.workflow.getHandle(workflowId).executeUpdate<Answer, [unknown]>(name, { updateId, args: [argument] }),
        )
      } catch (error) {
        throw asRomanError(error, workflowId)
      }
    },

    async signal(workflowId, name, argument) {
      try {
        await bounded(START_TIMEOUT_MS, () => client.workflow.getHandle(workflowId).signal(name, argument))
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error
      }
    },

    async state(workflowId) {
      try {
        const { status } = await bounded(START_TIMEOUT_MS, () => client.workflow.getHandle(workflowId).describe())
        return status.name === 'RUNNING' ? 'running' : 'closed'
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return 'absent'
        throw error
      }
    },

    ping,
  }
}

/** Beneath the update's failure, and the activity's where the gate is the activity's. */
const applicationFailureOf = (error: Error): ApplicationFailure | null => {
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof ApplicationFailure) return cause
  }
  return null
}

/** The refusal of a workflow's own gate keeps its code; anything else is named for what it is. */
const asRomanError = (error: unknown, workflowId: string): unknown => {
  const refused = error instanceof WorkflowUpdateFailedError ? applicationFailureOf(error) : null
  if (refused !== null) {
    const { type, message, details } = refused
    return new RomanError(
      (type ?? 'internal_error') as never,
      message,
      (details?.[0] as Record<string, unknown>) ?? undefined,
      { cause: error },
    )
  }
  if (error instanceof WorkflowNotFoundError) {
    return new RomanError(
      'nothing_waiting',
      `Nothing waits in ${workflowId}: it has ended or was never started.`,
      undefined,
      { cause: error },
    )
  }
  if (isTemporalUnavailable(error) || (isGrpcServiceError(error) && (error.code as number) !== INVALID_ARGUMENT)) {
    return new RomanError(
      'temporal_unavailable',
      'Temporal does not answer, and this needs a live workflow. Try again in a moment.',
      undefined,
      { cause: error },
    )
  }
  return error
}
