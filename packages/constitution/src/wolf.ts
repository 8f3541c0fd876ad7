import { falseRollbackChance, readSteady, type SignalNoise, type Steady, thresholdNoise } from './noise.ts'
import { formatNumber, measured } from './numbers.ts'
import { falseAlarmBound, isSequential, normalRatePerMinute } from './sequential.ts'
import { limitOf, RECENT_ERRORS_WINDOW_SECONDS, readRules, type Thresholds, type WatchPolicy } from './thresholds.ts'

/** More than this share of deployments rolled back for nothing is crying wolf. */
export const WOLF_CHANCE = 0.05

/** A change of the rules that would help, and what it would bring. */
export type Remedy = {
  set: Partial<Thresholds>
  /** What to do, as a part of a sentence. */
  words: string
  /** With it, so many deployments at most would be rolled back for nothing. */
  chance_per_deployment: number
}

/** Rules that would roll back more than {@link WOLF_CHANCE} of deployments for nothing. */
export type Wolf = {
  chance_per_deployment: number
  remedies: Remedy[]
  /** The fact and the way out, in words. */
  text: string
}

/**
 * What to tell people whose thresholds would roll back more than {@link WOLF_CHANCE} of deployments for nothing, at a rate of
 * errors that they live with; null where they would not.
 */
export function criesWolf(givenThresholds: Thresholds, givenWatch: WatchPolicy, givenSteady: Steady): Wolf | null {
  const { thresholds, watch } = readRules({ thresholds: givenThresholds, watch: givenWatch })
  const steady = readSteady(givenSteady)
  const noise = thresholdNoise(thresholds, watch, steady)
  const { at_most: chance } = falseRollbackChance(noise)
  if (chance <= WOLF_CHANCE) return null
  const remedies = isSequential(thresholds)
    ? [higherNormal(thresholds, steady)]
    : remediesOf(thresholds, watch, steady, noise)
  const rate = formatNumber(steady.errors_per_minute)
  const fact = `At a steady ${rate} errors/minute these thresholds would roll back ${share(chance)} of deployments for nothing`
  const normal = formatNumber(normalRatePerMinute(thresholds))
  const why = isSequential(thresholds)
    ? `: the sequential test takes no more than ${normal} errors/minute for normal`
    : ''
  return { chance_per_deployment: chance, remedies, text: `${fact}${why}. ${advice(remedies)}${onTraffic(steady)}` }
}

function remediesOf(
  thresholds: Thresholds,
  watch: WatchPolicy,
  steady: Steady,
  noise: readonly SignalNoise[],
): Remedy[] {
  const chanceOf = (set: Partial<Thresholds>) =>
    falseRollbackChance(thresholdNoise({ ...thresholds, ...set }, watch, steady, REMEDY_RUNS)).at_most
  const remedy = (set: Partial<Thresholds>, words: string): Remedy => ({
    set,
    words,
    chance_per_deployment: chanceOf(set),
  })
  const firstQuiet = (name: 'for_seconds' | 'error_percent', values: readonly number[]) =>
    values.find((value) => value > (measured(thresholds[name]) ?? 0) && chanceOf({ [name]: value }) <= WOLF_CHANCE)

  const remedies = [higherThresholds(thresholds, watch, steady, noise, remedy)]
  // Neither patience nor proof helps against a rate that is above the threshold all the time.
  if (steady.errors_per_minute <= normalRatePerMinute(thresholds)) {
    const seconds = firstQuiet('for_seconds', PATIENCE_SECONDS)
    if (seconds !== undefined)
      remedies.push(remedy({ for_seconds: seconds }, `let a breach last with for_seconds: ${seconds}`))
    remedies.push(remedy({ evidence: 'sequential' }, 'ask for proof with "evidence: sequential"'))
  }
  const requests = measured(steady.requests_per_minute)
  if (requests === null) return remedies
  const percent = firstQuiet('error_percent', ERROR_PERCENTS)
  if (percent !== undefined) remedies.push(remedy({ error_percent: percent }, `set error_percent: ${percent}`))
  const more = Math.floor(requests) + 1
  remedies.push(
    remedy({ min_requests: more }, `let errors act only at more traffic than this, with min_requests: ${more}`),
  )
  return remedies
}

