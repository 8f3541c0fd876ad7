import { connectionEntropy, entropyOf, errorRateEntropy, recentErrorsEntropy, UNSTABLE_ENTROPY } from './entropy.ts'
import { formatNumber, isRecord, measured } from './numbers.ts'
import { type HealthSample, type Readings, readSample } from './sample.ts'
import { ERROR_EVIDENCE, type ErrorEvidence } from './sequential.ts'
import { DEFAULT_THRESHOLDS, limitOf, type Thresholds } from './thresholds.ts'

/** What is judged, each named like its threshold, in the order in which they give the reason. */
export const SIGNALS = [
  'error_rate_per_minute',
  'recent_errors',
  'database_connection_percent',
  'p95_response_ms',
  'memory_percent',
] as const
export type SignalName = (typeof SIGNALS)[number]

/** The signals that can trigger a rollback; the others only warn. */
export const ACTING_SIGNALS: readonly SignalName[] = SIGNALS.slice(0, 3)

/** Those that count errors; one sequential test stands for both. */
export const ERROR_SIGNALS: readonly SignalName[] = SIGNALS.slice(0, 2)

export type HealthState = 'healthy' | 'watching' | 'breach' | 'unknown'

export type SignalFinding = {
  signal: SignalName
  observed: number | null
  threshold: number
  /** Strictly above its threshold, whether or not that counts now. */
  exceeded: boolean
  /** Above its threshold since before the deployment, and so not blamed on it. */
  suppressed: boolean
  /** A signal that only warns is at most `watching`. */
  state: HealthState
}

export type SampleVerdict = {
  state: HealthState
  /** In words, from the first signal that is in this state. */
  reason: string
  signals: SignalFinding[]
  warnings: string[]
  /** In [0, 1]; null where it cannot be told. */
  entropy: number | null
}

export type JudgeOptions = {
  /** Signals already in breach before the deployment (the baseline rule). */
  suppressed?: readonly SignalName[] | undefined
  /** After the watch window the error rate alone acts only if `recent_errors` > 25 too. */
  after_window?: boolean | undefined
  /** With `evidence: sequential`: errors act through this alone. */
  error_evidence?: ErrorEvidence | undefined
}

/** What `recent_errors` must be above for the error rate to act after the window. */
export const STANDBY_RECENT_ERRORS = 25

export const SYSTEM_HEALTHY = 'System healthy'

/**
 * Judges one sample: strict thresholds (above, not at), the first signal in order gives the reason.
 * `breach` beats `unknown` (a signal that was read stays read) beats `watching` (entropy 0.1 or more) beats `healthy`.
 */
export function judgeSample(sample: HealthSample, given: Thresholds, judgedBy: JudgeOptions = {}): SampleVerdict {
  const thresholds = isRecord(given) ? given : DEFAULT_THRESHOLDS
  const options = readOptions(judgedBy)
  const readings = readSample(sample)
  const warnings: string[] = []
  const withheld = withholdErrors(readings, thresholds, warnings)
  const observed = observe(readings)
  const disorder = entropyBySignal(readings)
  const tested = options.error_evidence
  const proved = tested !== undefined && tested.value >= tested.needed

  const signals = SIGNALS.map((signal): SignalFinding => {
    const value = observed[signal]
    const threshold = limitOf(thresholds, signal)
    if (value === null) {
      return { signal, observed: null, threshold, exceeded: false, suppressed: false, state: 'unknown' }
    }
    const exceeded = value > threshold
    const suppressed = exceeded && ACTING_SIGNALS.includes(signal) && options.suppressed.includes(signal)
    const finding = { signal, observed: value, threshold, exceeded, suppressed }
    const byTest = tested !== undefined && ERROR_SIGNALS.includes(signal)
    const triggered = byTest ? proved && signal === 'error_rate_per_minute' : exceeded
    if (!exceeded && !triggered)
      return { ...finding, state: disorder[signal] >= UNSTABLE_ENTROPY ? 'watching' : 'healthy' }
    const acts = ACTING_SIGNALS.includes(signal) && triggered && !suppressed && !withheld.includes(signal)
    const alone = signal === 'error_rate_per_minute' && options.after_window
    const backed = !alone || (readings.recentErrors ?? 0) > STANDBY_RECENT_ERRORS
    return { ...finding, state: acts && backed ? 'breach' : 'watching' }
  })

  for (const { signal, exceeded, suppressed } of signals) {
    if (suppressed) warnings.push(notBlamed(signal))
    const unproved = tested !== undefined && !proved && ERROR_SIGNALS.includes(signal)
    if (exceeded && (unproved || withheld.includes(signal)))
      warnings.push(`${signal} is above its threshold, on too little evidence to act`)
  }
  warn(signals, warnings)

  const acting = signals.filter((finding) => ACTING_SIGNALS.includes(finding.signal))
  const first = (state: HealthState) => acting.find((finding) => finding.state === state)
  const breach = first('breach')
  const watching = first('watching')
  const verdict = { signals, warnings, entropy: entropyOf(sample) }
  if (breach) return { state: 'breach', reason: breachReason(breach, readings, tested), ...verdict }
  if (readings.blindTo.length > 0) {
    return { state: 'unknown', reason: `Health cannot be read: ${readings.blindTo.join(', ')}`, ...verdict }
  }
  if (watching) return { state: 'watching', reason: watchingReason(watching, readings), ...verdict }
  return { state: 'healthy', reason: SYSTEM_HEALTHY, ...verdict }
}

