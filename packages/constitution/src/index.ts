export {
  type DeploymentRef,
  type DerivedProfile,
  type RollbackEvidence,
  type StructuralCheck,
  type TargetEvidence,
  TRIGGER_TYPES,
  type TraceEntry,
  type TriggerType,
} from './action-profile.ts'
export {
  type BrakeDecision,
  type BrakeEvidence,
  brake,
  DEFAULT_ROLLBACKS_PER_HOUR,
  type Freeze,
  type FreezeEvidence,
  hourlyCap,
  mayFreeze,
  mayUnfreeze,
  SHARED_CAUSE_SERVICES,
} from './brake.ts'
export { DECISION_CODES, type Decision, type DecisionCode, type Reason, type Refused } from './decision.ts'
export { entropyOf, UNSTABLE_ENTROPY } from './entropy.ts'
export {
  ACTING_SIGNALS,
  ERROR_SIGNALS,
  type HealthState,
  type JudgeOptions,
  judgeSample,
  type SampleVerdict,
  SIGNALS,
  type SignalFinding,
  type SignalName,
  STANDBY_RECENT_ERRORS,
  SYSTEM_HEALTHY,
} from './health.ts'
export { type Health, isStable, STABLE_LOOKBACK_SECONDS, toHealthReport } from './health-report.ts'
export {
  type ActionProfile,
  evaluateLaws,
  type LawEvidence,
  type LawFinding,
  METHOD_TYPES,
  PHI,
  SCHUMANN_HZ,
  type Validation,
} from './laws.ts'
export {
  type DatabaseEvidence,
  type MigrationsEvidence,
  migrationWarning,
  type NewerMigration,
  plannedUndo,
} from './migrations.ts'
export {
  type AbortDecision,
  type AbortEvidence,
  mayAbort,
  mayApprove,
  mayOverride,
  mayReject,
  mayTransition,
  mayVerify,
  type OverrideEvidence,
  type VerifyEvidence,
  type WaitingEvidence,
} from './people-gates.ts'
export {
  LAW_TITLES,
  LAWS,
  type LawName,
  NO_VALID_TARGET,
  PRECONDITIONS,
  type PreconditionName,
  parseViolationNames,
  RULES,
  VALIDATION_FAILED,
  VIOLATIONS,
  type ViolationName,
  wayOut,
} from './reasons.ts'
export { mayRecord, type RecordDecision, type RecordEvidence } from './record-gate.ts'
export {
  mayRollBack,
  type Override,
  type PreconditionFinding,
  type RollbackDecision,
  type RollbackValidation,
} from './rollback-gate.ts'
export type { HealthSample } from './sample.ts'
export type { KeptSample } from './sampling.ts'
export { DEFAULT_FALSE_ALARM_BOUND, type ErrorEvidence, type SequentialState } from './sequential.ts'
export { type Candidate, chooseTarget, type Failing, isKnownGood, sameCommit, type TargetChoice } from './target.ts'
export {
  DEFAULT_POLICY,
  DEFAULT_RATE_WINDOW_SECONDS,
  DEFAULT_THRESHOLDS,
  DEFAULT_WATCH,
  EVIDENCE,
  type Evidence,
  type GuardPolicy,
  MIGRATION_POLICIES,
  type MigrationPolicy,
  MODES,
  type Mode,
  RECENT_ERRORS_WINDOW_SECONDS,
  type Thresholds,
  type WatchPolicy,
} from './thresholds.ts'
export {
  DEPLOYMENT_STATUSES,
  type DeploymentStatus,
  isTerminal,
  ROLLBACK_STATUSES,
  type RollbackStatus,
  TRANSITIONS,
  type TransitionKind,
} from './transitions.ts'
export {
  observeVerification,
  startVerification,
  type VerificationObservation,
  type VerificationPlan,
  type VerificationState,
  type VerificationTick,
  type VerificationVerdict,
} from './verification.ts'
export { countsErrors, type Observation, observe, startWatch, type WatchEffect } from './watch.ts'
export type { WatchPhase, WatchPlan, WatchState, WatchTick, WatchVerdict } from './watch-state.ts'
