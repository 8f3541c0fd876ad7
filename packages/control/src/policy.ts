import type { GuardPolicy } from '@roman/constitution'
import type { EnvironmentConfig } from '@roman/contracts'
import { environmentOf, type RomanConfigSource } from '@roman/runtime'

/** The part of an environment's configuration that is stored with each deployment and judges it from then on. */
export const policyOf = (config: EnvironmentConfig): GuardPolicy & { rollbacks_per_hour: number } => ({
  mode: config.mode,
  thresholds: config.thresholds,
  watch: config.watch,
  decision_wait_seconds: config.decision_wait_seconds,
  migrations: config.migrations,
  rollbacks_per_hour: config.rollbacks_per_hour,
})

/**
 * What roman.yaml says of an environment now; null where it was taken out. What is live there is guarded all the same, by
 * the policy it was recorded with.
 */
export const configuredNow = (
  config: RomanConfigSource,
  service: string,
  environment: string,
): EnvironmentConfig | null => {
  try {
    return environmentOf(config.current(), service, environment).config
  } catch {
    return null
  }
}

const DEPLOY_TIMEOUT_MS = 600_000

/** How long a deployer may take, whichever it is. */
export const deployTimeoutMs = (config: EnvironmentConfig | null): number =>
  config === null ? DEPLOY_TIMEOUT_MS : config.deployer.timeout_seconds * 1000
