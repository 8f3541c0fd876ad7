import { ACTING_SIGNALS, type SignalName } from './health.ts'
import { flag, listOf, nullable, oneOf, optional, record, text } from './malformed.ts'
import { lacksErrors, type Replay, replay, STORED_LIFE, type StoredLife } from './replay.ts'
import { type GuardPolicy, readRules, secondsOf, type Thresholds } from './thresholds.ts'

/**
 * What people say, in hindsight, of what was done about a deployment: it was `right` (rolled back a bad one, or left a good
 * one alone), a `false_alarm` (rolled back a good one), or it `missed` a bad one.
 */
export const LABELS = ['right', 'false_alarm', 'missed'] as const
export type Label = (typeof LABELS)[number]

export type BacktestDeployment = StoredLife & {
  deployment_id: string
  label?: Label | null | undefined
  /** Whether it was really rolled back, which tells what `right` means. Left out, today's rules answer. */
  rolled_back?: boolean | undefined
  /** Its own automatic rollback took its place: what it would have done further, nobody knows. */
  cut_off?: boolean | undefined
}

/** `earlier` and `later` only where both roll it back; `unknown` where too little is stored to tell. */
export type BacktestChange = 'same' | 'more' | 'fewer' | 'earlier' | 'later' | 'unknown'

/** What is not stored, and what a rule would need; `aftermath`: what a rollback kept from happening. */
export type Missing = 'errors' | 'traffic' | 'aftermath'

export type BacktestRow = {
  deployment_id: string
  label: Label | null
  /** Whether it deserved a rollback, from the label; null where nobody said. */
  bad: boolean | null
  today: Replay
  proposed: Replay
  change: BacktestChange
  /** Why it is `unknown`; empty for all others. */
  missing: Missing[]
  /** How much earlier the proposed rules act; negative is later; null unless both act. */
  earlier_ms: number | null
}

/** Over labelled deployments. Null where there is nothing to divide by: no rollback, or no bad deployment. */
export type Score = { rollbacks: number; labelled: number; precision: number | null; recall: number | null }

/** `rules`: each acting signal as if it were the only rule. */
export type PolicyScore = Score & { rules: Record<(typeof ACTING_SIGNALS)[number], Score> }

export type Backtest = {
  /** In words: what would change. */
  headline: string
  rows: BacktestRow[]
  more: string[]
  fewer: string[]
  earlier: string[]
  later: string[]
  /** Left out of the scores as well. */
  unknown: string[]
  /** In words: for what, and of how many, too little is stored; empty where everything is there. */
  not_enough_data: string[]
  today: PolicyScore
  proposed: PolicyScore
}

type Rules = Pick<GuardPolicy, 'thresholds' | 'watch'>

const DEPLOYMENTS = listOf(
  record<BacktestDeployment>({
    ...STORED_LIFE,
    deployment_id: text,
    label: optional(nullable(oneOf(LABELS))),
    rolled_back: optional(flag),
    cut_off: optional(flag),
  }),
)

/**
 * Guards stored deployments again, once under today's rules and once under the proposed ones, through the code that guards
 * them live. Where one of them cannot be read, none is replayed, and the headline says why. What no rule has seen cannot be replayed: a deployment that was replaced is not known beyond that moment.
 */
export function backtest(given: readonly BacktestDeployment[], todays: Rules, others: Rules): Backtest {
  const malformed = DEPLOYMENTS(given, 'deployments')
  const deployments = malformed === null ? given : []
  const [today, proposed] = [readRules(todays), readRules(others)]
  const rows = deployments.map((deployment) => rowOf(deployment, today, proposed))
  const named = (change: BacktestChange) => rows.filter((row) => row.change === change).map((row) => row.deployment_id)
  const [more, fewer, earlier, later] = [named('more'), named('fewer'), named('earlier'), named('later')]
  const unknown = named('unknown')
  const known = rows.filter((row) => row.change !== 'unknown')
  const score = (rules: Rules, of: (row: BacktestRow) => Replay): PolicyScore => ({
    ...scoreOf(known, (row) => of(row).rolls_back),
    rules: Object.fromEntries(
      ACTING_SIGNALS.map((signal) => [signal, scoreRule(deployments, rows, rules, signal)]),
    ) as PolicyScore['rules'],
  })
  return {
    headline:
      malformed === null ? headlineOf(rows.length, more, fewer, unknown, rows) : `Nothing is replayed: ${malformed}`,
    rows,
    more,
    fewer,
    earlier,
    later,
    unknown,
    not_enough_data: notEnoughData(rows, [today, proposed]),
    today: score(today, (row) => row.today),
    proposed: score(proposed, (row) => row.proposed),
  }
}

function rowOf(deployment: BacktestDeployment, today: Rules, proposed: Rules): BacktestRow {
  const before = replay(deployment, today)
  const after = replay(deployment, proposed)
  const label = deployment.label ?? null
  const both = before.rolls_back && after.rolls_back
  const missing = missingOf(deployment, [before, after])
  if (endsTooSoon(deployment, before, today) || endsTooSoon(deployment, after, proposed)) missing.push('aftermath')
  const earlierMs = both && missing.length === 0 ? before.at - after.at : null
  return {
    deployment_id: deployment.deployment_id,
    label,
    bad: isBad(label, deployment.rolled_back ?? before.rolls_back),
    today: before,
    proposed: after,
    change: missing.length > 0 ? 'unknown' : changeOf(before, after, earlierMs),
    missing,
    earlier_ms: earlierMs,
  }
}

