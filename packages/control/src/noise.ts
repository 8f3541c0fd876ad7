import { setTimeout as pause } from 'node:timers/promises'
import type { GuardPolicy } from '@roman/constitution'
import { criesWolf, type Steady, type Wolf } from '@roman/constitution/analysis'
import type { Database } from '@roman/db'
import type { ControlContext } from './context.ts'
import { policyOf } from './policy.ts'
import { KNOWN_GOOD_SQL } from './store/statuses.ts'

/** What known-good deployments of an environment live with. */
export interface ObservedNoise {
  errors_per_minute: number
  /** Null where no source reports it, or none did yet. */
  requests_per_minute: number | null
  known_good_hours: number
}

const LOOK_BACK_DAYS = 30
/** An hour out of every six, and the newest of them: errors are counted by the rule that counts them for guards. */
const HOURS_MAX = 120
/** Less than this, seen in all, says nothing about what is usual. */
const MINUTES_MIN = 30
/** Busy hours count: deployments happen in them. An incident is shorter than a quarter of all hours. */
const BUSY_SHARE = 0.75

const HOURS = `
WITH good AS (
  SELECT d.deployment_id, d.deployed_at, coalesce(d.replaced_at, now()) AS until
  FROM ops.deployments d
  WHERE d.service = $1 AND d.environment = $2 AND ${KNOWN_GOOD_SQL}
    AND coalesce(d.replaced_at, now()) > now() - make_interval(days => ${LOOK_BACK_DAYS})
), hours AS (
  SELECT g.deployment_id, h.at, least(extract(epoch FROM h.at - g.deployed_at) / 60, 60)::double precision AS minutes
  FROM good g
  CROSS JOIN LATERAL generate_series(
    g.until,
    greatest(g.deployed_at, now() - make_interval(days => ${LOOK_BACK_DAYS})) + interval '5 minutes',
    interval '-6 hours'
  ) AS h (at)
  ORDER BY h.at DESC LIMIT ${HOURS_MAX}
)
SELECT h.minutes, e.total_errors / h.minutes AS errors_per_minute
FROM hours h CROSS JOIN LATERAL ops.deployment_errors(ARRAY[h.deployment_id], h.at) e
ORDER BY errors_per_minute`

const TRAFFIC = `
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY (s.details ->> 'requests_per_minute')::double precision) AS requests
FROM (
  SELECT deployment_id FROM ops.deployments
  WHERE service = $1 AND environment = $2 AND ${KNOWN_GOOD_SQL} ORDER BY id DESC LIMIT 50
) d
JOIN ops.health_samples s USING (deployment_id)
WHERE s.sampled_at > now() - make_interval(days => ${LOOK_BACK_DAYS}) AND s.sampled_at <= now()
  AND s.details ->> 'requests_per_minute' IS NOT NULL`

/** Over the last 30 days; null where too little was known-good to tell. */
export const observeNoise = async (
  db: Pick<Database, 'pool'>,
  service: string,
  environment: string,
): Promise<ObservedNoise | null> => {
  const { rows } = await db.pool.query<{ minutes: number; errors_per_minute: number }>(HOURS, [service, environment])
  const seen = rows.reduce((sum, { minutes }) => sum + minutes, 0)
  if (seen < MINUTES_MIN) return null
  let quieter = 0
  const busy = rows.find(({ minutes }) => {
    quieter += minutes
    return quieter >= seen * BUSY_SHARE
  })
  const traffic = await db.pool.query<{ requests: number | null }>(TRAFFIC, [service, environment])
  return {
    errors_per_minute: busy!.errors_per_minute,
    requests_per_minute: traffic.rows[0]?.requests ?? null,
    known_good_hours: seen / 60,
  }
}

/** Judged anew after this: what is usual changes slowly, and trying remedies out takes a moment. */
const REMEMBERED_MS = 3_600_000
const REMEMBERED_MAX = 1_000
const known = new WeakMap<object, Map<string, { at: number; wolf: Promise<Wolf | null> }>>()

/** Whether a policy would cry wolf at what its environment's known-good deployments live with. */
const noiseOf = (
  db: Pick<Database, 'pool'>,
  service: string,
  environment: string,
  { thresholds, watch }: Pick<GuardPolicy, 'thresholds' | 'watch'>,
): Promise<Wolf | null> => {
  const remembered = known.get(db) ?? new Map()
  known.set(db, remembered)
  const key = JSON.stringify([service, environment, thresholds, watch])
  const before = remembered.get(key)
  if (before !== undefined && Date.now() - before.at < REMEMBERED_MS) return before.wolf
  if (remembered.size >= REMEMBERED_MAX) remembered.clear()
  const wolf = observeNoise(db, service, environment).then((steady: Steady | null) =>
    steady === null ? null : criesWolf(thresholds, watch, steady),
  )
  remembered.set(key, { at: Date.now(), wolf })
  wolf.catch(() => remembered.delete(key))
  return wolf
}

/** A recording does not wait longer than this for advice; the next one has it. */
const PATIENCE_MS = 1_000

/** What whoever records a deployment should know of the rules that will guard it. Never in the way. */
export const noiseWarnings = async (
  { db, log }: Pick<ControlContext, 'db' | 'log'>,
  service: string,
  environment: string,
  policy: Pick<GuardPolicy, 'thresholds' | 'watch'>,
): Promise<string[]> => {
  try {
    const wolf = await Promise.race([
      noiseOf(db, service, environment, policy),
      pause(PATIENCE_MS, null, { ref: false }),
    ])
    return wolf === null ? [] : [wolf.text]
  } catch (error) {
    log.debug({ service, environment, reason: (error as Error).message }, 'The noise of the rules could not be judged')
    return []
  }
}

/** Says in the log, once for each environment of roman.yaml, whose rules would cry wolf. */
export const warnOfNoise = async (
  { db, config, log }: Pick<ControlContext, 'db' | 'config' | 'log'>,
  stopping: AbortSignal,
): Promise<void> => {
  for (const [service, { environments }] of Object.entries(config.current().services)) {
    for (const [environment, of] of Object.entries(environments)) {
      if (stopping.aborted) return
      const wolf = await noiseOf(db, service, environment, policyOf(of))
      if (wolf !== null) log.warn({ service, environment, chance: wolf.chance_per_deployment }, wolf.text)
    }
  }
}
