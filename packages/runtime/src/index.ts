export { loadEnv, type RuntimeEnv } from './env.ts'
export { every } from './every.ts'
export { serveHealth } from './health-port.ts'
export { createLogger, type Logger, withoutPassword } from './logger.ts'
export {
  environmentOf,
  fixedRomanConfig,
  noticesSilence,
  parseRomanConfig,
  type RomanConfigSource,
  readRomanConfig,
  watchRomanConfig,
} from './roman-config.ts'
export { runProcess } from './run.ts'
export {
  isTemporalUnavailable,
  openTemporal,
  registerSearchAttributes,
  type TemporalSettings,
  taskQueues,
} from './temporal.ts'
export { waitFor } from './wait-for.ts'
