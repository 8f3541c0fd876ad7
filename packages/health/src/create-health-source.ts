import type { HealthSourceConfig } from '@roman/contracts/schemas'
import { createHttpSource } from './http/http-source.ts'
import type { HealthSource, SourceDeps } from './port.ts'
import { createPostgresSource } from './postgres-source.ts'
import { createPrometheusSource } from './prometheus-source.ts'

/**
 * The source that a validated configuration describes; null for the ops database, which the sampler reads with its own
 * query. Opens nothing: the first read does. Never throws; what is wrong shows as blindness when it is read.
 */
export function createHealthSource(config: HealthSourceConfig, deps: SourceDeps): HealthSource | null {
  switch (config.type) {
    case 'postgres':
      return config.url_env === undefined ? null : createPostgresSource(config.url_env, deps)
    case 'http':
      return createHttpSource(config)
    case 'prometheus':
      return createPrometheusSource(config, deps)
  }
}
