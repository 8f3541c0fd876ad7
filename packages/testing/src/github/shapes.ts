import type { Run, WorkflowFile } from './model.ts'

export interface Place {
  url: string
  owner: string
  repo: string
}

/** GitHub's times have no fractions of a second. */
const time = (date: Date): string => `${date.toISOString().slice(0, 19)}Z`
const SHA = '0000000000000000000000000000000000000000'

export function workflowShape({ url, owner, repo }: Place, name: string, file: WorkflowFile, id: number) {
  return {
    id,
    node_id: `W_${id}`,
    name,
    path: `.github/workflows/${name}`,
    state: file.state ?? 'active',
    created_at: '2026-01-01T00:00:00.000Z',
    updated_at: '2026-01-01T00:00:00.000Z',
    url: `${url}/repos/${owner}/${repo}/actions/workflows/${id}`,
    html_url: `${url}/${owner}/${repo}/blob/main/.github/workflows/${name}`,
    badge_url: `${url}/${owner}/${repo}/workflows/${name}/badge.svg`,
  }
}

export function runShape({ url, owner, repo }: Place, run: Run, workflowId: number) {
  const api = `${url}/repos/${owner}/${repo}/actions/runs/${run.id}`
  return {
    id: run.id,
    name: run.workflow,
    node_id: `WFR_${run.id}`,
    head_branch: run.ref,
    head_sha: SHA,
    path: `.github/workflows/${run.workflow}`,
    display_title: run.displayTitle,
    run_number: run.id % 10_000,
    event: 'workflow_dispatch',
    status: run.status,
    conclusion: run.conclusion,
    workflow_id: workflowId,
    check_suite_id: run.id + 1,
    url: api,
    html_url: `${url}/${owner}/${repo}/actions/runs/${run.id}`,
    pull_requests: [],
    created_at: time(run.createdAt),
    updated_at: time(run.updatedAt),
    run_attempt: 1,
    run_started_at: time(run.createdAt),
    jobs_url: `${api}/jobs`,
    logs_url: `${api}/logs`,
    check_suite_url: `${url}/repos/${owner}/${repo}/check-suites/${run.id + 1}`,
    artifacts_url: `${api}/artifacts`,
    cancel_url: `${api}/cancel`,
    rerun_url: `${api}/rerun`,
    previous_attempt_url: null,
    workflow_url: `${url}/repos/${owner}/${repo}/actions/workflows/${workflowId}`,
    repository: { id: 1, name: repo, full_name: `${owner}/${repo}`, private: true },
  }
}

export function jobShape({ url, owner, repo }: Place, run: Run) {
  const id = run.id + 10
  return {
    id,
    run_id: run.id,
    workflow_name: run.workflow,
    head_branch: run.ref,
    run_url: `${url}/repos/${owner}/${repo}/actions/runs/${run.id}`,
    run_attempt: 1,
    node_id: `J_${id}`,
    head_sha: SHA,
    url: `${url}/repos/${owner}/${repo}/actions/jobs/${id}`,
    html_url: `${url}/${owner}/${repo}/actions/runs/${run.id}/job/${id}`,
    status: run.status === 'pending' ? 'queued' : run.status,
    conclusion: run.conclusion,
    created_at: time(run.createdAt),
    started_at: time(run.createdAt),
    completed_at: run.status === 'completed' ? time(run.updatedAt) : null,
    name: 'rollback',
    steps: run.steps,
    check_run_url: `${url}/repos/${owner}/${repo}/check-runs/${id}`,
    labels: ['ubuntu-latest'],
    runner_id: 1,
    runner_name: 'runner',
    runner_group_id: 1,
    runner_group_name: 'Default',
  }
}