function missingOf(deployment: BacktestDeployment, replays: readonly Replay[]): Missing[] {
  const missing: Missing[] = lacksErrors(deployment) ? ['errors'] : []
  if (replays.some((each) => each.for_want_of_traffic)) missing.push('traffic')
  return missing
}

/**
 * Whether rules that do not act might have, had the rollback not come first: it ends a life just when today's rules act, and
 * so of slower or blunter ones nothing can be told.
 */
function endsTooSoon(
  { cut_off: cut, deployed_at: start, replaced_at: end }: BacktestDeployment,
  seen: Replay,
  { watch }: Rules,
) {
  const watched = Math.max(secondsOf(watch, 'window_seconds'), secondsOf(watch, 'auto_rollback_within_seconds')) * 1000
  return cut === true && !seen.rolls_back && end !== null && end < start + watched
}

function changeOf(before: Replay, after: Replay, earlierMs: number | null): BacktestChange {
  if (after.rolls_back && !before.rolls_back) return 'more'
  if (before.rolls_back && !after.rolls_back) return 'fewer'
  if (earlierMs === null || earlierMs === 0) return 'same'
  return earlierMs > 0 ? 'earlier' : 'later'
}

function isBad(label: Label | null, rolledBack: boolean): boolean | null {
  if (label === null) return null
  return label === 'right' ? rolledBack : label === 'missed'
}

/** One rule alone: the others can never be in breach. Only labelled deployments are worth the replay. */
function scoreRule(
  deployments: readonly BacktestDeployment[],
  rows: BacktestRow[],
  rules: Rules,
  signal: SignalName,
): Score {
  const thresholds: Thresholds = { ...rules.thresholds }
  for (const other of ACTING_SIGNALS) if (other !== signal) thresholds[other] = Number.MAX_VALUE
  const alone = { ...rules, thresholds }
  const acts = new Map<BacktestRow, boolean>()
  rows.forEach((row, index) => {
    if (row.bad === null || row.change === 'unknown') return
    const seen = replay(deployments[index]!, alone)
    if (!seen.for_want_of_traffic && !endsTooSoon(deployments[index]!, seen, alone)) acts.set(row, seen.rolls_back)
  })
  return scoreOf(
    rows.filter((row) => acts.has(row)),
    (row) => acts.get(row) === true,
  )
}

function scoreOf(rows: readonly BacktestRow[], acts: (row: BacktestRow) => boolean): Score {
  const labelled = rows.filter((row) => row.bad !== null)
  const acted = labelled.filter(acts)
  const hits = acted.filter((row) => row.bad).length
  const bad = labelled.filter((row) => row.bad).length
  return {
    rollbacks: rows.filter(acts).length,
    labelled: labelled.length,
    precision: acted.length === 0 ? null : hits / acted.length,
    recall: bad === 0 ? null : hits / bad,
  }
}

function headlineOf(
  count: number,
  more: string[],
  fewer: string[],
  unknown: string[],
  rows: readonly BacktestRow[],
): string {
  const differences = rows.flatMap((row) => (row.earlier_ms === null || row.earlier_ms === 0 ? [] : [row.earlier_ms]))
  const earlier = differences.filter((ms) => ms > 0)
  const later = differences.filter((ms) => ms < 0)
  const parts = [`${more.length} ${more.length === 1 ? 'rollback' : 'rollbacks'} more`, `${fewer.length} fewer`]
  if (earlier.length > 0) parts.push(`${earlier.length} earlier (by ${seconds(earlier)} at the median)`)
  if (later.length > 0) parts.push(`${later.length} later (by ${seconds(later)} at the median)`)
  if (unknown.length > 0) parts.push(`${unknown.length} that cannot be told`)
  return `Of ${count} deployments: ${parts.join(', ')}`
}

function notEnoughData(rows: readonly BacktestRow[], policies: readonly Rules[]): string[] {
  const lacking = (what: Missing) => rows.filter(({ missing }) => missing.includes(what)).length
  const [errors, traffic] = [lacking('errors'), lacking('traffic')]
  const told: string[] = []
  const cut = lacking('aftermath')
  if (cut > 0)
    told.push(
      `Not enough data for ${cut} of ${rows.length} deployments: their rollback ended what could have made other rules act`,
    )
  if (errors > 0)
    told.push(`Not enough data for ${errors} of ${rows.length} deployments: not all of their errors are stored`)
  if (traffic > 0) {
    const asking = (['min_requests', 'error_percent'] as const).filter((name) =>
      policies.some(({ thresholds }) => thresholds[name] !== undefined),
    )
    told.push(
      `Not enough data for ${asking.join(' and ')}: of ${traffic} of ${rows.length} deployments no traffic is stored`,
    )
  }
  return told
}

function seconds(differences: readonly number[]): string {
  const sorted = differences.map(Math.abs).sort((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  return `${Math.round(median / 100) / 10} s`
}
