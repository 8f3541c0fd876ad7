import type { Frozen } from '@roman/sdk'
import type { Cli } from '../cli.ts'
import { ago } from './words.ts'

/** What a freeze names; left out (null from the API) means all of them. */
interface Place {
  service?: string | null | undefined
  environment?: string | null | undefined
}

export const placeName = ({ service, environment }: Place) =>
  `${service ?? 'every service'} in ${environment ?? 'every environment'}`

const overlap = (one: string | null | undefined, other: string | null | undefined) =>
  one == null || other == null || one === other

/** Those that hold anything back at a place. */
export function freezesAt(freezes: readonly Frozen[], { service, environment }: Place): Frozen[] {
  return freezes.filter((freeze) => overlap(freeze.service, service) && overlap(freeze.environment, environment))
}

/** One freeze in a line. */
export function freezeLine({ colors, now }: Pick<Cli, 'colors' | 'now'>, freeze: Frozen): string {
  const since = colors.dim(`(${ago(freeze.frozen_at, now())})`)
  return `${colors.cyan('❄')} ${colors.bold(placeName(freeze))} is frozen: ${freeze.reason} ${since}`
}

/** The command line that lifts exactly this freeze. */
export function unfreezeCommand({ service, environment }: Place): string {
  const place = [service && `--service ${service}`, environment && `--environment ${environment}`].filter(Boolean)
  return ['roman unfreeze', ...place, '--reason "…"'].join(' ')
}
