export { type Database, type DatabaseOptions, openDatabase, type Tx } from './database.ts'
export {
  isDatabaseFull,
  isDatabaseUnavailable,
  isDiskFull,
  isStatementTimeout,
  isUniqueViolation,
  reasonOf,
} from './errors.ts'
export { Prisma } from './generated/client.ts'
export { type HeldPool, openHeldPool } from './held-pool.ts'
export { type Listener, listen } from './listener.ts'
export { migrate, pendingMigrations, refuseNewerSchema, SchemaRefused } from './migrate.ts'
export { maintainPartitions, type PartitionCoverage, readPartitionCoverage } from './partitions.ts'
export { schemaDrift } from './schema-engine.ts'
export { openSession, type Session, type SessionOptions } from './session.ts'