/** A remedy's chance is a hint: fewer runs than where it is asked for itself. */
const REMEDY_RUNS = 1000
const PATIENCE_SECONDS: readonly number[] = [15, 30, 60, 120, 300]
const ERROR_PERCENTS: readonly number[] = [1, 2, 5, 10, 20, 50]

/** Raises each rule that is too noisy by itself; all of them where only their sum is. */
function higherThresholds(
  thresholds: Thresholds,
  watch: WatchPolicy,
  steady: Steady,
  noise: readonly SignalNoise[],
  remedy: (set: Partial<Thresholds>, words: string) => Remedy,
): Remedy {
  const noisy = noise.filter((rule) => rule.chance_per_deployment > WOLF_CHANCE)
  const raised = (noisy.length > 0 ? noisy : noise).map(({ signal }) => {
    const limit = quietThreshold(thresholds, watch, steady, signal)
    return { set: { [signal]: limit }, words: `raise ${signal} to ${formatNumber(limit)}` }
  })
  return remedy(Object.assign({}, ...raised.map(({ set }) => set)), raised.map(({ words }) => words).join(' and '))
}

/** The smallest whole threshold at which this rule alone is quiet, whether or not a breach must last. */
function quietThreshold(
  thresholds: Thresholds,
  watch: WatchPolicy,
  steady: Steady,
  signal: SignalNoise['signal'],
): number {
  const quiet = (limit: number) => {
    const noise = thresholdNoise({ ...thresholds, for_seconds: 0, [signal]: limit }, watch, steady, REMEDY_RUNS)
    return noise.every((rule) => rule.signal !== signal || rule.chance_per_deployment <= WOLF_CHANCE / 2)
  }
  let high = Math.ceil(limitOf(thresholds, signal)) + 1
  while (!quiet(high)) high *= 2
  let low = Math.floor(high / 2)
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    // Numbers as large as this have no others between them.
    if (middle <= low || middle >= high) return high
    if (quiet(middle)) high = middle
    else low = middle
  }
  return high
}

/** A sequential test is as quiet as its bound as soon as it takes the rate for normal. */
function higherNormal(thresholds: Thresholds, steady: Steady): Remedy {
  const wanted = {
    error_rate_per_minute: Math.ceil(steady.errors_per_minute),
    recent_errors: Math.ceil((steady.errors_per_minute * RECENT_ERRORS_WINDOW_SECONDS) / 60),
  }
  const raised = (['error_rate_per_minute', 'recent_errors'] as const).filter(
    (name) => limitOf(thresholds, name) < wanted[name],
  )
  return {
    set: Object.fromEntries(raised.map((name) => [name, wanted[name]])),
    words: raised.map((name) => `raise ${name} to ${wanted[name]}`).join(' and '),
    chance_per_deployment: falseAlarmBound(thresholds),
  }
}

function advice(remedies: readonly Remedy[]): string {
  const told = remedies.map(({ words, chance_per_deployment: chance }) => `${words} (then ${share(chance)})`)
  return `${told.length === 1 ? '' : 'either '}${told.join(', or ')}.`.replace(/^./, (first) => first.toUpperCase())
}

function onTraffic({ requests_per_minute: requests }: Steady): string {
  return measured(requests) === null
    ? ' With a source of requests_per_minute, min_requests and error_percent help as well.'
    : ''
}

function share(chance: number): string {
  if (chance < 0.0005) return 'next to none'
  return chance < 0.01 ? 'less than 1%' : `about ${formatNumber(Math.round(chance * 100))}%`
}
