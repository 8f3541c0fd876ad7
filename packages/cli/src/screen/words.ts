import type { Guard, Health, Segments } from '@roman/sdk'
import type { Cli } from '../cli.ts'

/** `4.2 s`, `850 ms`, `3 min 20 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60 * 48) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
  return `${Math.floor(minutes / 60 / 24)} days`
}

export function ago(at: string | null, now: Date): string {
  return at === null ? '–' : `${duration(Math.max(0, now.getTime() - Date.parse(at)))} ago`
}

export const shortId = (id: string) => id.slice(0, 8)

const STATUS_COLOR = {
  pending: 'yellow',
  in_progress: 'cyan',
  success: 'green',
  failed: 'red',
  rolled_back: 'magenta',
  aborted: 'yellow',
} as const

export function statusWord({ colors }: Pick<Cli, 'colors'>, status: keyof typeof STATUS_COLOR): string {
  return colors[STATUS_COLOR[status]](status.replace('_', ' '))
}

export function guardWord(guard: Guard | null): string {
  if (guard === null) return '–'
  const verdict = guard.verdict === null ? '' : ` (${guard.verdict})`
  return `${guard.phase.replaceAll('_', ' ')}${verdict}${guard.decision === null ? '' : ', waits for you'}`
}

/** The numbers that trigger, in a line. */
export function healthWord({ colors }: Pick<Cli, 'colors'>, health: Health | null): string {
  if (health === null) return '–'
  const { error_rate_per_minute: rate, recent_errors: recent, unavailable } = health
  const numbers = rate === null ? 'unknown' : `${round(rate)} errors/min, ${recent ?? '?'} recent`
  const state = health.healthy
    ? colors.green('healthy')
    : rate === null
      ? colors.yellow('blind')
      : colors.red('unhealthy')
  const blind = unavailable.length > 0 ? colors.yellow(` (cannot read ${unavailable.join(', ')})`) : ''
  return `${state}: ${numbers}${blind}`
}

const round = (value: number) => Math.round(value * 10) / 10

/** One decimal at most. */
export const plainNumber = (value: number) => String(round(value))

const SEGMENTS: [keyof Segments, string][] = [
  ['fault_to_detected_ms', 'fault → detected'],
  ['detected_to_decided_ms', 'detected → decided'],
  ['decided_to_dispatched_ms', 'decided → dispatched'],
  ['dispatched_to_live_ms', 'dispatched → live'],
  ['live_to_verified_ms', 'live → verified'],
]

/** Measured spans, each with a bar as long as its share. */
export function segmentLines({ colors }: Pick<Cli, 'colors'>, segments: Segments): string[] {
  const longest = Math.max(1, ...SEGMENTS.map(([name]) => segments[name] ?? 0))
  return SEGMENTS.flatMap(([name, label]) => {
    const ms = segments[name]
    if (ms === null) return []
    const bar = '█'.repeat(Math.max(1, Math.round((ms / longest) * 30)))
    return [`  ${label.padEnd(21)} ${duration(ms).padStart(10)}  ${colors.cyan(bar)}`]
  })
}
