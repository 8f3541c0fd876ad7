import type { GuardPolicy } from '@roman/constitution'
import type { EnvironmentConfig } from '@roman/contracts'
import { environmentOf, type RomanConfigSource } from '@roman/runtime'

/** The part of an environment's configuration that is stored with each deployment and judges it from then on. */
export const policyOf = (config: EnvironmentConfig): GuardPolicy & UndoPolicy & { rollbacks_per_hour: number } => ({
  mode: config.mode,
  thresholds: config.thresholds,
  watch: config.watch,
  decision_wait_seconds: config.decision_wait_seconds,
  migrations: config.migrations,
  on_undo_failure: config.on_undo_failure,
  undo_timeout_seconds: config.undo_timeout_seconds,
  undo_lock_timeout_seconds: config.undo_lock_timeout_seconds,
  rollbacks_per_hour: config.rollbacks_per_hour,
})

/** How migrations are undone. */
export interface UndoPolicy {
  on_undo_failure: 'stop' | 'continue'
  undo_timeout_seconds: number
  undo_lock_timeout_seconds: number
}

const UNDO_DEFAULTS: UndoPolicy = { on_undo_failure: 'stop', undo_timeout_seconds: 60, undo_lock_timeout_seconds: 5 }

/** A policy that was stored before there was anything to undo lacks these. */
export const undoPolicyOf = (stored: unknown): UndoPolicy => ({ ...UNDO_DEFAULTS, ...(stored as Partial<UndoPolicy>) })

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

/** Names the URL of the service's own database, where its health is read from one; undefined: it shares ours. */
export const databaseVariable = (config: EnvironmentConfig | null): string | undefined =>
  config?.health
    .flatMap((source) => (source.type === 'postgres' ? [source.url_env] : []))
    .find((name) => name !== undefined)

const DEPLOY_TIMEOUT_MS = 600_000

/** How long a deployer may take, whichever it is. */
export const deployTimeoutMs = (config: EnvironmentConfig | null): number =>
  config === null ? DEPLOY_TIMEOUT_MS : config.deployer.timeout_seconds * 1000
