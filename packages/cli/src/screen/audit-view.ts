import type { AuditVerification } from '@roman/contracts'
import type { Cli } from '../cli.ts'
import { table } from './table.ts'
import { ago } from './words.ts'

/** What a verification found, the verdict first. */
export function auditScreen(cli: Cli, verification: AuditVerification): string {
  const { colors } = cli
  const { valid, findings, findings_total: total, events, seals, unsealed, head, anchored } = verification
  const verdict = valid
    ? `${colors.green('✔')} ${events} events in ${seals} seals: each is as it was sealed.`
    : `${colors.red('✖')} The audit trail is not as it was sealed: ${total} ${total === 1 ? 'finding' : 'findings'}.`
  const rows = findings.map(({ kind, message }) => [colors.red(kind.replaceAll('_', ' ')), message])
  const sealedAt = head.sealed_at === null ? '' : `, sealed ${ago(head.sealed_at, cli.now())}`
  return [
    verdict,
    ...(rows.length === 0 ? [] : ['', table(['WHAT', 'WHERE'], rows)]),
    ...(total > findings.length ? [`… and ${total - findings.length} more.`] : []),
    ...(rows.length === 0 ? [] : ['']),
    `  Head: ${head.anchor}${sealedAt}`,
    ...(unsealed === 0 ? [] : [`  Not sealed yet: ${unsealed}`]),
    ...(anchored || total > 0
      ? []
      : [
          `  ${colors.yellow('!')} Not held against an anchor: that the end was cut off, or all of it written anew, would not show.`,
          '    Keep what "roman audit anchor" prints elsewhere, and give it with --anchor.',
        ]),
  ].join('\n')
}
