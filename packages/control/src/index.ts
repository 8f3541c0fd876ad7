export { withoutSecrets } from '@roman/snapshots'
export type { Announcement, AnnouncementKind } from './announcements.ts'
export type { ControlContext } from './context.ts'
export { createControl } from './create-control.ts'
export { createErrorNotifier, ERRORS_CHANNEL } from './error-notifier.ts'
export { type DeployerFacts, findTarget } from './evidence.ts'
export {
  blindSample,
  exhaustedSample,
  type HealthReading,
  type LateErrors,
  type MissedTick,
  readHealth,
  readMissedTicks,
  readWatched,
  reportOf,
  UnreadMoments,
  type WatchedReading,
} from './health.ts'
export { warnOfNoise } from './noise.ts'
export { type OpenedControl, openControl } from './open.ts'
export { deployTimeoutMs } from './policy.ts'
export type { Call, Control, RollbackAnswer } from './port.ts'
export { createRollbackWaiter, ROLLBACK_CHANNEL, type RollbackWaiter } from './rollback-waiter.ts'
export { createSnapshots, type Snapshots, type SnapshotTaken } from './snapshots/create-snapshots.ts'
export * from './steps/claim-rollback.ts'
export * from './steps/end-rollback.ts'
export * from './steps/guard.ts'
export * from './steps/guard-breach.ts'
export * from './steps/guard-questions.ts'
export * from './steps/judge-rollback.ts'
export { keepPartitions } from './steps/keep-partitions.ts'
export { reconcile } from './steps/reconcile.ts'
export * from './steps/switch-live.ts'
export { type UndoOutcome, undoMigrations } from './steps/undo-migrations.ts'
export type { UndoBound } from './steps/undo-plan.ts'
export { storeLogs } from './store/logs.ts'
export { deliver } from './store/outbox.ts'
export { type KeptHealth, keepSamples } from './store/samples.ts'
export { storeSourceReading } from './store/source-readings.ts'
export { advance, keep } from './store/steps.ts'
export {
  createTemporalGateway,
  type StartRequest,
  type TemporalGateway,
  type WorkflowSettings,
} from './temporal-gateway.ts'
export { applyDecision } from './use-cases/decide.ts'
export { keepMessage, type PostedMessage, readAnnouncement, readMessage } from './views/announcements.ts'
export { readDeployment } from './views/deployments.ts'
export { readRollback } from './views/rollbacks.ts'
