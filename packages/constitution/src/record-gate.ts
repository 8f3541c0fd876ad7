import { allow, type Decision, type DecisionCode, type Reason } from './decision.ts'
import { flag, nullable, oneOf, record, refuseMalformed, text } from './malformed.ts'

export type RecordEvidence = {
  /** `intent` before the switch, and refusable; `live` after it, a fact that never is. */
  step: 'intent' | 'live'
  service: string
  environment: string
  git_commit: string
  running_event_id: string | null
  commit_quarantined: boolean
  environment_frozen: boolean
  /** This deployment's fence was taken before that of what is live: an older run finishing last. */
  fence_overtaken: boolean
  /** Whether this version was known-good in staging; null where the service has none or this is not production. */
  known_good_in_staging: boolean | null
}

/** `unfenced`: accepted out of turn, for people to know. */
export type RecordDecision = Decision & { unfenced: boolean }

const EVIDENCE = record<RecordEvidence>({
  step: oneOf(['intent', 'live']),
  service: text,
  environment: text,
  git_commit: text,
  running_event_id: nullable(text),
  commit_quarantined: flag,
  environment_frozen: flag,
  fence_overtaken: flag,
  known_good_in_staging: nullable(flag),
})

/** Whether a deployment may be recorded. An intent may be refused; what is already live is recorded whatever it is. */
export function mayRecord(evidence: RecordEvidence): RecordDecision {
  const malformed = EVIDENCE(evidence, 'evidence')
  if (malformed !== null) return { ...refuseMalformed(malformed), unfenced: false }
  const { service, environment, git_commit: commit } = evidence
  const where = `${service} in ${environment}`
  const found: (Reason & { code: DecisionCode; fences: boolean })[] = []
  if (evidence.running_event_id !== null) {
    const message = `Rollback ${evidence.running_event_id} is running for ${where}.`
    const way_out = 'Deploy again when it has ended, or abort it first.'
    found.push({ code: 'rollback_in_progress', fences: true, message, way_out })
  }
  if (evidence.commit_quarantined) {
    const message = `Commit ${commit} is quarantined for ${where}: it was rolled back there.`
    const way_out = 'Deploy a fix as a new commit, or let a person release it: "roman release".'
    found.push({ code: 'commit_quarantined', fences: true, message, way_out })
  }
  if (evidence.environment_frozen) {
    const message = `${where} is frozen.`
    const way_out = 'Wait, or lift it: "roman freezes" says how it is named.'
    found.push({ code: 'environment_frozen', fences: false, message, way_out })
  }

  const warnings: string[] = []
  if (evidence.known_good_in_staging === false) warnings.push('This version was never known-good in staging.')
  const first = found[0]
  if (evidence.step === 'intent' && first) {
    const reasons = found.map(({ message, way_out }) => ({ message, way_out }))
    return { allowed: false, code: first.code, reasons, overridable: false, warnings, unfenced: false }
  }
  warnings.push(...found.map(({ message }) => message))
  if (evidence.fence_overtaken) warnings.push('A newer deployment took its turn after this one and is replaced by it.')
  const unfenced = evidence.step === 'live' && (evidence.fence_overtaken || found.some(({ fences }) => fences))
  return { ...allow(warnings), unfenced }
}
