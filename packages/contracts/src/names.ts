/**
 * Names shared by every process that speaks Temporal: they are part of running workflows, so they are never renamed.
 * Workflow code imports this file, so it stays free of zod and of Node.
 */

export const TASK_QUEUES = {
  /** Workflows and their short activities. */
  main: 'roman',
  /** Long heartbeating watches, so that a thousand guards never starve a rollback of an activity slot. */
  monitor: 'roman-monitor',
  /** Announcements. Discord being away fills this queue and nothing else. */
  discord: 'roman-discord',
} as const

/** The queues of one installation. Tests prefix them to stay apart on a shared server. */
export interface TaskQueues {
  main: string
  monitor: string
  discord: string
}

export const WORKFLOWS = {
  guardDeployment: 'guardDeployment',
  rollbackDeployment: 'rollbackDeployment',
  announce: 'announce',
} as const

export const guardWorkflowId = (deploymentId: string): string => `guard:${deploymentId}`
export const rollbackWorkflowId = (eventId: string): string => `rollback:${eventId}`
export const announceWorkflowId = (announcementId: string): string => `announce:${announcementId}`

export const SIGNALS = {
  /** rollbackDeployment → guardDeployment: `RollbackEnded`. */
  rollbackEnded: 'rollbackEnded',
} as const

export const UPDATES = {
  approve: 'approve',
  reject: 'reject',
  override: 'override',
  abort: 'abort',
} as const

export const QUERIES = {
  /** Both workflows: `GuardProgress` or `RollbackProgress`. */
  progress: 'progress',
} as const

/** Keyword search attributes. They register themselves; everything works without them. */
export const SEARCH_ATTRIBUTES = {
  service: 'RomanService',
  environment: 'RomanEnvironment',
  deployment: 'RomanDeployment',
  phase: 'RomanPhase',
  verdict: 'RomanVerdict',
} as const
