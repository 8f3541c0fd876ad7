import type { HealthState, SignalFinding, SignalName } from './health.ts'
import { anything, text as aText, listOf, nullable, record } from './malformed.ts'
import { formatNumber, isRecord, measured } from './numbers.ts'
import { LAW_TITLES, type LawName, RULES, type ViolationName } from './reasons.ts'
import { falseAlarmBound, isSequential, normalRatePerMinute } from './sequential.ts'
import {
  forSeconds,
  type GuardPolicy,
  limitOf,
  MODES,
  type Mode,
  rateWindowSeconds,
  readRules,
  secondsOf,
  type WatchPolicy,
} from './thresholds.ts'

/** Everything that is stored about why a deployment was, or was not, rolled back. Times are ISO 8601; lists in any order. */
export type StoredStory = {
  service: string
  environment: string
  deployment: { deployment_id: string; version: string; git_commit: string; deployed_at: string | null }
  /** As stored with the deployment: the thresholds that were in force. */
  policy: GuardPolicy | null
  baseline_breached: readonly SignalName[]
  samples: readonly { at: string; phase: string; state: HealthState; reason: string }[]
  verdicts: readonly {
    at: string
    phase: string
    kind: string
    reason: string
    signals: readonly SignalFinding[]
    fault_at: string | null
  }[]
  decisions: readonly {
    asked_at: string
    reason: string
    /** Why nothing was done without asking; null where that is not stored. */
    detail: string | null
    violations: readonly string[]
    status: string
    decided_at: string | null
    decided_by: string | null
    decision_reason: string | null
  }[]
  /** Breaches that were only observed, and why. */
  observed: readonly { at: string; detail: string }[]
  /** Every request to roll it back, the refused ones too. */
  rollbacks: readonly {
    event_id: string
    initiated_at: string
    initiated_by: string | null
    trigger_type: string
    trigger_reason: string
    status: string
    detail: string | null
    completed_at: string | null
    target: { version: string; git_commit: string } | null
    /** The stored `constitutional_validation`, `rollback_plan.trace` and `override`, in whatever shape their time gave them. */
    validation: unknown
    trace: unknown
    override: { violations: readonly string[]; reason: string; by: string | null } | null
    refused_event_id: string | null
    /** When each segment was reached: `dispatched`, `live`, `verified`. */
    moments: Readonly<Record<string, string | null>>
    /** What its snapshot says of the state before it; null where there is none. */
    snapshot: { at: string; text: string } | null
  }[]
}

export type ExplainedLine = {
  /** ISO 8601; null where the time is not known. */
  at: string | null
  text: string
}

export type Explanation = {
  outcome: 'rolled_back' | 'refused' | 'failed' | 'aborted' | 'in_progress' | 'not_rolled_back'
  /** One sentence: what was done, and why. */
  headline: string
  /** The rules that were in force, in words. */
  rules: string[]
  /** What happened, in order. */
  lines: ExplainedLine[]
}

const DEPLOYMENT = { deployment_id: aText, version: aText, git_commit: aText, deployed_at: nullable(aText) }

/** What has the shape of its own time is read where it is told. */
const STORY = record<StoredStory>({
  service: aText,
  environment: aText,
  deployment: record(DEPLOYMENT),
  policy: anything,
  baseline_breached: listOf(aText),
  samples: listOf(record({ at: aText, phase: aText, state: aText, reason: aText })),
  verdicts: listOf(
    record<StoredStory['verdicts'][number]>({
      at: aText,
      phase: aText,
      kind: aText,
      reason: aText,
      signals: anything,
      fault_at: nullable(aText),
    }),
  ),
  decisions: listOf(
    record<StoredStory['decisions'][number]>({
      asked_at: aText,
      reason: aText,
      detail: nullable(aText),
      violations: listOf(aText),
      status: aText,
      decided_at: nullable(aText),
      decided_by: nullable(aText),
      decision_reason: nullable(aText),
    }),
  ),
  observed: listOf(record({ at: aText, detail: aText })),
  rollbacks: listOf(
    record<Rollback>({
      event_id: aText,
      initiated_at: aText,
      initiated_by: nullable(aText),
      trigger_type: aText,
      trigger_reason: aText,
      status: aText,
      detail: nullable(aText),
      completed_at: nullable(aText),
      target: nullable(record({ version: aText, git_commit: aText })),
      validation: anything,
      trace: anything,
      override: nullable(record({ violations: listOf(aText), reason: aText, by: nullable(aText) })),
      refused_event_id: nullable(aText),
      moments: record({}),
      snapshot: nullable(record({ at: aText, text: aText })),
    }),
  ),
})

type Rollback = StoredStory['rollbacks'][number]

/** Changes of state that are told one by one; of more, the first and the last. */
const SAMPLES_MAX = 40

