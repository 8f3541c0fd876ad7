import {
  ACTING_SIGNALS,
  entropyOf,
  type HealthSample,
  judgeSample,
  type SignalName,
  type Thresholds,
} from '@roman/constitution'
import type { ControlContext } from './context.ts'
import { blindSample, type HealthReading, readHealth } from './health.ts'
import { storedSample } from './store/samples.ts'

/** How the environment was before a deployment. */
export interface Baseline {
  /** What was live then. */
  deployment_id: string
  sample: HealthSample
  /** Signals in breach at some time in the five minutes before: not blamed on the deployment at once. */
  in_breach: SignalName[]
}

const LOOK_BACK_MS = 300_000
const BETWEEN_LOOKS_MS = 60_000
/**
 * A deployment that is recorded in one step is live already, nobody knows since when: errors of these last minutes may be
 * its own, and are no excuse for it.
 */
const MAY_BE_ITS_OWN_MS = 120_000

/**
 * Health of what is live before a deployment: a signal in breach then is not blamed on it. Where nothing is live there is
 * nothing to be disordered, and entropy is 0; where it cannot be read both are null.
 * @param switched whether the new version is live already
 */
export const readBaseline = async (
  context: ControlContext,
  service: string,
  environment: string,
  { switched }: { switched: boolean },
): Promise<{ baseline: Baseline | null; entropy: number | null }> => {
  try {
    const live = await context.db.prisma.live.findUnique({ where: { service_environment: { service, environment } } })
    if (live?.deployment_id == null) return { baseline: null, entropy: 0 }
    const [reading] = await readHealth(context.db, [live.deployment_id])
    if (reading === undefined) return { baseline: null, entropy: null }
    const untilMs = reading.at_ms - (switched ? MAY_BE_ITS_OWN_MS : 0)
    const samples = [
      ...(switched ? [] : [reading.sample]),
      ...(await keptSamples(context, reading, untilMs)),
      ...(await countedSamples(context, reading, untilMs)),
    ]
    return {
      baseline: {
        deployment_id: live.deployment_id,
        sample: reading.sample,
        in_breach: breached(samples, reading.policy.thresholds),
      },
      entropy: entropyOf(reading.sample),
    }
  } catch (error) {
    context.log.warn({ reason: (error as Error).message }, 'The health before a deployment could not be read')
    return { baseline: null, entropy: null }
  }
}

const breached = (samples: HealthSample[], thresholds: Thresholds): SignalName[] => {
  const findings = samples.flatMap((sample) => judgeSample(sample, thresholds).signals)
  return ACTING_SIGNALS.filter((name) => findings.some(({ signal, state }) => signal === name && state === 'breach'))
}

/** What guard or sweep saw, sources included. */
const keptSamples = async ({ db }: ControlContext, { deployment_id }: HealthReading, untilMs: number) => {
  const rows = await db.prisma.health_samples.findMany({
    where: { deployment_id, sampled_at: { gt: new Date(untilMs - LOOK_BACK_MS), lte: new Date(untilMs) } },
    orderBy: { sampled_at: 'desc' },
    take: LOOK_BACK_MS / 1_000,
  })
  return rows.map(storedSample)
}

/** What the log says of each of those minutes, also where nobody watched. */
const countedSamples = async (
  { db }: ControlContext,
  { deployment_id, sample: { requests_per_minute: traffic } }: HealthReading,
  untilMs: number,
): Promise<HealthSample[]> => {
  const moments = Array.from({ length: LOOK_BACK_MS / BETWEEN_LOOKS_MS }, (_, index) => {
    return new Date(untilMs - index * BETWEEN_LOOKS_MS)
  })
  const { rows } = await db.pool.query<{ at: Date; error_rate_per_minute: number; recent_errors: number }>(
    `SELECT moment.at, e.error_rate_per_minute, e.recent_errors
     FROM unnest($2::timestamptz[]) AS moment (at)
     CROSS JOIN LATERAL ops.deployment_errors(ARRAY[$1::uuid], moment.at, ARRAY[false]) e`,
    [deployment_id, moments],
  )
  // By the traffic of today: min_requests and error_percent hold back then what they hold back now.
  const requests = typeof traffic === 'number' ? { requests_per_minute: traffic } : {}
  return rows.map(({ at, ...counts }) => ({ ...blindSample(at), ...counts, ...requests, unavailable: [] }))
}

/** For whoever records; null where nothing was in breach. */
export const baselineWarning = (baseline: Baseline | null): string | null =>
  baseline === null || baseline.in_breach.length === 0
    ? null
    : `In breach before this deployment: ${baseline.in_breach.join(', ')}. It is not blamed on it until it has once been below its threshold for a full window.`
