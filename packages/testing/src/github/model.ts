import type { ChildProcess } from 'node:child_process'

export type Conclusion =
  | 'success'
  | 'failure'
  | 'cancelled'
  | 'timed_out'
  | 'skipped'
  | 'neutral'
  | 'action_required'
  | 'stale'
  | 'startup_failure'

/** What a run does once it is started. */
export interface RunScript {
  /** Time in the queue, in milliseconds. */
  queuedMs?: number
  /** The steps of its one job, one after the other; the first that ends badly ends the run. */
  steps?: { name: string; ms?: number; conclusion?: 'failure' | 'timed_out' }[]
  /** How it ends where no step ends badly. */
  conclusion?: Conclusion
  /** A real process instead of steps; exit 0 is success, a cancel ends its process group. */
  command?: (inputs: Record<string, string>) => { argv: string[]; cwd?: string; env?: Record<string, string> }
  /** A cancel is accepted and changes nothing; only a forced one ends the run. */
  ignoresCancel?: boolean
}

/** The parts of a workflow file that matter to a dispatch. */
export interface WorkflowFile {
  /** Declared inputs of `workflow_dispatch`; null for a workflow without that trigger. */
  inputs: Record<string, { required?: boolean }> | null
  /** `run-name`; the workflow's name where it has none. */
  runName?: (inputs: Record<string, string>) => string
  concurrency?: (inputs: Record<string, string>) => { group: string; cancelInProgress: boolean }
  script?: RunScript
  state?: 'active' | 'disabled_manually'
}

interface Step {
  name: string
  number: number
  status: 'queued' | 'in_progress' | 'completed'
  conclusion: Conclusion | null
}

export interface Run {
  id: number
  workflow: string
  ref: string
  inputs: Record<string, string>
  displayTitle: string
  status: 'queued' | 'pending' | 'in_progress' | 'completed'
  conclusion: Conclusion | null
  createdAt: Date
  updatedAt: Date
  group: string | null
  steps: Step[]
  script: RunScript
  cancelRequested: boolean
  child: ChildProcess | null
  timers: NodeJS.Timeout[]
}
