import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { endGroup, groupMembers, isAlive } from '../host/processes.mjs'
import type { DeployContext, DeployProgress } from '../port.ts'
import type { RunClaim, RunExit, RunFiles } from './run-files.ts'

const POLL_MS = 50
const LIVENESS_MS = 500
/** How much longer than its own bound a wrapper may take before it counts as stuck. */
const OVERDUE_MS = 5000

/**
 * Watches a claimed run until it is over, asking it to stop when `signal` is aborted.
 *
 * @returns how it ended, or `lost` where wrapper and command are gone and nobody wrote that down.
 */
export async function followRun(
  files: RunFiles,
  claim: RunClaim,
  context: Pick<DeployContext, 'signal' | 'onProgress'>,
): Promise<RunExit | 'lost'> {
  const overdueAt = Date.parse(claim.claimed_at) + claim.timeout_ms + claim.grace_ms + OVERDUE_MS
  let abortRequested = false
  let livenessAt = 0
  let shown: string | null = null

  for (;;) {
    if (context.signal.aborted && !abortRequested) {
      files.requestAbort()
      abortRequested = true
    }
    const progress = progressOf(files.outputTail())
    if (progress !== null && progress.text !== shown) {
      shown = progress.text
      context.onProgress(progress)
    }
    const exit = files.exit()
    if (exit !== null) {
      // The wrapper ends its group after it wrote the exit; make sure of it, should it have died in between.
      if (exit.cause === 'abort' || exit.cause === 'timeout') await endGroup(claim, 0)
      return exit
    }
    if (performance.now() >= livenessAt) {
      livenessAt = performance.now() + LIVENESS_MS
      const end = await endOfOrphan(files, claim, { aborted: context.signal.aborted, overdue: Date.now() > overdueAt })
      if (end !== null) return end
    }
    await sleep(POLL_MS)
  }
}

/** Stands in for a wrapper that was killed: its command may go on, and then only its end can be seen, not its exit. */
async function endOfOrphan(
  files: RunFiles,
  claim: RunClaim,
  { aborted, overdue }: { aborted: boolean; overdue: boolean },
): Promise<RunExit | 'lost' | null> {
  if (isAlive(claim) && !overdue) return null
  if (groupMembers(claim).length > 0) {
    if (!aborted && !overdue) return null
    await endGroup(claim, overdue ? 0 : claim.grace_ms)
    return (
      files.exit() ??
      files.recordExit({ cause: overdue ? 'timeout' : 'abort', code: null, signal: 'SIGKILL', error: null })
    )
  }
  // The exit may have been written after it was last looked for, and before the wrapper was found gone.
  return files.exit() ?? 'lost'
}

function progressOf(tail: string | null): DeployProgress | null {
  const line = tail === null ? '' : stripVTControlCharacters(tail.slice(tail.lastIndexOf('\n') + 1)).trim()
  if (line === '') return null
  const percent = /\b(100|\d{1,2})\s?%/.exec(line)?.[1]
  return { percent: percent === undefined ? null : Number(percent), text: line.slice(0, 200) }
}
