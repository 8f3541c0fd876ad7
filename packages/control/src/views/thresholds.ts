import { criesWolf, describePolicy, falseRollbackChance, thresholdNoise } from '@roman/constitution/analysis'
import type { ThresholdsQuery, ThresholdsResponse } from '@roman/contracts'
import { environmentOf } from '@roman/runtime'
import type { ControlContext } from '../context.ts'
import { readHealth } from '../health.ts'
import { policyOf } from '../policy.ts'

/** The rules in force and their noise: how often they would roll back a deployment that changed nothing. */
export const readThresholds = async (context: ControlContext, query: ThresholdsQuery): Promise<ThresholdsResponse> => {
  const { service, config } = environmentOf(context.config.current(), query.service, query.environment)
  const policy = policyOf(config)
  const errorsPerMinute = query.errors_per_minute ?? (await observedRate(context, service, query.environment))
  const steady = { errors_per_minute: errorsPerMinute }
  const noise = thresholdNoise(policy.thresholds, policy.watch, steady)
  return {
    service,
    environment: query.environment,
    rules: describePolicy(policy),
    errors_per_minute: errorsPerMinute,
    noise,
    chance_per_deployment: falseRollbackChance(noise),
    warning: criesWolf(policy.thresholds, policy.watch, steady),
  }
}

/** Errors a minute of what is live, over the last five minutes. */
const observedRate = async (context: ControlContext, service: string, environment: string): Promise<number> => {
  const live = await context.db.prisma.live.findUnique({ where: { service_environment: { service, environment } } })
  if (live?.deployment_id == null) return 0
  const [reading] = await readHealth(context.db, [live.deployment_id])
  return (reading?.sample.recent_errors ?? 0) / 5
}
