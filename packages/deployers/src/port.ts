/** What is to be live, and on whose behalf. Spelled as it is stored. */
export interface DeployRequest {
  /** The rollback event. One event is one run, however often it is asked for. */
  event_id: string
  /** The replacement deployment. */
  deployment_id: string
  service: string
  environment: string
  version: string
  git_commit: string
  git_branch: string
  /** Fencing token, a decimal integer: where the vendor can, a lower one than the last seen is refused. */
  fence: string
  /** The deployment that is being replaced. */
  rollback_from: string
}

/** The vendor's name of the run, and where a person can look at it. */
export interface DeployRun {
  id: string
  url: string | null
}

/** How a run ended. Reasons may be shown to people. */
export type DeployResult =
  | { outcome: 'live'; run: DeployRun | null; output_tail: string | null }
  | { outcome: 'failed'; reason: string; run: DeployRun | null; output_tail: string | null }
  /** Ended because `signal` was aborted; the run is really over, or never began. */
  | { outcome: 'aborted'; reason: string; run: DeployRun | null }
  /** Something may have been changed and nobody can say what: people must look before anything is tried again. */
  | { outcome: 'unknown'; reason: string; run: DeployRun | null }

export interface DeployProgress {
  /** 0 to 100, or null where the vendor does not say. */
  percent: number | null
  text: string
}

export interface DeployContext {
  /** Aborted by a person's abort and by nothing else: the death of the caller must leave the run going. */
  signal: AbortSignal
  /** 1 for the first call for this event. From 2 on, an earlier call may have dispatched unseen. */
  attempt: number
  /** Called once the run may be executing, with null where its name is not known yet; again when it becomes known. */
  onDispatched(run: DeployRun | null): void
  onProgress(progress: DeployProgress): void
}

/**
 * Puts one version live through whatever deploys a service, and follows it to its real end.
 *
 * `deploy` for an event that has a run attaches to it; it never starts a second one. So a caller that died, or that
 * got a {@link DeployerUnavailableError}, calls again with the next `attempt`.
 */
export interface Deployer {
  readonly type: string
  /** @throws DeployerUnavailableError when the vendor cannot be reached for longer than the adapter's own retries. */
  deploy(request: DeployRequest, context: DeployContext): Promise<DeployResult>
  /** What is live now, where the vendor can say; null where nothing is. */
  current?(where: { service: string; environment: string }): Promise<LiveVersion | null>
  /** Whether a deploy could start now; `detail` says what is missing and the way out. Never throws. */
  able?(): Promise<{ able: boolean; detail: string }>
}

export interface LiveVersion {
  version: string
  git_commit: string | null
}

/** Thrown when the vendor could not be reached or asked to wait. Calling `deploy` again is safe, and is the remedy. */
export class DeployerUnavailableError extends Error {
  override readonly name = 'DeployerUnavailableError'
}
