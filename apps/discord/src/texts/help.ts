import { VIOLATIONS } from '@roman/constitution'
import { fit, plain } from './plain.ts'

const example = (botId: string) =>
  `\`<@${botId}> /approve rollback deployment_id=abc-123 reason="Critical bug in payment flow"\``

export const helpText = (botId: string): string =>
  fit([
    '**R.O.M.A.N. rollback**',
    '',
    example(botId),
    'Approves the rollback that waits for this deployment, or starts one.',
    '',
    '`deployment_id` its id, the first 8 or more characters of it, or its version',
    '`reason` why, in quotes; it is kept on the record',
    '`environment`, `service` needed only where the version alone fits several deployments',
    `\`override\` lifts what the constitution refused, by name: ${VIOLATIONS.filter((name) => name !== 'no_target')
      .map(plain)
      .join(', ')}`,
    '',
    `\`<@${botId}> /help rollback\``,
    'Shows this.',
    '',
    '-# Approving takes an approver role, overriding an override role, both named in roman.yaml under discord.',
  ])

export const misunderstoodText = (problem: string, botId: string): string =>
  fit([
    `❓ ${plain(problem, 400)} Nothing was done.`,
    '',
    `Expected: ${example(botId)}`,
    `More: \`<@${botId}> /help rollback\``,
  ])
