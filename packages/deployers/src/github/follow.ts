import { setTimeout as sleep } from 'node:timers/promises'
import type { GithubActionsConfig } from '../config.ts'
import type { DeployContext, DeployProgress, DeployResult, DeployRun } from '../port.ts'
import { type GithubClient, GithubRefusal } from './client.ts'
import { cancelRun, getRun, listJobs, type WorkflowJob, type WorkflowRun } from './runs.ts'
import type { GithubTiming } from './timing.ts'

interface Asked {
  why: 'abort' | 'timeout'
  how: 'cancel' | 'force-cancel'
  until: number
}

/** Follows a run until GitHub calls it completed; cancels it when `signal` is aborted or its time is up. */
export async function followRun(
  client: GithubClient,
  config: GithubActionsConfig,
  timing: GithubTiming,
  run: DeployRun,
  context: DeployContext,
): Promise<DeployResult> {
  const pollMs = config.poll_seconds * 1000
  const visibleBy = performance.now() + timing.appear
  let deadline: number | null = null
  let asked = null as Asked | null
  let shown = ''

  for (;;) {
    const seen = await getRun(client, run.id).catch(unlessMissing)
    if (seen === null) {
      if (performance.now() > visibleBy) return unknown(`GitHub no longer knows run ${run.id}. Look what is live.`, run)
    } else if (seen.run.status === 'completed') {
      return resultOf(client, config, seen.run, run, asked?.why ?? (context.signal.aborted ? 'abort' : null))
    } else {
      // From the run's own creation, so that a caller that attaches does not start the clock again.
      deadline ??= performance.now() + config.timeout_seconds * 1000 - (seen.nowMs - Date.parse(seen.run.created_at))
      const progress = await progressOf(client, seen.run)
      if (progress.text !== shown) context.onProgress(progress)
      shown = progress.text
    }

    const now = performance.now()
    const why =
      asked?.why ?? (context.signal.aborted ? 'abort' : deadline !== null && now >= deadline ? 'timeout' : null)
    if (why !== null && (asked === null || now >= asked.until)) {
      if (asked?.how === 'force-cancel') {
        return unknown(
          `Run ${run.id} was cancelled and is still going: ${run.url}. End it, then look what is live.`,
          run,
        )
      }
      const how = asked === null ? 'cancel' : 'force-cancel'
      await cancelRun(client, run.id, how).catch(unlessRefused)
      asked = { why, how, until: now + timing.cancel }
    }
    await pause(pollMs, asked === null ? context.signal : undefined)
  }
}

async function resultOf(
  client: GithubClient,
  config: GithubActionsConfig,
  { conclusion }: WorkflowRun,
  run: DeployRun,
  asked: Asked['why'] | null,
): Promise<DeployResult> {
  const failed = (reason: string): DeployResult => ({ outcome: 'failed', reason, run, output_tail: null })
  if (conclusion === 'success') return { outcome: 'live', run, output_tail: null }
  if (conclusion === 'cancelled') {
    if (asked === 'abort') return { outcome: 'aborted', reason: `Run ${run.id} was cancelled: ${run.url}`, run }
    if (asked === 'timeout') {
      return failed(`Run ${run.id} did not finish within ${config.timeout_seconds} s and was cancelled: ${run.url}`)
    }
    return failed(
      `Run ${run.id} was cancelled by someone or by a newer run of its concurrency group: ${run.url}. Give the workflow a concurrency group that no deploy shares.`,
    )
  }
  if (conclusion === 'failure' || conclusion === 'timed_out') {
    const jobs = await listJobs(client, run.id).catch(unlessRefused)
    return failed(`${failingPart(jobs ?? []) ?? `Run ${run.id} ended as ${conclusion}: ${run.url}`}`)
  }
  return failed(`Run ${run.id} ended as ${conclusion}, so nothing says that it deployed: ${run.url}`)
}

function failingPart(jobs: WorkflowJob[]): string | null {
  const isBad = ({ conclusion }: { conclusion: string | null }) =>
    conclusion === 'failure' || conclusion === 'timed_out'
  const job = jobs.find(isBad)
  if (job === undefined) return null
  const step = job.steps?.find(isBad)
  const verb = job.conclusion === 'timed_out' ? 'ran out of time' : 'failed'
  return `Job "${job.name}" ${verb}${step === undefined ? '' : ` at step "${step.name}"`}: ${job.html_url}`
}

async function progressOf(client: GithubClient, run: WorkflowRun): Promise<DeployProgress> {
  if (run.status === 'waiting') {
    return { percent: 0, text: `Waits for an approval in GitHub: ${run.html_url}` }
  }
  if (run.status !== 'in_progress') return { percent: 0, text: `Waits in GitHub (${run.status}): ${run.html_url}` }
  const jobs = (await listJobs(client, String(run.id)).catch(unlessMissing)) ?? []
  const steps = jobs.flatMap((job) => (job.steps ?? []).map((step) => ({ job, step })))
  const done = steps.filter(({ step }) => step.status === 'completed').length
  const current = steps.find(({ step }) => step.status === 'in_progress')
  return {
    percent: steps.length === 0 ? null : Math.floor((100 * done) / steps.length),
    text: current === undefined ? `Runs in GitHub: ${run.html_url}` : `${current.job.name}: ${current.step.name}`,
  }
}

const unknown = (reason: string, run: DeployRun): DeployResult => ({ outcome: 'unknown', reason, run })

function unlessMissing(error: unknown): null {
  if (error instanceof GithubRefusal && error.status === 404) return null
  throw error
}

/** A cancel is refused where the run has ended; the next look says how. A run we may not cancel ends by the bound. */
function unlessRefused(error: unknown): null {
  if (error instanceof GithubRefusal) return null
  throw error
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {})
}
