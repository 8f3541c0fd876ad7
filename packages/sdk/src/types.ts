import type { components, operations } from './generated/api.ts'

type Schemas = components['schemas']
type Body<Operation extends keyof operations> = operations[Operation] extends {
  requestBody: { content: { 'application/json': infer Sent } }
}
  ? Sent
  : never
type Query<Operation extends keyof operations> = NonNullable<operations[Operation]['parameters']['query']>

export type Health = Schemas['Health']
export type Deployment = Schemas['Deployment']
export type DeploymentRecorded = Schemas['DeploymentRecorded']
export type Guard = Schemas['Guard']
export type Decision = Schemas['Decision']
export type Rollback = Schemas['Rollback']
export type RollbackRow = Schemas['RollbackRow']
export type RollbackResult = Schemas['RollbackResult']
export type RollbackRejected = Schemas['RollbackRejected']
export type RollbackStep = Schemas['RollbackStep']
export type Segments = Schemas['Segments']
export type AuditAnchor = Schemas['AuditAnchor']
export type AuditVerification = Schemas['AuditVerification']
export type Snapshot = Schemas['Snapshot']
export type SnapshotDiff = Schemas['SnapshotDiff']
export type SnapshotSummary = Schemas['SnapshotSummary']
export type Summary = Schemas['Summary']
export type TargetDeployment = Schemas['TargetDeployment']
export type Validation = Schemas['Validation']

export type ExecuteRollback = Body<'executeRollback'>
export type CheckDeployment = Body<'checkDeployment'>
export type CheckResult = operations['checkDeployment']['responses'][200]['content']['application/json']
export type RecordDeployment = Body<'recordDeployment'>
export type ChangeDeployment = Body<'changeDeployment'>
export type Reason = Body<'approveDeployment'>
export type Override = Body<'overrideRollback'>
export type Freeze = Body<'freeze'>
export type Frozen = operations['listFreezes']['responses'][200]['content']['application/json']['freezes'][number]
export type FreezeSet = operations['freeze']['responses'][201]['content']['application/json']
export type Unfrozen = operations['unfreeze']['responses'][200]['content']['application/json']
export type Release = Body<'releaseQuarantine'>
export type Released = operations['releaseQuarantine']['responses'][200]['content']['application/json']
export type Quarantine =
  operations['listQuarantine']['responses'][200]['content']['application/json']['quarantine'][number]
export type AddActor = Body<'addActor'>
export type KnownActor = operations['addActor']['responses'][201]['content']['application/json']
export type RemoveActor = Body<'removeActor'>
export type RemovedActor = operations['removeActor']['responses'][200]['content']['application/json']
export type Explanation = operations['explainRollback']['responses'][200]['content']['application/json']
export type BacktestQuestion = Body<'backtest'>
export type Backtest = operations['backtest']['responses'][200]['content']['application/json']
export type ThresholdsQuestion = Query<'thresholds'>
export type ThresholdsAnswer = operations['thresholds']['responses'][200]['content']['application/json']
export type Label = Body<'labelDeployment'>
export type Labelled = operations['labelDeployment']['responses'][200]['content']['application/json']
export type Verified = operations['verifyDeployment']['responses'][200]['content']['application/json']
export type Aborted = operations['abortRollback']['responses'][200]['content']['application/json']
export type Ingested = operations['ingestErrors']['responses'][202]['content']['application/json']
export type Readiness = operations['readyz']['responses'][200]['content']['application/json']
export type ListDeployments = Query<'listDeployments'>
export type ListSnapshots = Query<'listSnapshots'>
export type Where = Query<'showDeployment'>
export type HistoryFilter = Query<'rollbackHistory'>

/** One row of a batch of errors; the server names the rows it cannot take. */
export interface ReportedError {
  service?: string
  environment: string
  severity: 'debug' | 'info' | 'warning' | 'error' | 'critical'
  message: string
  deployment_id?: string
  version?: string
  source?: string
  occurred_at?: string
  idempotency_key?: string
  metadata?: Record<string, unknown>
}
