import { join } from 'node:path'
import type { DeployContext, DeployRequest, DeployResult, DeployRun } from '../port.ts'
import { followRun } from './follow-run.ts'
import { type RunExit, RunFiles } from './run-files.ts'
import { type RunSpec, startWrapper } from './start-wrapper.ts'

const RUNS_MAX = 5

/** Where the runs of an event lie. Event ids name directories, so they are held to what a directory can be called. */
export function eventDirectory(stateDir: string, eventId: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/.test(eventId)) {
    throw new TypeError(`The event id ${JSON.stringify(eventId)} cannot name a run. Use the rollback event's uuid.`)
  }
  return join(stateDir, eventId)
}

/**
 * Runs `spec` once for the request's event, or attaches to the run that has the claim, and follows it to its end.
 *
 * Each further run of an `idempotent` command, after one whose end was lost with its host, has a claim of its own under
 * the next number; whoever comes walks the numbers in order, so that all callers end at the same run.
 */
export async function runCommand(
  stateDir: string,
  spec: RunSpec,
  { idempotent }: { idempotent: boolean },
  request: DeployRequest,
  context: DeployContext,
): Promise<DeployResult> {
  const directory = eventDirectory(stateDir, request.event_id)
  for (let number = 1; number <= RUNS_MAX; number++) {
    const files = new RunFiles(join(directory, String(number)))
    const run: DeployRun = { id: `${request.event_id}/${number}`, url: null }
    let claim = files.claim()
    if (claim === null && context.signal.aborted) {
      // A wrapper of an earlier attempt may still be on its way: it claims first and then looks for this word.
      files.requestAbort()
      claim = files.claim()
      if (claim === null)
        return { outcome: 'aborted', reason: 'It was aborted before the command was started.', run: null }
    }
    claim ??= await startWrapper(files, spec)
    context.onDispatched(run)
    const end = await followRun(files, claim, context)
    if (end !== 'lost') return resultOf(end, spec, run, files.outputTail())
    if (!idempotent || context.signal.aborted) {
      return {
        outcome: 'unknown',
        reason: `${spec.argv[0]} was started and nobody knows how it ended: it and its wrapper are gone. Look which version is live; output is in ${files.directory}.`,
        run,
      }
    }
  }
  return {
    outcome: 'unknown',
    reason: `${spec.argv[0]} was lost ${RUNS_MAX} times. Look what ends processes on this host; output is in ${directory}.`,
    run: { id: `${request.event_id}/${RUNS_MAX}`, url: null },
  }
}

function resultOf(exit: RunExit, spec: RunSpec, run: DeployRun, tail: string | null): DeployResult {
  const command = spec.argv[0]
  const failed = (reason: string): DeployResult => ({ outcome: 'failed', reason, run, output_tail: tail })
  const lastLine =
    tail === null ? 'It wrote nothing.' : `Its last line: ${tail.slice(tail.lastIndexOf('\n') + 1).slice(0, 500)}`

  if (exit.cause === 'spawn') {
    return failed(`${command} could not be started in ${spec.cwd}: ${exit.error}. Check the deployer's argv and cwd.`)
  }
  if (exit.cause === 'exit') {
    if (exit.code === 0) return { outcome: 'live', run, output_tail: tail }
    return failed(
      `${command} ${exit.code === null ? `was ended by ${exit.signal}` : `exited with ${exit.code}`}. ${lastLine}`,
    )
  }
  const told = exit.cause === 'abort' ? 'because the rollback was aborted' : `after ${spec.timeoutMs / 1000} s`
  if (exit.code === 0) {
    // Graceful ends are often reported as 0: this may be "done" as well as "stopped in the middle".
    return {
      outcome: 'unknown',
      reason: `${command} was told to stop ${told} and then reported success. Look which version is live.`,
      run,
    }
  }
  if (exit.cause === 'abort') return { outcome: 'aborted', reason: `${command} was ended ${told}.`, run }
  return failed(`${command} did not end within ${spec.timeoutMs / 1000} s and was ended. ${lastLine}`)
}
