import { ACTING_SIGNALS, type SignalName } from './health.ts'
import { type Replay, replay, type StoredLife } from './replay.ts'
import type { GuardPolicy, Thresholds } from './thresholds.ts'

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
}

/** `earlier` and `later` only where both roll it back. */
export type BacktestChange = 'same' | 'more' | 'fewer' | 'earlier' | 'later'

export type BacktestRow = {
  deployment_id: string
  label: Label | null
  /** Whether it deserved a rollback, from the label; null where nobody said. */
  bad: boolean | null
  today: Replay
  proposed: Replay
  change: BacktestChange
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
  today: PolicyScore
  proposed: PolicyScore
}

type Rules = Pick<GuardPolicy, 'thresholds' | 'watch'>

/**
 * Guards stored deployments again, once under today's rules and once under the proposed ones, through the code that guards
 * them live. What no rule has seen cannot be replayed: a deployment that was replaced is not known beyond that moment.
 */
export function backtest(deployments: readonly BacktestDeployment[], today: Rules, proposed: Rules): Backtest {
  const rows = deployments.map((deployment) => rowOf(deployment, today, proposed))
  const named = (change: BacktestChange) => rows.filter((row) => row.change === change).map((row) => row.deployment_id)
  const [more, fewer, earlier, later] = [named('more'), named('fewer'), named('earlier'), named('later')]
  const score = (rules: Rules, of: (row: BacktestRow) => Replay): PolicyScore => ({
    ...scoreOf(rows, (row) => of(row).rolls_back),
    rules: Object.fromEntries(
      ACTING_SIGNALS.map((signal) => [signal, scoreRule(deployments, rows, rules, signal)]),
    ) as PolicyScore['rules'],
  })
  return {
    headline: headlineOf(rows.length, more, fewer, rows),
    rows,
    more,
    fewer,
    earlier,
    later,
    today: score(today, (row) => row.today),
    proposed: score(proposed, (row) => row.proposed),
  }
}

function rowOf(deployment: BacktestDeployment, today: Rules, proposed: Rules): BacktestRow {
  const before = replay(deployment, today)
  const after = replay(deployment, proposed)
  const label = deployment.label ?? null
  const both = before.rolls_back && after.rolls_back
  const earlierMs = both ? before.at - after.at : null
  return {
    deployment_id: deployment.deployment_id,
    label,
    bad: isBad(label, deployment.rolled_back ?? before.rolls_back),
    today: before,
    proposed: after,
    change: changeOf(before, after, earlierMs),
    earlier_ms: earlierMs,
  }
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
    if (row.bad !== null) acts.set(row, replay(deployments[index]!, alone).rolls_back)
  })
  return scoreOf(rows, (row) => acts.get(row) === true)
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

function headlineOf(count: number, more: string[], fewer: string[], rows: readonly BacktestRow[]): string {
  const differences = rows.map((row) => row.earlier_ms ?? 0)
  const earlier = differences.filter((ms) => ms > 0)
  const later = differences.filter((ms) => ms < 0)
  const parts = [`${more.length} rollbacks more`, `${fewer.length} fewer`]
  if (earlier.length > 0) parts.push(`${earlier.length} earlier (by ${seconds(earlier)} at the median)`)
  if (later.length > 0) parts.push(`${later.length} later (by ${seconds(later)} at the median)`)
  return `Of ${count} deployments: ${parts.join(', ')}`
}

function seconds(differences: readonly number[]): string {
  const sorted = differences.map(Math.abs).sort((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  return `${Math.round(median / 100) / 10} s`
}
