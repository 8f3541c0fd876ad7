import { LAW_TITLES, mayAbort } from '@roman/constitution'
import {
  type AbortAnswer,
  type AbortRequest,
  QUERIES,
  type RollbackInput,
  type RollbackPhase,
  type RollbackProgress,
  UPDATES,
} from '@roman/contracts'
import {
  ApplicationFailure,
  CancellationScope,
  defineQuery,
  defineUpdate,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow'
import { indexPhase } from './search-attributes.ts'

const progressQuery = defineQuery<RollbackProgress>(QUERIES.progress)
const abortUpdate = defineUpdate<AbortAnswer, [AbortRequest]>(UPDATES.abort)

/** From this phase on the previous version is, or is about to be recorded as, live: too late to abort. */
const LIVE_PHASES: readonly RollbackPhase[] = ['switching', 'undoing', 'verifying', 'ended']

/** What a rollback knows and what can be said to it. */
export class RollbackDesk {
  readonly progress: RollbackProgress
  private aborted: AbortRequest | null = null
  private readonly input: RollbackInput
  private deploying: CancellationScope | null = null

  constructor(input: RollbackInput) {
    this.input = input
    this.progress = {
      event_id: input.event_id,
      deployment_id: input.deployment_id,
      phase: 'validating',
      status: 'in_progress',
      target: null,
      validation: null,
      deploy: null,
      detail: null,
    }
    setHandler(progressQuery, () => this.progress)
    setHandler(
      abortUpdate,
      (request) => {
        this.aborted ??= request
        this.deploying?.cancel()
        return { event_id: input.event_id, accepted: true }
      },
      {
        validator: (request) => this.mayAbort(request),
        description: 'Stop this rollback, unless its target is live already',
      },
    )
    this.describe()
  }

  /** A function, not a field: the handler may set it during any await. */
  abortRequest(): AbortRequest | null {
    return this.aborted
  }

  enter(phase: RollbackPhase, facts: Partial<Omit<RollbackProgress, 'phase'>> = {}): void {
    Object.assign(this.progress, facts, { phase })
    this.describe()
  }

  /** Runs the deploy so that an abort cancels it, and it alone. */
  async deploy<T>(run: () => Promise<T>): Promise<T> {
    this.deploying = new CancellationScope({ cancellable: true })
    try {
      // An abort that came a moment earlier found nothing to cancel.
      if (this.aborted !== null) this.deploying.cancel()
      return await this.deploying.run(run)
    } finally {
      this.deploying = null
    }
  }

  index(verdict: string | null): void {
    if (this.input.search_attributes) indexPhase(this.progress.phase, verdict)
  }

  private mayAbort(request: AbortRequest): void {
    if (request.event_id !== this.input.event_id) {
      throw ApplicationFailure.nonRetryable(`This is rollback ${this.input.event_id}.`, 'invalid_request')
    }
    const decision = mayAbort({
      event_id: this.input.event_id,
      status: this.progress.status,
      dispatched: this.progress.phase === 'deploying',
      live: LIVE_PHASES.includes(this.progress.phase),
    })
    if (decision.allowed) return
    const [reason] = decision.reasons
    throw ApplicationFailure.nonRetryable(`${reason?.message} ${reason?.way_out}`, decision.code)
  }

  private describe(): void {
    const { phase, status, target, validation, detail } = this.progress
    const lines = [
      `### ${this.input.service} ${this.input.version} in ${this.input.environment}: ${phase} (${status})`,
      `Why: ${this.input.trigger_reason} (${this.input.trigger_type})`,
      `Deployment \`${this.input.deployment_id}\`, event \`${this.input.event_id}\``,
      ...(target === null ? [] : [`Target: **${target.version}** (${target.git_commit})`]),
      ...(validation === null
        ? []
        : [
            `Constitution: **${validation.compliant ? 'approved' : 'refused'}**`,
            ...validation.findings.map(
              (finding) => `- ${finding.passed ? '✅' : '❌'} ${LAW_TITLES[finding.law]}: ${finding.message}`,
            ),
            ...validation.warnings.map((warning) => `- ⚠️ ${warning}`),
          ]),
      ...(detail === null ? [] : [detail]),
    ]
    setCurrentDetails(lines.join('\n\n'))
  }
}
