import type { StackAddresses } from '@roman/local-stack'
import type { Cli } from '../cli.ts'

/** Where a person finds everything of a stack that runs. */
export function whereToLook(
  { colors }: Pick<Cli, 'colors'>,
  stack: StackAddresses,
  title: string,
  more: [string, string][] = [],
): string {
  const places: [string, string | null][] = [
    ['Dashboard', stack.dashboardUrl],
    ['API', stack.apiUrl],
    ['API docs', `${stack.apiUrl}/docs`],
    ['Temporal Web UI', stack.temporalUiUrl],
    ...more,
    ['Key', stack.serviceKey],
  ]
  const lines = places
    .filter(([, at]) => at !== null)
    .map(([name, at]) => `  ${name.padEnd(16)} ${colors.cyan(at ?? '')}`)
  const shell = [`export ROMAN_URL=${stack.apiUrl} ROMAN_KEY=${stack.serviceKey}`, 'npx -y pnpm@12.21.0 roman status']
  const inShell = shell.map((line) => `  ${line}`)
  return [colors.bold(title), ...lines, '', '  For the CLI, in another terminal here:', ...inShell].join('\n')
}
