import type { GuardPolicy } from '@roman/constitution'
import type { EnvironmentConfig } from '@roman/contracts'

/** The part of an environment's configuration that is stored with each deployment and judges it from then on. */
export const policyOf = (config: EnvironmentConfig): GuardPolicy => ({
  mode: config.mode,
  thresholds: config.thresholds,
  watch: config.watch,
  decision_wait_seconds: config.decision_wait_seconds,
  migrations: config.migrations,
})

/** How long a deployer may take, whichever it is. */
export const deployTimeoutMs = (config: EnvironmentConfig): number => config.deployer.timeout_seconds * 1000

/** Health sources that would notice a service that is silent because it is down. */
export const noticesSilence = (config: EnvironmentConfig): boolean =>
  config.health.some(
    (source) =>
      source.type === 'http' || (source.type === 'prometheus' && source.queries.requests_per_minute !== undefined),
  )
