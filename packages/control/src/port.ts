import type {
  AbortRollbackRequest,
  AbortRollbackResponse,
  Actor,
  ActorView,
  AddActorRequest,
  AuditAnchor,
  AuditVerification,
  AuditVerificationQuery,
  BacktestRequest,
  BacktestResponse,
  ChangeDeploymentRequest,
  CheckRequest,
  CheckResponse,
  DecisionResponse,
  DeploymentView,
  ExecuteRollbackRequest,
  ExecuteRollbackResponse,
  ExplanationResponse,
  FreezeRequest,
  FreezeResponse,
  HistoryQuery,
  HistoryResponse,
  IngestErrorsResponse,
  LabelRequest,
  LabelResponse,
  ListActorsResponse,
  ListDeploymentsQuery,
  ListDeploymentsResponse,
  ListFreezesResponse,
  ListQuarantineResponse,
  ListSnapshotsQuery,
  ListSnapshotsResponse,
  OverrideRequest,
  ReasonRequest,
  RecordDeploymentRequest,
  RecordDeploymentResponse,
  ReleaseRequest,
  ReleaseResponse,
  RemoveActorRequest,
  RemoveActorResponse,
  RollbackView,
  SnapshotDiff,
  SnapshotView,
  SummaryResponse,
  ThresholdsQuery,
  ThresholdsResponse,
  UnfreezeResponse,
  VerifyResponse,
} from '@roman/contracts'

/** What a request carries beside its body. */
export interface Call {
  actor: Actor
  /** The caller's `Idempotency-Key`: the same key and body again is the same request. */
  idempotency_key: string | null
}

/** How a rollback request ended, as far as the wait allowed to see. */
export type RollbackAnswer =
  /** 200: verified. */
  | { kind: 'verified'; body: ExecuteRollbackResponse }
  /** 202: accepted and still running, or queued because Temporal is away. */
  | { kind: 'running'; body: ExecuteRollbackResponse }
  /** 502: ran and failed; or was aborted by a person. */
  | { kind: 'failed'; body: ExecuteRollbackResponse }
  /** 404: no target. */
  | { kind: 'no_target'; body: ExecuteRollbackResponse }
  /** 403: refused by the constitution. */
  | { kind: 'rejected'; body: ExecuteRollbackResponse }

/**
 * The use-cases, one method each. Every adapter (HTTP, and through it SDK, CLI, Discord and dashboard) calls these
 * and adds no rule of its own. Methods throw `RomanError`; its code is in the catalogue.
 */
export interface Control {
  /** `created: false` when the same deployment was recorded before. */
  recordDeployment(
    input: RecordDeploymentRequest,
    call: Call,
  ): Promise<{ created: boolean; body: RecordDeploymentResponse }>
  changeDeployment(ref: string, input: ChangeDeploymentRequest, call: Call): Promise<RecordDeploymentResponse>
  listDeployments(query: ListDeploymentsQuery): Promise<ListDeploymentsResponse>
  showDeployment(ref: string, where?: { service?: string; environment?: string }): Promise<DeploymentView>
  ingestErrors(rows: unknown[]): Promise<IngestErrorsResponse>

  /** Waits for the end for `wait_ms` at most, or until `signal` aborts (the caller went away; the rollback goes on). */
  executeRollback(
    input: ExecuteRollbackRequest,
    call: Call,
    wait: { wait_ms: number; signal: AbortSignal },
  ): Promise<RollbackAnswer>
  checkDeployment(input: CheckRequest): Promise<CheckResponse>
  history(query: HistoryQuery): Promise<HistoryResponse>
  /** `ref`: the event id, or a unique prefix of it. */
  showRollback(ref: string): Promise<RollbackView>
  /** A new request that names the refused event. */
  override(ref: string, input: OverrideRequest, call: Call): Promise<ExecuteRollbackResponse>
  abort(ref: string, input: AbortRollbackRequest, call: Call): Promise<AbortRollbackResponse>

  approve(ref: string, input: ReasonRequest, call: Call): Promise<DecisionResponse>
  reject(ref: string, input: ReasonRequest, call: Call): Promise<DecisionResponse>
  verify(ref: string, input: ReasonRequest, call: Call): Promise<VerifyResponse>

  /** `created: false` when it was frozen already. */
  freeze(input: FreezeRequest, call: Call): Promise<{ created: boolean; body: FreezeResponse }>
  unfreeze(input: FreezeRequest, call: Call): Promise<UnfreezeResponse>
  listFreezes(): Promise<ListFreezesResponse>
  explainDeployment(ref: string, where?: { service?: string; environment?: string }): Promise<ExplanationResponse>
  explainRollback(ref: string): Promise<ExplanationResponse>
  backtest(input: BacktestRequest): Promise<BacktestResponse>
  thresholds(query: ThresholdsQuery): Promise<ThresholdsResponse>

  listSnapshots(query: ListSnapshotsQuery): Promise<ListSnapshotsResponse>
  showSnapshot(ref: string): Promise<SnapshotView>
  diffSnapshots(before: string, after: string): Promise<SnapshotDiff>

  listQuarantine(): Promise<ListQuarantineResponse>
  releaseQuarantine(input: ReleaseRequest, call: Call): Promise<ReleaseResponse>
  label(ref: string, input: LabelRequest, call: Call): Promise<LabelResponse>

  listActors(): Promise<ListActorsResponse>
  /** `created: false` when it was known already. */
  addActor(input: AddActorRequest, call: Call): Promise<{ created: boolean; body: ActorView }>
  removeActor(input: RemoveActorRequest, call: Call): Promise<RemoveActorResponse>
  /** Bounded in time: a trail too long for it is answered `complete: false`. */
  verifyAudit(query: AuditVerificationQuery): Promise<AuditVerification>
  auditAnchor(): Promise<AuditAnchor>

  summary(): Promise<SummaryResponse>
  /** Throws nothing: says what answers. */
  readiness(): Promise<{
    ready: boolean
    checks: Record<'database' | 'migrations' | 'temporal', { ok: boolean; detail: string }>
  }>
}
