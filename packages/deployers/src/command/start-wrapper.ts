import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { DeployerUnavailableError } from '../port.ts'
import type { RunClaim, RunFiles } from './run-files.ts'

/** What the wrapper is asked to run. */
export interface RunSpec {
  argv: string[]
  cwd: string
  env: Record<string, string>
  /** Given to the command on stdin; null for none. */
  input: string | null
  timeoutMs: number
  graceMs: number
}

const WRAPPER = fileURLToPath(new URL('./wrapper.mjs', import.meta.url))
const CLAIM_WITHIN_MS = 15_000

/**
 * Starts a wrapper of its own session and waits until somebody holds the claim: this wrapper, or one that came first.
 *
 * @throws DeployerUnavailableError when the wrapper ended, or took too long, without a claim.
 */
export async function startWrapper(files: RunFiles, spec: RunSpec): Promise<RunClaim> {
  mkdirSync(files.directory, { recursive: true, mode: 0o700 })
  const logPath = join(files.directory, 'wrapper.log')
  const log = openSync(logPath, 'a', 0o600)
  const wrapper = spawn(process.execPath, [WRAPPER, files.directory], {
    cwd: '/',
    // Its own session, so that nothing that ends this process's group or terminal ends the run.
    detached: true,
    env: {},
    stdio: ['pipe', log, log],
  })
  closeSync(log)
  let ended: string | null = null
  wrapper.once('error', (error) => {
    ended = error.message
  })
  wrapper.once('exit', (code, signal) => {
    ended ??= `exit ${code ?? signal}`
  })
  wrapper.unref()
  wrapper.stdin?.on('error', () => {})
  wrapper.stdin?.end(
    JSON.stringify({
      argv: spec.argv,
      cwd: spec.cwd,
      env: spec.env,
      input: spec.input,
      timeout_ms: spec.timeoutMs,
      grace_ms: spec.graceMs,
    }),
  )

  const until = performance.now() + CLAIM_WITHIN_MS
  while (performance.now() < until) {
    // In this order: a wrapper that was quick has ended and left its claim.
    const hasEnded = ended
    const claim = files.claim()
    if (claim !== null) return claim
    if (hasEnded !== null) {
      const said = readFileSync(logPath, 'utf8').trim().split('\n').slice(-5).join(' ')
      throw new DeployerUnavailableError(
        `The command's wrapper ended (${hasEnded}) before it could claim its run in ${files.directory}: ${said || 'no output'}. Make the directory writable for the worker.`,
      )
    }
    await sleep(10)
  }
  throw new DeployerUnavailableError(
    `The command's wrapper did not claim its run in ${files.directory} within ${CLAIM_WITHIN_MS / 1000} s. The host may be overloaded; the next attempt attaches to it.`,
  )
}
