import { setTimeout as sleep } from 'node:timers/promises'
import type { GithubClient } from './client.ts'

/** The part of GitHub's workflow run that we read. */
export interface WorkflowRun {
  id: number
  name: string | null
  display_title: string
  status: string
  conclusion: string | null
  html_url: string
  created_at: string
}

export interface WorkflowJob {
  name: string
  status: string
  conclusion: string | null
  html_url: string
  steps?: { name: string; status: string; conclusion: string | null }[]
}

const RUN = '/repos/{owner}/{repo}/actions/runs/{run_id}'
const PAGE = 100
const PAGES_MAX = 5
/** Longer than any run may take, so that the run of an event that is still open is inside it. */
const LOOK_BACK_MS = 24 * 3_600_000

/** The run that carries the event id in its name; the first one, should there be more. */
export async function findRun(client: GithubClient, workflow: string, eventId: string): Promise<WorkflowRun | null> {
  const created = `>=${new Date(Date.now() - LOOK_BACK_MS).toISOString().slice(0, 10)}`
  const found: WorkflowRun[] = []
  for (let page = 1; page <= PAGES_MAX; page++) {
    const { data } = await client.get<{ workflow_runs: WorkflowRun[] }>(
      '/repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs',
      { workflow_id: workflow, event: 'workflow_dispatch', created, per_page: PAGE, page },
    )
    found.push(...data.workflow_runs.filter((run) => `${run.display_title} ${run.name}`.includes(eventId)))
    if (data.workflow_runs.length < PAGE) break
  }
  return found.sort((a, b) => Number(a.id) - Number(b.id))[0] ?? null
}

/** GitHub lists a new run with some delay: looks again and again for `withinMs`, at least once. */
export async function awaitRun(
  client: GithubClient,
  workflow: string,
  eventId: string,
  { withinMs, pollMs }: { withinMs: number; pollMs: number },
): Promise<WorkflowRun | null> {
  const until = performance.now() + withinMs
  for (;;) {
    const run = await findRun(client, workflow, eventId)
    if (run !== null || performance.now() >= until) return run
    await sleep(pollMs)
  }
}

/** With GitHub's own time of the answer, since its clock stamped the run. */
export async function getRun(client: GithubClient, runId: string): Promise<{ run: WorkflowRun; nowMs: number }> {
  const { data, headers } = await client.get<WorkflowRun>(RUN, { run_id: runId })
  const date = Date.parse(String(headers.date))
  return { run: data, nowMs: Number.isNaN(date) ? Date.now() : date }
}

export async function listJobs(client: GithubClient, runId: string): Promise<WorkflowJob[]> {
  const { data } = await client.get<{ jobs: WorkflowJob[] }>(`${RUN}/jobs`, { run_id: runId, per_page: PAGE })
  return data.jobs
}

export async function cancelRun(client: GithubClient, runId: string, how: 'cancel' | 'force-cancel'): Promise<void> {
  await client.post(`${RUN}/${how}`, { run_id: runId })
}
