/** What people are told, and about what. One row of ops.announcements each; delivered once. */
export type AnnouncementKind =
  /** A rollback's whole life: initiated, its progress, then complete, failed or refused. `event_id` is set. */
  | 'rollback'
  /** A decision waits for people (mode ask, a refusal that can be overridden, a late breach). `decision_id` is set. */
  | 'decision'
  /** Nobody decided in time; the guard stopped waiting. `decision_id` is set. */
  | 'decision_expired'
  /** A breach after the guard's end, and nothing to go back to: people are told, and asked nothing. */
  | 'late_breach'
  /** Mode observe: what would have happened. */
  | 'observed'
  /** The watch ended without a verdict people can rely on. */
  | 'inconclusive'
  /** The guard cannot see a signal. */
  | 'blind'
  /** A signal was in breach before the deployment and is not blamed on it. */
  | 'baseline'
  /** A deployment went live around a rollback or from a quarantined commit. */
  | 'unfenced'
  /** A rollback's migrations could not all be undone. */
  | 'undo_failed'
  /** An open rollback was lost by Temporal and closed by the reconciler. */
  | 'orphaned'

export interface Announcement {
  announcement_id: string
  kind: AnnouncementKind
  service: string
  environment: string
  deployment_id: string | null
  event_id: string | null
  decision_id: string | null
  /** Facts the text needs and no other row holds; `reason` nearly always. Text from people: escape it. */
  payload: { reason?: string; violations?: string[]; [key: string]: unknown }
  created_at: string
}
