import { execFileSync } from 'node:child_process'
import { UsageError } from './errors.ts'

type Variables = Readonly<Record<string, string | undefined>>

/** The commit being deployed: what CI says, else the HEAD of the repository we stand in. */
export function currentCommit(variables: Variables, cwd: string): string {
  return variables.GITHUB_SHA ?? git(cwd, ['rev-parse', 'HEAD']) ?? unknown('commit', '--commit')
}

export function currentBranch(variables: Variables, cwd: string): string {
  // Off a branch, as in most CI checkouts, git says no more than "HEAD".
  const branch = variables.GITHUB_REF_NAME ?? git(cwd, ['rev-parse', '--abbrev-ref', 'HEAD'])
  return branch === undefined || branch === 'HEAD' ? unknown('branch', '--branch') : branch
}

function git(cwd: string, args: string[]): string | undefined {
  try {
    return execFileSync('git', args, {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 5000,
    }).trim()
  } catch {
    return undefined
  }
}

function unknown(what: string, option: string): never {
  throw new UsageError(`The ${what} is not known here. Run this in the repository that is deployed, or give ${option}.`)
}
