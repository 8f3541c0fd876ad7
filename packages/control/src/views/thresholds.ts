import { criesWolf, describePolicy, falseRollbackChance, thresholdNoise } from '@roman/constitution/analysis'
import type { ThresholdsQuery, ThresholdsResponse } from '@roman/contracts'
import { environmentOf } from '@roman/runtime'
import type { ControlContext } from '../context.ts'
import { readHealth } from '../health.ts'
import { observeNoise } from '../noise.ts'
import { policyOf } from '../policy.ts'

/** The rules in force and their noise: how often they would roll back a deployment that changed nothing. */
export const readThresholds = async (context: ControlContext, query: ThresholdsQuery): Promise<ThresholdsResponse> => {
  const { service, config } = environmentOf(context.config.current(), query.service, query.environment)
  const policy = policyOf(config)
  const steady = await steadyState(context, { ...query, service })
  const noise = thresholdNoise(policy.thresholds, policy.watch, steady)
  const wolf = criesWolf(policy.thresholds, policy.watch, steady)
  return {
    service,
    environment: query.environment,
    rules: describePolicy(policy),
    ...steady,
    noise: noise.map((rule) => ({ ...rule, count: Number.isFinite(rule.count) ? rule.count : null })),
    chance_per_deployment: falseRollbackChance(noise),
    warning: wolf?.text ?? null,
    remedies: (wolf?.remedies ?? []).map(({ set, ...rest }) => ({
      ...rest,
      set: set as Record<string, number | string>,
    })),
  }
}

type SteadyState = Pick<ThresholdsResponse, 'errors_per_minute' | 'requests_per_minute' | 'rate_from'>

/** What nobody would call a fault: as given, else as known-good deployments live with, else as what is live shows now. */
export const steadyState = async (
  context: ControlContext,
  {
    service,
    environment,
    errors_per_minute: given,
    requests_per_minute: traffic,
  }: ThresholdsQuery & { service: string },
): Promise<SteadyState> => {
  const observed = await observeNoise(context.db, service, environment)
  const requests = traffic ?? observed?.requests_per_minute ?? null
  if (given !== undefined) return { errors_per_minute: given, requests_per_minute: requests, rate_from: 'request' }
  if (observed !== null)
    return { errors_per_minute: observed.errors_per_minute, requests_per_minute: requests, rate_from: 'known_good' }
  const live = await context.db.prisma.live.findUnique({ where: { service_environment: { service, environment } } })
  if (live?.deployment_id == null) return { errors_per_minute: 0, requests_per_minute: requests, rate_from: 'nothing' }
  const [reading] = await readHealth(context.db, [live.deployment_id])
  const errors = (reading?.sample.recent_errors ?? 0) / 5
  return { errors_per_minute: errors, requests_per_minute: requests, rate_from: 'live' }
}
