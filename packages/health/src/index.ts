export { createHealthSource } from './create-health-source.ts'
export type {
  HealthSource,
  LatestReading,
  SourceDeps,
  SourceFailure,
  SourceReading,
  SourceValues,
} from './port.ts'
export { createSourcePool, type SourceLog, type SourcePool, type SourcePoolOptions } from './source-pool.ts'
export { withSources } from './with-sources.ts'
