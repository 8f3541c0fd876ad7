import type { GithubActionsConfig } from '../config.ts'
import { fillPlaceholders } from '../placeholders.ts'
import type { DeployRequest, DeployRun } from '../port.ts'
import { type GithubClient, GithubRefusal } from './client.ts'

export type Dispatch =
  /** `run` is null where the server does not say which run it made. */
  { accepted: true; run: DeployRun | null } | { accepted: false; reason: string }

/**
 * Starts the workflow, once. Servers that know `return_run_details` name the run; older ones refuse the field or ignore it.
 *
 * @throws DeployerUnavailableError when it stays open whether GitHub started it.
 */
export async function dispatch(
  client: GithubClient,
  config: GithubActionsConfig,
  request: DeployRequest,
): Promise<Dispatch> {
  const body = { workflow_id: config.workflow, ref: config.ref, inputs: inputsOf(config, request) }
  try {
    return { accepted: true, run: await send(client, { ...body, return_run_details: true }) }
  } catch (error) {
    if (!(error instanceof GithubRefusal)) throw error
    if (!error.message.includes('return_run_details')) return { accepted: false, reason: refusal(error, config) }
  }
  try {
    return { accepted: true, run: await send(client, body) }
  } catch (error) {
    if (error instanceof GithubRefusal) return { accepted: false, reason: refusal(error, config) }
    throw error
  }
}

async function send(client: GithubClient, body: Record<string, unknown>): Promise<DeployRun | null> {
  const { data } = await client.post<{ workflow_run_id?: number; html_url?: string }>(
    '/repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches',
    body,
  )
  if (data?.workflow_run_id === undefined) return null
  return { id: String(data.workflow_run_id), url: data.html_url ?? null }
}

function inputsOf(config: GithubActionsConfig, request: DeployRequest): Record<string, string> {
  const configured = Object.entries(config.inputs ?? {}).map(([name, value]) => [
    name,
    fillPlaceholders(value, request),
  ])
  const { version, git_commit, environment, event_id, fence } = request
  return { ...Object.fromEntries(configured), version, git_commit, environment, event_id, fence }
}

function refusal(error: GithubRefusal, { owner, repo, workflow, ref, token_env }: GithubActionsConfig): string {
  const where = `${workflow} of ${owner}/${repo}`
  if (error.status === 401) return `GitHub does not accept the token in ${token_env}. Put a valid one there.`
  if (error.status === 403) {
    return `GitHub forbids the token in ${token_env} to start ${where}. Give it "Actions: write" on the repository.`
  }
  if (error.status === 404) {
    return `GitHub knows no workflow ${where}, or the token in ${token_env} may not see it. Correct the deployer or the token.`
  }
  return `GitHub refused to start ${where} on ${ref}: ${error.message}. The workflow needs workflow_dispatch with the inputs version, git_commit, environment, event_id and fence; examples/github/rollback.yml has them.`
}
