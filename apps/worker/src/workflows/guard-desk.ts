import {
  type DecisionAnswer,
  type DecisionRequest,
  type GuardInput,
  type GuardPhase,
  type GuardProgress,
  QUERIES,
  type RollbackEnded,
  SIGNALS,
  UPDATES,
} from '@roman/contracts'
import {
  ApplicationFailure,
  currentUpdateInfo,
  defineQuery,
  defineSignal,
  defineUpdate,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow'
import type { GuardSteps } from '../activities/guard-steps.ts'
import { indexPhase } from './search-attributes.ts'

const progressQuery = defineQuery<GuardProgress>(QUERIES.progress)
const rollbackEndedSignal = defineSignal<[RollbackEnded]>(SIGNALS.rollbackEnded)
const approveUpdate = defineUpdate<DecisionAnswer, [DecisionRequest]>(UPDATES.approve)
const rejectUpdate = defineUpdate<DecisionAnswer, [DecisionRequest]>(UPDATES.reject)
const overrideUpdate = defineUpdate<DecisionAnswer, [DecisionRequest]>(UPDATES.override)

/**
 * What a guard knows and what can be said to it: the state machine behind the runbook. Decisions of people come in as
 * updates while it waits; the gate and the row are the activity's, so that a person who asks twice decides once.
 */
export class GuardDesk {
  readonly progress: GuardProgress
  private decision: DecisionAnswer | null = null
  private ended: RollbackEnded | null = null
  private readonly input: GuardInput

  constructor(input: GuardInput, people: Pick<GuardSteps, 'applyDecision'>) {
    this.input = input
    this.progress = {
      deployment_id: input.deployment_id,
      version: input.version,
      phase: 'watching',
      verdict: null,
      reason: null,
      decision_id: null,
      event_id: null,
      violations: [],
    }
    setHandler(progressQuery, () => this.progress)
    setHandler(rollbackEndedSignal, (ended) => {
      this.ended = ended
    })
    const handlers = { approve: approveUpdate, reject: rejectUpdate, override: overrideUpdate } as const
    for (const verb of ['approve', 'reject', 'override'] as const) {
      setHandler(
        handlers[verb],
        async (request) => {
          const answer = await people.applyDecision({ verb, request, request_id: currentUpdateInfo()?.id ?? null })
          this.decision = answer
          return answer
        },
        { validator: (request) => this.mustWaitFor(request), description: `${verb} what this guard waits for` },
      )
    }
    this.describe()
  }

  /** Functions, not fields: what a handler sets while a workflow waits must be read anew. */
  lastDecision(): DecisionAnswer | null {
    return this.decision
  }

  forgetDecision(): void {
    this.decision = null
  }

  /** The last rollback of this deployment that ended, whoever started it. */
  lastEnded(): RollbackEnded | null {
    return this.ended
  }

  enter(phase: GuardPhase, facts: Partial<Omit<GuardProgress, 'phase'>> = {}): void {
    Object.assign(this.progress, facts, { phase })
    this.describe()
  }

  /** An event in the history, so only where somebody filters by it. */
  index(): void {
    if (this.input.search_attributes) indexPhase(this.progress.phase, this.progress.verdict)
  }

  private mustWaitFor(request: DecisionRequest): void {
    if (request.deployment_id !== this.input.deployment_id) {
      throw ApplicationFailure.nonRetryable(
        `This guard is for deployment ${this.input.deployment_id}.`,
        'invalid_request',
      )
    }
    if (this.progress.phase !== 'waiting') {
      throw ApplicationFailure.nonRetryable(
        `Nothing waits for a decision on deployment ${this.input.deployment_id}: its guard is ${this.progress.phase}. Start a rollback of your own with a reason, if it is needed.`,
        'nothing_waiting',
      )
    }
  }

  private describe(): void {
    const { phase, verdict, reason, event_id, violations, decision_id } = this.progress
    const lines = [
      `### ${this.input.service} ${this.input.version} in ${this.input.environment}: ${phase.replace('_', ' ')}`,
      `Deployment \`${this.input.deployment_id}\`, mode **${this.input.policy.mode}**`,
      ...(verdict === null ? [] : [`Verdict: **${verdict}**${reason === null ? '' : ` — ${reason}`}`]),
      ...(violations.length === 0 ? [] : ['Refused by:', ...violations.map((violation) => `- ${violation}`)]),
      ...(decision_id === null
        ? []
        : [`Waiting for people: update \`approve\`, \`override\` or \`reject\` (decision \`${decision_id}\`)`]),
      ...(event_id === null ? [] : [`Rollback: \`rollback:${event_id}\``]),
    ]
    setCurrentDetails(lines.join('\n\n'))
  }
}
