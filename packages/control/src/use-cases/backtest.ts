import type { SignalName } from '@roman/constitution'
import {
  type BacktestDeployment,
  backtest,
  falseRollbackChance,
  type Label,
  type Replay,
  thresholdNoise,
} from '@roman/constitution/analysis'
import type { BacktestRequest, BacktestResponse } from '@roman/contracts'
import { environmentOf } from '@roman/runtime'
import { AUTOMATIC_PREFIX } from '../automatic.ts'
import type { ControlContext } from '../context.ts'
import { policyOf } from '../policy.ts'
import { storedSample } from '../store/samples.ts'
import { steadyState } from '../views/thresholds.ts'

/** Replayed at once; the newest where there are more. */
const DEPLOYMENTS_MAX = 500
const ERRORS_MAX = 20_000

/** Errors of a deployment, by the same rule as ops.deployment_errors, up to the end of the longest watch. */
const ERRORS_OF = `
SELECT d.deployment_id, l.occurred_at AS at
FROM ops.deployments d
CROSS JOIN LATERAL (
  SELECT l.occurred_at FROM ops.system_logs l
  WHERE l.service = d.service AND l.environment = d.environment AND l.severity IN ('error', 'critical')
    AND l.occurred_at >= d.deployed_at AND l.occurred_at < d.deployed_at + make_interval(secs => $2)
    AND (d.replaced_at IS NULL OR l.occurred_at < d.replaced_at)
    AND (l.deployment_id IS NULL OR l.deployment_id = d.deployment_id OR l.deployment_id = d.restores)
    AND (l.version IS NULL OR l.version = d.version)
  ORDER BY l.occurred_at LIMIT ${ERRORS_MAX}
) l
WHERE d.deployment_id = ANY ($1::uuid[])`

/** Replays the past under other rules, through the code that guards deployments live, beside today's rules. */
export const runBacktest = async (context: ControlContext, input: BacktestRequest): Promise<BacktestResponse> => {
  const { service, config } = environmentOf(context.config.current(), input.service, input.environment)
  const today = policyOf(config)
  const proposed = {
    thresholds: { ...today.thresholds, ...withoutGaps(input.thresholds) },
    watch: { ...today.watch, ...withoutGaps(input.watch) },
  }
  const rows = await context.db.prisma.deployments.findMany({
    where: {
      service,
      environment: input.environment,
      // A rollback's own deployment is verified, not guarded.
      rollback_from: null,
      guard: { isNot: null },
      deployed_at: { gt: new Date(Date.now() - input.since_days * 86_400_000) },
    },
    include: {
      labels: { orderBy: { id: 'desc' }, take: 1 },
      rollback_events: { where: { status: 'success' }, select: { idempotency_key: true } },
    },
    orderBy: { id: 'desc' },
    take: DEPLOYMENTS_MAX + 1,
  })
  const kept = rows.slice(0, DEPLOYMENTS_MAX)
  const ids = kept.map((row) => row.deployment_id)
  const longest = Math.max(
    ...[today, proposed].flatMap(({ watch }) => [watch.window_seconds, watch.auto_rollback_within_seconds]),
  )
  const errors = groupBy(
    (await context.db.pool.query<{ deployment_id: string; at: Date }>(ERRORS_OF, [ids, longest])).rows,
    (row) => row.deployment_id,
  )
  const samples = groupBy(
    await context.db.prisma.health_samples.findMany({
      where: { deployment_id: { in: ids }, phase: { in: ['window', 'standby'] } },
      orderBy: { sampled_at: 'asc' },
    }),
    (row) => row.deployment_id,
  )
  const now = Date.now()
  const lives: BacktestDeployment[] = kept.map((row) => ({
    deployment_id: row.deployment_id,
    deployed_at: row.deployed_at!.getTime(),
    replaced_at: row.replaced_at?.getTime() ?? null,
    observed_until: now,
    errors: (errors.get(row.deployment_id) ?? []).map(({ at }) => at.getTime()),
    samples: (samples.get(row.deployment_id) ?? [])
      .map(storedSample)
      // What was watched for longer, under the rules of that time, has no errors at hand.
      .filter(({ timestamp }) => Date.parse(timestamp) < row.deployed_at!.getTime() + longest * 1000),
    baseline_breached: ((row.baseline as { in_breach?: SignalName[] } | null)?.in_breach ?? []) as SignalName[],
    label: (row.labels[0]?.label ?? null) as Label | null,
    rolled_back: row.rollback_events.length > 0,
    cut_off: row.rollback_events.some(({ idempotency_key: key }) => key?.startsWith(AUTOMATIC_PREFIX)),
  }))
  const result = backtest(lives, today, proposed)
  const steady = await steadyState(context, { service, environment: input.environment })
  const chanceOf = ({ thresholds, watch }: typeof proposed) =>
    falseRollbackChance(thresholdNoise(thresholds, watch, steady))
  return {
    headline: result.headline,
    deployments: kept.length,
    truncated: rows.length > DEPLOYMENTS_MAX,
    more: result.more,
    fewer: result.fewer,
    earlier: result.earlier,
    later: result.later,
    unknown: result.unknown,
    not_enough_data: result.not_enough_data,
    today: result.today,
    proposed: result.proposed,
    noise: {
      ...steady,
      today: chanceOf(today),
      proposed: chanceOf(proposed),
    },
    rows: result.rows.map((row, index) => ({
      deployment_id: row.deployment_id,
      version: kept[index]!.version,
      deployed_at: kept[index]!.deployed_at!.toISOString(),
      label: row.label,
      change: row.change,
      missing: row.missing,
      earlier_ms: row.earlier_ms,
      today: replayed(row.today),
      proposed: replayed(row.proposed),
    })),
  }
}

const replayed = ({ rolls_back, verdict, phase, at, reason, signals }: Replay) => ({
  rolls_back,
  verdict,
  phase,
  at: new Date(at).toISOString(),
  reason,
  signals,
})

const withoutGaps = (given: Record<string, unknown>): Record<string, never> =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Record<string, never>

const groupBy = <T>(rows: readonly T[], keyOf: (row: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>()
  for (const row of rows) {
    const group = groups.get(keyOf(row))
    if (group === undefined) groups.set(keyOf(row), [row])
    else group.push(row)
  }
  return groups
}
