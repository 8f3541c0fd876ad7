import { RomanApiError } from '@roman/sdk'
import { CommanderError } from 'commander'

/** The command line itself is wrong. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The command did what it was told and the answer is "no": everything is on the screen already. */
export class Unsuccessful extends Error {
  override readonly name = 'Unsuccessful'
}

export const EXIT = { ok: 0, failed: 1, usage: 2 } as const

/** The exit code of a command that threw, and what is still to be said. */
export function endOf(error: unknown, debug: boolean): { code: number; text: string | null } {
  if (error instanceof CommanderError) return { code: error.exitCode === 0 ? EXIT.ok : EXIT.usage, text: null }
  if (error instanceof Unsuccessful) return { code: EXIT.failed, text: null }
  const code = error instanceof UsageError ? EXIT.usage : EXIT.failed
  if (!(error instanceof Error)) return { code, text: String(error) }
  return { code, text: [debug ? withCauses(error) : error.message, ...candidatesOf(error)].join('\n') }
}

function withCauses(error: Error): string {
  const own = error.stack ?? error.message
  return error.cause instanceof Error ? `${own}\nCaused by: ${withCauses(error.cause)}` : own
}

/** What an ambiguous name may mean, a line each. */
function candidatesOf(error: Error): string[] {
  const candidates = error instanceof RomanApiError ? error.details?.candidates : undefined
  if (!Array.isArray(candidates)) return []
  return candidates.map((candidate: Record<string, unknown>) => `  ${Object.values(candidate).join('  ')}`)
}
