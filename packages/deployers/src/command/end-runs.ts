import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { endGroup, groupMembers } from '../host/processes.mjs'
import { RunFiles } from './run-files.ts'

/**
 * Ends every run that goes on under `stateDir`, whoever asked for it. For taking a whole installation down; a worker that
 * merely stops leaves its runs alone.
 */
export async function endRuns(stateDir: string): Promise<void> {
  if (!existsSync(stateDir)) return
  await Promise.all(
    readdirSync(stateDir, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('claim.json'))
      .map(async (path) => {
        const files = new RunFiles(join(stateDir, dirname(path)))
        const claim = files.claim()
        if (claim === null || files.exit() !== null || groupMembers(claim).length === 0) return
        files.requestAbort()
        await endGroup(claim, claim.grace_ms)
      }),
  )
}