/** The whole "why did it roll back, why did it not" as a plain account, from stored data alone. */
export function explainRollback(story: StoredStory): Explanation {
  const malformed = STORY(story, 'story')
  if (malformed !== null) {
    return { outcome: 'not_rolled_back', headline: `This cannot be explained: ${malformed}`, rules: [], lines: [] }
  }
  const rollbacks = [...story.rollbacks].sort((a, b) => byTime(a.initiated_at, b.initiated_at))
  const lines = [
    ...deploymentLines(story),
    ...sampleLines(story.samples),
    ...story.verdicts.flatMap(verdictLines),
    ...story.observed.map(({ at, detail }) => ({ at, text: `Nothing was done: ${detail}` })),
    ...story.decisions.flatMap(decisionLines),
    ...rollbacks.flatMap(rollbackLines),
  ]
  const outcome = outcomeOf(rollbacks)
  return {
    outcome,
    headline: headlineOf(story, rollbacks, outcome),
    rules: story.policy === null ? ['The rules that were in force are not stored.'] : describePolicy(story.policy),
    lines: inTime(lines),
  }
}

/** A policy in plain words, a sentence per rule. */
export function describePolicy(policy: Pick<GuardPolicy, 'mode' | 'thresholds' | 'watch'>): string[] {
  const { thresholds, watch } = readRules(policy)
  const limit = (name: Parameters<typeof limitOf>[1]) => formatNumber(limitOf(thresholds, name))
  const show = (value: number) => formatNumber(value)
  const rules: string[] = []
  if (isSequential(thresholds)) {
    const bound = show(falseAlarmBound(thresholds) * 100)
    rules.push(
      `Errors are a breach once they prove a rate above ${show(normalRatePerMinute(thresholds))} a minute; false alarm at most ${bound}% of deployments.`,
    )
  } else {
    const seconds = rateWindowSeconds(thresholds)
    rules.push(
      `More than ${limit('error_rate_per_minute')} errors a minute, counted over ${show(seconds)} seconds, are a breach.`,
    )
    rules.push(`More than ${limit('recent_errors')} errors in 5 minutes are a breach.`)
  }
  rules.push(`More than ${limit('database_connection_percent')}% of the database's connections in use is a breach.`)
  rules.push(`P95 above ${limit('p95_response_ms')} ms and memory above ${limit('memory_percent')}% only warn.`)
  const patience = forSeconds(thresholds)
  if (patience > 0) rules.push(`A breach counts once it has lasted ${show(patience)} seconds.`)
  const [requests, percent] = [measured(thresholds.min_requests), measured(thresholds.error_percent)]
  if (requests) rules.push(`Errors count from ${show(requests)} requests a minute on.`)
  if (percent) rules.push(`Errors count above ${show(percent)}% of requests.`)
  const time = (name: keyof WatchPolicy) => show(secondsOf(watch, name))
  if (secondsOf(watch, 'warm_up_seconds') > 0) {
    rules.push(`In the first ${time('warm_up_seconds')} seconds no breach counts.`)
  }
  rules.push(
    `Watched for ${time('window_seconds')} seconds; a breach until ${time('auto_rollback_within_seconds')} seconds after the deployment may act by itself.`,
  )
  const mode = MODES.find((name) => isRecord(policy) && policy.mode === name)
  rules.push(mode === undefined ? 'The mode is not stored.' : `Mode ${mode}: ${MODE_WORDS[mode]}`)
  return rules
}

const MODE_WORDS: Record<Mode, string> = {
  auto: 'A breach is rolled back by itself.',
  ask: 'A breach is put to people.',
  observe: 'A breach is only reported.',
}

function deploymentLines({ deployment, baseline_breached: baseline }: StoredStory): ExplainedLine[] {
  const { deployed_at: at, version, git_commit: commit, deployment_id: id } = deployment
  if (at === null) return [{ at: null, text: `${version} (${id}, commit ${commit}) never went live` }]
  const lines: ExplainedLine[] = [{ at, text: `${version} (${id}, commit ${commit}) went live` }]
  if (baseline.length > 0) {
    lines.push({ at, text: `In breach before it, and so not blamed on it at once: ${baseline.join(', ')}` })
  }
  return lines
}

/** One line per change of state. */
function sampleLines(samples: StoredStory['samples']): ExplainedLine[] {
  const ordered = [...samples].sort((a, b) => byTime(a.at, b.at))
  const changes = ordered.filter((sample, index) => index === 0 || sample.state !== ordered[index - 1]!.state)
  const lines = changes.map(({ at, state, reason, phase }) => ({ at, text: `Health ${state} (${phase}): ${reason}` }))
  if (lines.length <= SAMPLES_MAX) return lines
  const half = SAMPLES_MAX / 2
  const left = lines.length - SAMPLES_MAX
  const gap = { at: lines[half]!.at, text: `Health changed ${left} times more, which is left out here` }
  return [...lines.slice(0, half), gap, ...lines.slice(-half)]
}

