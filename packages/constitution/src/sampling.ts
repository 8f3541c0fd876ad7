import type { SampleVerdict } from './health.ts'
import { finite, record, text } from './malformed.ts'

/** The last sample that was kept, as far as the next decision to keep one needs it. */
export type KeptSample = { at: number; states: string }

export const KEPT_SAMPLE = record<KeptSample>({ at: finite, states: text })

/** Besides changes and breaches, one sample a minute is kept, so that thresholds can be tried over the past. */
const KEEP_EVERY_MS = 60_000

/** Whether a sample is worth storing: the first, a change of any signal's state, a breach, or a minute since the last. */
export function shouldKeepSample(previous: KeptSample | null, verdict: SampleVerdict, at: number): boolean {
  if (previous === null || verdict.state === 'breach') return true
  return previous.states !== statesOf(verdict) || at - previous.at >= KEEP_EVERY_MS
}

export function keptSample(verdict: SampleVerdict, at: number): KeptSample {
  return { at, states: statesOf(verdict) }
}

function statesOf({ state, signals }: SampleVerdict): string {
  return [state, ...signals.map((finding) => finding.state)].join(' ')
}
