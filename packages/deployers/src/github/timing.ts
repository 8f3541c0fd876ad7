/** Bounds on GitHub's pace. Milliseconds. */
export interface GithubTiming {
  request: number
  /** First pause before a request is sent again; doubles each time. */
  retry: number
  retriesMax: number
  /** Longest wait that GitHub may ask of us (rate limits) before we hand the matter back to the caller. */
  waitMax: number
  /** How long a run that may have been dispatched gets to show up in the list before it counts as not dispatched. */
  settle: number
  /** How long a run that certainly was dispatched gets to show up. */
  appear: number
  /** From a cancel to a forced cancel, and from that to giving up. */
  cancel: number
}

export const GITHUB_TIMING: GithubTiming = {
  request: 15_000,
  retry: 1000,
  retriesMax: 5,
  waitMax: 90_000,
  settle: 20_000,
  appear: 60_000,
  cancel: 90_000,
}