function verdictLines(verdict: StoredStory['verdicts'][number]): ExplainedLine[] {
  const { at, phase, kind, reason, signals, fault_at: fault } = verdict
  const lines: ExplainedLine[] = []
  if (kind === 'breach' && fault !== null)
    lines.push({ at: fault, text: 'The first error of those that made the breach' })
  lines.push({ at, text: `Verdict of the ${phase}: ${kind}. ${reason}` })
  if (kind !== 'breach') return lines
  for (const { signal, observed, threshold } of records(signals)) {
    const limit = measured(threshold) ?? undefined
    const seen = typeof observed === 'number' ? formatNumber(observed, limit) : 'not readable'
    lines.push({ at, text: `The rule: ${text(signal)} was ${seen}, the threshold is ${limit ?? 'not stored'}` })
  }
  return lines
}

function decisionLines(decision: StoredStory['decisions'][number]): ExplainedLine[] {
  const { violations, status, decided_at: decidedAt, decided_by: by, decision_reason: why } = decision
  const against = violations.length > 0 ? `; refused for ${violations.join(', ')}` : ''
  const because = decision.detail === null ? '' : `. Why: ${decision.detail}`
  const lines: ExplainedLine[] = [
    { at: decision.asked_at, text: `People were asked: ${decision.reason}${against}${because}` },
  ]
  if (decidedAt !== null) {
    lines.push({
      at: decidedAt,
      text: `The answer: ${status}${by === null ? '' : ` by ${by}`}${why ? `, "${why}"` : ''}`,
    })
  }
  return lines
}

function rollbackLines(rollback: Rollback): ExplainedLine[] {
  const { initiated_at: at, event_id: id, override, target, status } = rollback
  const who = rollback.initiated_by === null ? '' : ` by ${rollback.initiated_by}`
  const lines: ExplainedLine[] = [
    { at, text: `Rollback ${id} asked for (${rollback.trigger_type}${who}): ${rollback.trigger_reason}` },
  ]
  if (override !== null) {
    const by = override.by === null ? '' : ` by ${override.by}`
    const of = rollback.refused_event_id === null ? '' : ` of the refused rollback ${rollback.refused_event_id}`
    lines.push({ at, text: `Override${of}${by} of ${override.violations.join(', ')}: "${override.reason}"` })
  }
  const decidedAt = momentOf(rollback.moments.decided) ?? at
  lines.push(...validationLines(rollback.validation, rollback.trace).map((text) => ({ at: decidedAt, text })))
  if (target !== null) lines.push({ at: decidedAt, text: `Target: ${target.version} (commit ${target.git_commit})` })
  if (rollback.snapshot !== null) lines.push(rollback.snapshot)
  for (const [moment, text] of Object.entries(REACHED)) {
    const reached = momentOf(rollback.moments[moment])
    if (reached) lines.push({ at: reached, text })
  }
  const detail = rollback.detail === null ? '' : `: ${rollback.detail}`
  lines.push({ at: rollback.completed_at, text: `Rollback ${id} ${STATUS[status] ?? `is ${status}`}${detail}` })
  return lines
}

const REACHED: Record<string, string> = {
  dispatched: 'The deployer was asked to put the target back',
  live: 'The target was live',
  verified: 'Its health was verified',
}

const STATUS: Record<string, string> = {
  pending: 'is queued',
  in_progress: 'is running',
  success: 'succeeded',
  failed: 'failed',
  aborted: 'was aborted',
}

/** What each law and precondition said, with what it judged and where that came from. */
function validationLines(validation: unknown, trace: unknown): string[] {
  if (!isRecord(validation)) return []
  const origin = originsOf(trace)
  const laws = records(validation.findings).map((finding) => {
    const law = text(finding.law)
    const title = LAW_TITLES[law as LawName] ?? law
    const from = origin.get(law)
    const because = from === undefined ? '' : ` (${from})`
    return `${title}: ${verdictOf(finding)}. Seen: ${text(finding.observed)}${because}; required: ${text(finding.required)}`
  })
  const preconditions = records(validation.preconditions).map((finding) => {
    const name = text(finding.precondition)
    const rule = RULES[name as ViolationName] ?? text(finding.rule)
    return `${name}: ${verdictOf(finding)}. Seen: ${text(finding.observed)}; required: ${rule}`
  })
  const warnings = strings(validation.warnings).map((warning) => `Warning: ${warning}`)
  const lifted = strings(validation.overridden)
  const override = lifted.length === 0 ? [] : [`Lifted by the override: ${lifted.join(', ')}`]
  return [...laws, ...preconditions, ...warnings, ...override]
}

