import type { GithubActionsConfig, HostDeps } from '../config.ts'
import {
  type DeployContext,
  type Deployer,
  DeployerUnavailableError,
  type DeployRequest,
  type DeployResult,
  type DeployRun,
} from '../port.ts'
import { GithubClient, GithubRefusal } from './client.ts'
import { dispatch } from './dispatch.ts'
import { followRun } from './follow.ts'
import { awaitRun, findRun, type WorkflowRun } from './runs.ts'
import { GITHUB_TIMING, type GithubTiming } from './timing.ts'

/**
 * Starts a workflow with `workflow_dispatch` and follows its run. GitHub has no idempotency key: the event id in the
 * workflow's `run-name` is what a later attempt finds the run by.
 */
export function createGithubActionsDeployer(
  config: GithubActionsConfig,
  deps: Pick<HostDeps, 'env'>,
  timing: GithubTiming = GITHUB_TIMING,
): Deployer {
  const token = deps.env[config.token_env]
  const client = new GithubClient(config, token ?? '', timing)
  const noToken = `${config.token_env} is not set. Give it a token with "Actions: write" on ${config.owner}/${config.repo}.`

  return {
    type: 'github-actions',
    async deploy(request, context) {
      if (token === undefined) return failed(noToken)
      let run: DeployRun | null = null
      try {
        const started = await startOrFind(client, config, timing, request, context)
        if ('outcome' in started) return started
        run = started
        context.onDispatched(run)
        return await followRun(client, config, timing, run, context)
      } catch (error) {
        if (!(error instanceof GithubRefusal)) throw error
        const reason = `GitHub refused (${error.status}): ${error.message}. Check ${config.token_env} and the repository.`
        // Where a run may exist, it goes on whether or not we may look at it.
        if (run !== null || context.attempt > 1) return { outcome: 'unknown', reason, run }
        return failed(reason)
      }
    },
    async able() {
      if (token === undefined) return { able: false, detail: noToken }
      return ableToDispatch(client, config)
    },
  }
}

async function startOrFind(
  client: GithubClient,
  config: GithubActionsConfig,
  timing: GithubTiming,
  request: DeployRequest,
  context: DeployContext,
): Promise<DeployRun | DeployResult> {
  const pollMs = config.poll_seconds * 1000
  const settled = { withinMs: timing.settle, pollMs }
  const existing =
    context.attempt > 1
      ? await awaitRun(client, config.workflow, request.event_id, settled)
      : await findRun(client, config.workflow, request.event_id)
  if (existing !== null) return runOf(existing)
  if (context.signal.aborted) {
    return { outcome: 'aborted', reason: 'It was aborted before the workflow was started.', run: null }
  }

  const answer = await dispatch(client, config, request).catch((error: unknown) => {
    if (error instanceof DeployerUnavailableError) return error
    throw error
  })
  if (answer instanceof Error) {
    // GitHub may have started it before it failed to say so.
    const run = await awaitRun(client, config.workflow, request.event_id, settled)
    if (run === null) throw answer
    return runOf(run)
  }
  if (!answer.accepted) return failed(answer.reason)
  if (answer.run !== null) return answer.run
  context.onDispatched(null)
  const run = await awaitRun(client, config.workflow, request.event_id, { withinMs: timing.appear, pollMs })
  if (run !== null) return runOf(run)
  return {
    outcome: 'unknown',
    reason: `GitHub accepted the dispatch of ${config.workflow}, and no run carries ${request.event_id} in its name. Set "run-name: rollback … \${{ inputs.event_id }}" in the workflow, and look in its runs what became of this one.`,
    run: null,
  }
}

async function ableToDispatch(client: GithubClient, config: GithubActionsConfig) {
  try {
    const { data } = await client.get<{ state: string }>('/repos/{owner}/{repo}/actions/workflows/{workflow_id}', {
      workflow_id: config.workflow,
    })
    if (data.state === 'active')
      return { able: true, detail: `${config.workflow} of ${config.owner}/${config.repo} is active.` }
    return { able: false, detail: `${config.workflow} is ${data.state} in GitHub. Enable it there.` }
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown fault'
    return { able: false, detail: `GitHub does not show ${config.workflow} of ${config.owner}/${config.repo}: ${why}` }
  }
}

const runOf = (run: WorkflowRun): DeployRun => ({ id: String(run.id), url: run.html_url })
const failed = (reason: string): DeployResult => ({ outcome: 'failed', reason, run: null, output_tail: null })