/** What cannot be read is left out: it neither holds a signal back nor proves anything. */
function readOptions(given: unknown) {
  const options = isRecord(given) ? given : {}
  const suppressed: readonly unknown[] = Array.isArray(options.suppressed) ? options.suppressed : []
  const tested = ERROR_EVIDENCE(options.error_evidence, 'error_evidence') === null
  return {
    suppressed,
    after_window: options.after_window === true,
    error_evidence: tested ? (options.error_evidence as ErrorEvidence) : undefined,
  }
}

/** Errors are one thing, whichever of their two counts was in breach before. */
function notBlamed(signal: SignalName): string {
  const what = ERROR_SIGNALS.includes(signal) ? 'errors were' : 'it was'
  return `${signal} is not blamed on this deployment yet: ${what} in breach before it`
}

function observe({ connections, ...readings }: Readings): Record<SignalName, number | null> {
  return {
    error_rate_per_minute: readings.errorRate,
    recent_errors: readings.recentErrors,
    // Multiplied first: whole percentages stay exact, and the threshold is strict.
    database_connection_percent: connections === null ? null : (connections.used * 100) / connections.max,
    p95_response_ms: readings.p95Ms,
    memory_percent: readings.memoryPercent,
  }
}

/** 0 for what cannot be read, and for what only warns. */
function entropyBySignal({ errorRate, recentErrors, connections }: Readings): Record<SignalName, number> {
  return {
    error_rate_per_minute: errorRateEntropy(errorRate ?? 0),
    recent_errors: recentErrorsEntropy(recentErrors ?? 0),
    database_connection_percent: connections === null ? 0 : connectionEntropy(connections),
    p95_response_ms: 0,
    memory_percent: 0,
  }
}

/**
 * Which error signals the optional `min_requests` and `error_percent` keep from acting. Where the traffic cannot be read
 * they cannot be answered, and the plain thresholds hold: a remedy against noise must not blind the guard.
 */
function withholdErrors(readings: Readings, thresholds: Thresholds, warnings: string[]): SignalName[] {
  const minRequests = measured(thresholds.min_requests)
  const errorPercent = measured(thresholds.error_percent)
  if (minRequests === null && errorPercent === null) return []
  const requests = readings.requestsPerMinute
  if (requests === null) {
    warnings.push('Traffic cannot be read: min_requests and error_percent are left out')
    return []
  }
  const tooFew = requests < (minRequests ?? 0)
  const names: SignalName[] = []
  const perMinute: [SignalName, number][] = [
    ['error_rate_per_minute', readings.errorRate ?? 0],
    ['recent_errors', (readings.recentErrors ?? 0) / 5],
  ]
  for (const [signal, errors] of perMinute) {
    const tooSmall = errorPercent !== null && errors * 100 <= errorPercent * requests
    if (tooFew || tooSmall) names.push(signal)
  }
  return names
}

/**
 * `Slow responses: P95 is 9000 ms, above 5000 ms` and `High memory usage: 95.2%, above 95%`, the same texts as those of
 * `ops.get_deployment_health`. The value is as by {@link formatNumber} beside its threshold: rounded half up, in decimals, to
 * the first of one to six decimals at which it is above the threshold, whole where none is, without trailing zeros. The
 * threshold is whole.
 */
function warn(signals: SignalFinding[], warnings: string[]): void {
  for (const { signal, observed, threshold, exceeded } of signals) {
    if (!exceeded) continue
    const [seen, limit] = [formatNumber(observed ?? 0, threshold), String(threshold)]
    if (signal === 'p95_response_ms') warnings.push(`Slow responses: P95 is ${seen} ms, above ${limit} ms`)
    if (signal === 'memory_percent') warnings.push(`High memory usage: ${seen}%, above ${limit}%`)
  }
}

function breachReason(
  { signal, observed, threshold }: SignalFinding,
  readings: Readings,
  tested?: ErrorEvidence,
): string {
  const seen = formatNumber(observed ?? 0, threshold)
  if (signal === 'error_rate_per_minute') {
    if (tested === undefined) return `High error rate: ${seen} errors/minute`
    const rate = formatNumber(tested.rate_per_minute)
    // Proof may be there before the rate's own window is full.
    const fact =
      (observed ?? 0) > tested.rate_per_minute
        ? `${seen} errors/minute, proved above ${rate}`
        : `proved above ${rate} errors/minute`
    return `High error rate: ${fact} (false alarm at most ${formatNumber(tested.false_alarm_bound * 100)}%)`
  }
  if (signal === 'recent_errors') return `Too many recent errors: ${seen} in last 5 minutes`
  return `Database connection exhaustion: ${seen}% of ${readings.connections?.max} connections`
}

function watchingReason({ signal, observed, threshold }: SignalFinding, readings: Readings): string {
  const seen = formatNumber(observed ?? 0, threshold)
  if (signal === 'error_rate_per_minute') return `Elevated error rate: ${seen} errors/minute, watching`
  if (signal === 'recent_errors') return `Elevated recent errors: ${seen} in last 5 minutes, watching`
  return `Elevated database connections: ${seen}% of ${readings.connections?.max} connections, watching`
}