/** By law: where the profile's fields that it judges came from. */
function originsOf(trace: unknown): Map<string, string> {
  const judged: Record<string, string> = {
    risk_to_life: 'inhabitance',
    method_type: 'harmonic_attraction',
    entropy_increase: 'total_coherence',
    geometric_ratio: 'structural_integrity',
  }
  return new Map(
    records(trace).flatMap((entry) => {
      const law = judged[text(entry.field)]
      return law === undefined ? [] : [[law, text(entry.from)] as const]
    }),
  )
}

function outcomeOf(rollbacks: readonly Rollback[]): Explanation['outcome'] {
  const last = rollbacks.at(-1)
  if (last === undefined) return 'not_rolled_back'
  if (rollbacks.some(({ status }) => status === 'success')) return 'rolled_back'
  if (last.status === 'aborted') return violationsOf(last).length > 0 ? 'refused' : 'aborted'
  return last.status === 'failed' ? 'failed' : 'in_progress'
}

function headlineOf(story: StoredStory, rollbacks: readonly Rollback[], outcome: Explanation['outcome']): string {
  const what = `${story.service} ${story.deployment.version} in ${story.environment}`
  const told =
    (outcome === 'rolled_back' ? rollbacks.findLast(({ status }) => status === 'success') : undefined) ??
    rollbacks.at(-1)
  if (told === undefined) return `${what} was not rolled back: ${whyNot(story)}`
  const to = told.target === null ? '' : ` to ${told.target.version}`
  const why = told.trigger_reason
  const detail = told.detail === null ? '' : ` ${told.detail}`
  if (outcome === 'rolled_back') {
    const lifted = told.override === null ? '' : `, by an override of ${told.override.violations.join(', ')}`
    return `${what} was rolled back${to}${lifted}: ${why}`
  }
  if (outcome === 'refused')
    return `${what} was not rolled back: the constitution refused it for ${violationsOf(told).join(', ')}. Asked for because: ${why}`
  if (outcome === 'aborted') return `${what} was not rolled back: the rollback was aborted.${detail}`
  if (outcome === 'failed') return `The rollback of ${what}${to} failed.${detail} Asked for because: ${why}`
  return `${what} is being rolled back${to}: ${why}`
}

/** Why nobody asked for a rollback, as far as verdicts and answers tell. */
function whyNot({ verdicts, decisions, observed }: StoredStory): string {
  const rejected = decisions.findLast(({ status }) => status === 'rejected')
  if (rejected)
    return `${rejected.decided_by ?? 'a person'} turned it down${rejected.decision_reason ? `, "${rejected.decision_reason}"` : ''}`
  const ordered = [...verdicts].sort((a, b) => byTime(a.at, b.at))
  const breach = ordered.findLast(({ kind }) => kind === 'breach')
  if (breach) return `a breach was seen (${breach.reason}), and ${whatStopped(decisions, observed)}`
  const told = ordered.findLast(({ kind }) => kind !== 'ended') ?? ordered.at(-1)
  return told === undefined ? 'no verdict is stored' : `${told.kind}, ${told.reason}`
}

/** Why a breach was not acted on: what people were asked last, or why it was only observed. */
function whatStopped(decisions: StoredStory['decisions'], observed: StoredStory['observed']): string {
  const asked = [...decisions].sort((a, b) => byTime(a.asked_at, b.asked_at)).at(-1)
  const seen = [...observed].sort((a, b) => byTime(a.at, b.at)).at(-1)
  if (asked === undefined)
    return seen === undefined ? 'nothing was asked of the deployer' : `nothing was done: ${seen.detail}`
  const answers: Record<string, string> = { waiting: 'who have not answered yet', expired: 'and nobody decided' }
  const why = asked.detail === null ? '' : `: ${asked.detail}`
  return `people were asked, ${answers[asked.status] ?? `whose answer was ${asked.status}`}${why}`
}

function violationsOf({ validation }: Rollback): string[] {
  return isRecord(validation) ? strings(validation.violated) : []
}

function verdictOf(finding: Record<string, unknown>): string {
  return finding.passed === true ? 'upheld' : 'violated'
}

function records(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : []
}

function momentOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : []
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : 'not stored'
}

/** By time; of one moment in the order they were told, and what has no time last. */
function inTime(lines: readonly ExplainedLine[]): ExplainedLine[] {
  return [...lines].sort((a, b) => byTime(a.at, b.at))
}

function byTime(a: string | null, b: string | null): number {
  const [first, second] = [time(a), time(b)]
  return first === second ? 0 : first < second ? -1 : 1
}

function time(iso: string | null): number {
  const at = iso === null ? Number.NaN : Date.parse(iso)
  return Number.isNaN(at) ? Number.POSITIVE_INFINITY : at
}
