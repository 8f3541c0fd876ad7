import type { Rollback, RollbackStep, Validation } from '@roman/sdk'
import type { Cli } from '../cli.ts'
import { facts } from './table.ts'
import { segmentLines, shortId, statusWord } from './words.ts'

type Painted = Pick<Cli, 'colors'>

/** What happened, when, and how long each part took. */
export function timeline(cli: Painted, rollback: Rollback): string {
  const steps = rollback.steps.map((step) => stepLine(cli, step, rollback))
  return [cli.colors.bold('Timeline'), ...steps, '', ...segmentLines(cli, rollback.segments)].join('\n').trimEnd()
}

function stepLine({ colors }: Painted, { step, status, at, detail }: RollbackStep, whole: Rollback): string {
  // How it ended is said beside the timeline.
  const shown = detail === null || detail === whole.detail ? '' : colors.dim(`  ${detail}`)
  const mark = {
    started: colors.cyan('▸'),
    completed: colors.green('✔'),
    warning: colors.yellow('!'),
    failed: colors.red('✖'),
    aborted: colors.yellow('✖'),
  }[status]
  const time = colors.dim(new Date(at).toISOString().slice(11, 23))
  return `  ${time} ${mark} ${step.replaceAll('_', ' ')}${shown}`
}

/** Each law with what was seen and what it asks for. */
export function lawLines({ colors }: Painted, validation: Validation | null): string[] {
  if (validation === null) return []
  const laws = findingsOf(validation).map(
    ({ law, passed, rule, observed }) =>
      `  ${passed ? colors.green('✔') : colors.red('✖')} ${law.replaceAll('_', ' ').padEnd(21)} ${rule}${observed === '' ? '' : colors.dim(` (${observed})`)}`,
  )
  return [
    ...laws,
    ...validation.violations.map((text) => `  ${colors.red('✖')} ${text}`),
    ...validation.warnings.map((text) => `  ${colors.yellow('!')} ${text}`),
  ]
}

interface Finding {
  law: string
  passed: boolean
  rule: string
  observed: string
}

/** The API promises verdict, violations and warnings; the laws' findings come along where they were stored. */
function findingsOf(validation: Validation): Finding[] {
  const { findings } = validation as { findings?: unknown }
  if (!Array.isArray(findings)) return []
  return findings.filter((finding) => typeof finding?.law === 'string' && typeof finding?.rule === 'string')
}

/** How to see what became of the database while the failing version was live. */
function databaseWord({ snapshots: { deployment, pre_rollback } }: Rollback): string | null {
  if (deployment === null || pre_rollback === null) return null
  return `roman snapshots diff ${shortId(deployment.snapshot_id)} ${shortId(pre_rollback.snapshot_id)}`
}

/** One rollback, whole. */
export function rollbackScreen(cli: Painted, rollback: Rollback): string {
  const { colors } = cli
  const head = `${colors.bold(`Rollback ${rollback.event_id}`)}  ${statusWord(cli, rollback.status)}`
  const target = rollback.target_deployment
  const known = facts([
    ['from', `${rollback.service} ${rollback.version ?? '?'} in ${rollback.environment}`],
    ['to', target && `${target.version} (${target.git_commit})`],
    ['trigger', `${rollback.trigger_type.replaceAll('_', ' ')}: ${rollback.trigger_reason}`],
    ['phase', rollback.phase],
    ['outcome', rollback.detail],
    ['workflow', rollback.workflow_id],
    ['database', databaseWord(rollback)],
  ])
  const laws = lawLines(cli, rollback.validation)
  return [
    head,
    known,
    ...(laws.length > 0 ? ['', colors.bold('Constitution'), ...laws] : []),
    '',
    timeline(cli, rollback),
  ].join('\n')
}
