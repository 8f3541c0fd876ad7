import { DeadlineError } from '../within-bound.ts'
import { BrokenOffError } from './get.ts'

/**
 * What only the service can have caused, in words that follow its address. Whatever is not in this table is the
 * prober's own trouble, or cannot be told: docs/health-sources.md lists both.
 */
const SICKNESS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
  ECONNRESET: 'reset the connection',
  EPIPE: 'closed the connection before it had answered',
  UND_ERR_SOCKET: 'closed the connection before it had answered',
}

/** One address of a name that this machine has no way to (as IPv6 often) says nothing of the others. */
const NO_WAY_THERE = ['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EHOSTUNREACH', 'ENETUNREACH']

/**
 * Why a probe that got no answer shows the service sick; null where it shows nothing.
 * @param connected the TCP connection stood: whoever accepted it and then says nothing is the service.
 */
export function sicknessOf(error: unknown, probe: { connected: boolean; timeoutMs: number }): string | null {
  if (error instanceof DeadlineError) {
    return probe.connected ? `did not answer within ${probe.timeoutMs / 1000} s` : null
  }
  if (error instanceof BrokenOffError) return 'broke off its answer'
  // The name has several addresses, and all were tried. Sick if each that can be reached says so.
  if (error instanceof AggregateError) {
    const reachable = error.errors.filter((inner) => !NO_WAY_THERE.includes(codeOf(inner)))
    const told = reachable.map((inner) => sicknessOf(inner, probe))
    return told.includes(null) ? null : (told[0] ?? null)
  }
  const code = codeOf(error)
  return Object.hasOwn(SICKNESS, code) ? SICKNESS[code]! : null
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : ''
}
