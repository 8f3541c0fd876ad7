import { flag, nullable, record, text } from './malformed.ts'
import { isRecord } from './numbers.ts'
import { NO_VALID_TARGET } from './reasons.ts'
import type { DeploymentStatus } from './transitions.ts'

export type Candidate = {
  deployment_id: string
  service: string
  environment: string
  version: string
  git_commit: string
  status: DeploymentStatus
  health_check_passed: boolean
  /** ISO 8601; null where it never was live. */
  deployed_at: string | null
  quarantined: boolean
}

export type Failing = Pick<Candidate, 'deployment_id' | 'service' | 'environment' | 'git_commit' | 'deployed_at'>

const FAILING_FIELDS = {
  deployment_id: text,
  service: text,
  environment: text,
  git_commit: text,
  deployed_at: nullable(text),
}
const FAILING = record<Failing>(FAILING_FIELDS)
const CANDIDATE = record<Candidate>({
  ...FAILING_FIELDS,
  version: text,
  status: text,
  health_check_passed: flag,
  quarantined: flag,
})

export type TargetChoice<C extends Candidate = Candidate> = {
  /** Null: no valid target. */
  target: C | null
  reason: string
  /** Newest first, as far as the choice had to look. */
  passed_over: { deployment_id: string; version: string; reason: string }[]
}

/**
 * The newest deployment of the same service and environment that is `success` and `health_check_passed`, older than the
 * failing one, of another commit, not quarantined. The order of the candidates does not matter. What cannot be read is no
 * target; where the failing one cannot be, nothing is.
 */
export function chooseTarget<C extends Candidate>(candidates: readonly C[], failing: Failing): TargetChoice<C> {
  const malformed = FAILING(failing, 'failing')
  if (malformed !== null) return { target: null, reason: `${NO_VALID_TARGET}: ${malformed}`, passed_over: [] }
  const given: readonly C[] = Array.isArray(candidates) ? candidates : []
  const unreadable = given.flatMap((candidate) => unreadableCandidate(candidate))
  const passed_over: TargetChoice['passed_over'] = [...unreadable]
  for (const candidate of given.filter((each) => CANDIDATE(each, 'candidate') === null).sort(newestFirst)) {
    const reason = unfit(candidate, failing)
    if (reason === null) {
      const chosen = `${candidate.version} is the newest known-good deployment before the failing one`
      return { target: candidate, reason: chosen, passed_over }
    }
    passed_over.push({ deployment_id: candidate.deployment_id, version: candidate.version, reason })
  }
  return { target: null, reason: `${NO_VALID_TARGET} for ${failing.service} in ${failing.environment}`, passed_over }
}

/** The one rule for "known-good": a clean window, a verification or a person proved it, and nothing has taken that back. */
export function isKnownGood(deployment: { status: string; health_check_passed: boolean | null }): boolean {
  return isRecord(deployment) && deployment.status === 'success' && deployment.health_check_passed === true
}

/** Whether two commits are the same; either may be abbreviated to seven characters or more. */
export function sameCommit(a: string, b: string): boolean {
  if (typeof a !== 'string' || typeof b !== 'string') return false
  const [short, long] = [a.toLowerCase(), b.toLowerCase()].sort((x, y) => x.length - y.length) as [string, string]
  return short === long || (/^[0-9a-f]{7,}$/.test(short) && long.startsWith(short))
}

function unfit(candidate: Candidate, failing: Failing): string | null {
  if (candidate.deployment_id === failing.deployment_id) return 'it is the failing deployment itself'
  if (candidate.service !== failing.service || candidate.environment !== failing.environment) {
    return `it belongs to ${candidate.service} in ${candidate.environment}`
  }
  if (!isKnownGood(candidate)) {
    return candidate.status === 'success' ? 'its health check has not passed' : `its status is ${candidate.status}`
  }
  if (!(time(candidate.deployed_at) < time(failing.deployed_at))) return 'it is not older than the failing deployment'
  if (sameCommit(candidate.git_commit, failing.git_commit)) return 'it is of the same commit'
  if (candidate.quarantined) return 'its commit is quarantined'
  return null
}

function unreadableCandidate(candidate: unknown): TargetChoice['passed_over'] {
  const reason = CANDIDATE(candidate, 'candidate')
  if (reason === null) return []
  const fields = isRecord(candidate) ? candidate : {}
  const named = (field: unknown) => (typeof field === 'string' ? field : 'unknown')
  return [{ deployment_id: named(fields.deployment_id), version: named(fields.version), reason }]
}

/** Of two that went live at the same moment the greater id is first, so that the choice is always the same. */
function newestFirst(a: Candidate, b: Candidate): number {
  const difference = (time(b.deployed_at) || 0) - (time(a.deployed_at) || 0)
  if (difference !== 0) return difference
  return a.deployment_id < b.deployment_id ? 1 : -1
}

/** Not a number where unknown, so that every comparison with it fails. */
function time(iso: string | null): number {
  return Date.parse(iso ?? '')
}
