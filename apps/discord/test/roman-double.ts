import { randomUUID } from 'node:crypto'
import { type DeploymentView, type RollbackView, RomanError } from '@roman/contracts'
import type { Announcement } from '@roman/control'
import type { AnnouncementStore, RomanApi, Say } from '../src/ports.ts'

export const BAD = '3f2a8c1e-0000-4000-8000-000000000253'
const GOOD = '9b1d7f3a-0000-4000-8000-000000000252'
export const ADA = '400000000000000001'

const NO_SEGMENTS: RollbackView['segments'] = {
  fault_to_detected_ms: null,
  detected_to_decided_ms: null,
  decided_to_dispatched_ms: null,
  dispatched_to_live_ms: null,
  live_to_verified_ms: null,
  detected_to_live_ms: null,
}

export const APPROVED = { compliant: true, violations: [], warnings: [], violated: [] }
export const STABLE = 'System already stable: error rate below 1/minute and no signal in breach'
export const REFUSED = { compliant: false, violations: [STABLE], warnings: [], violated: ['stable_system'] }

export const rollback = (change: Partial<RollbackView> = {}): RollbackView => ({
  id: 1,
  event_id: randomUUID(),
  deployment_id: BAD,
  service: 'storefront',
  environment: 'production',
  trigger_type: 'manual',
  trigger_reason: 'Critical bug in payment flow',
  initiated_by: null,
  initiated_at: '2025-12-15T14:35:00Z',
  status: 'in_progress',
  rollback_plan: null,
  rollback_steps: [],
  constitutional_validation: null,
  completed_at: null,
  metadata: null,
  version: 'v2.5.3',
  workflow_id: 'rollback:1',
  phase: 'validating',
  steps: [],
  segments: NO_SEGMENTS,
  moments: {},
  validation: null,
  target_deployment: null,
  replacement_deployment_id: null,
  snapshot_id: null,
  snapshots: { deployment: null, pre_rollback: null, diff: null },
  refused_event_id: null,
  detail: null,
  progress: null,
  ...change,
})

const TARGET = {
  deployment_id: GOOD,
  version: 'v2.5.2',
  git_commit: 'a7f3b29c0ffee0000000000000000000000000a1',
  deployed_at: '2025-12-15T13:45:00Z',
  health_check_passed: true,
}

/** The same rollback at each of its stations. */
export const stations = (base: RollbackView) => {
  const approved = {
    ...base,
    validation: APPROVED,
    target_deployment: TARGET,
    moments: { decided: '2025-12-15T14:35:01Z' },
  }
  const deploying = { ...approved, phase: 'deploying', progress: { percent: 40, text: 'starting v2.5.2' } }
  const live = {
    ...deploying,
    phase: 'verifying',
    segments: { ...NO_SEGMENTS, decided_to_dispatched_ms: 200, dispatched_to_live_ms: 4_000 },
    replacement_deployment_id: randomUUID(),
  }
  const verified = {
    ...live,
    phase: 'ended',
    status: 'success' as const,
    segments: { ...live.segments, live_to_verified_ms: 61_300 },
  }
  const failed = { ...deploying, phase: 'ended', status: 'failed' as const, detail: 'the deployer exited with 1' }
  const unhealthy = { ...live, phase: 'ended', status: 'failed' as const, detail: 'rollback did not help' }
  const refused = { ...approved, phase: 'ended', status: 'aborted' as const, validation: REFUSED }
  return { deploying, live, verified, failed, unhealthy, refused }
}

export const deployment = (change: Partial<DeploymentView> = {}): DeploymentView => ({
  id: 1,
  deployment_id: BAD,
  service: 'storefront',
  environment: 'production',
  version: 'v2.5.3',
  git_commit: 'deadbeef',
  git_branch: 'main',
  deployed_by: null,
  deployed_at: '2025-12-15T14:00:00Z',
  status: 'in_progress',
  rollback_from: null,
  health_check_passed: false,
  health_check_details: null,
  constitutional_validation: null,
  metadata: null,
  completed_at: null,
  rolled_back_at: null,
  fence: 2,
  unfenced: false,
  live: true,
  health: null,
  guard: null,
  ...change,
})

export const waitingDecision = (
  change: Partial<NonNullable<NonNullable<DeploymentView['guard']>['decision']>> = {},
) => ({
  workflow_id: `guard:${BAD}`,
  phase: 'waiting',
  verdict: 'breach',
  reason: 'High error rate: 8.5 errors/minute',
  started_at: null,
  ended_at: null,
  decision: {
    decision_id: '7c000000-0000-4000-8000-000000000001',
    kind: 'rollback' as const,
    reason: 'High error rate: 8.5 errors/minute',
    violations: [],
    asked_at: '2025-12-15T14:35:00Z',
    expires_at: '2025-12-15T15:05:00Z',
    event_id: null,
    ...change,
  },
})

interface Asked {
  call: string
  ref: string
  body: unknown
  key: string
}

/** R.O.M.A.N. as its API promises to be, in memory: requests are idempotent by key, and views are what the test sets. */
export class RomanDouble implements RomanApi {
  readonly asked: Asked[] = []
  readonly deployments = new Map<string, DeploymentView>([[BAD, deployment()]])
  readonly rollbacks = new Map<string, RollbackView>()
  /** What a person typed besides the id. */
  readonly names = new Map<string, string>([
    ['abc-123', BAD],
    ['v2.5.3', BAD],
  ])
  /** Thrown by the next calls, one each. */
  failures: Error[] = []
  #byKey = new Map<string, string>()

  get eventIds(): string[] {
    return [...this.rollbacks.keys()]
  }

  async showDeployment(ref: string): Promise<DeploymentView> {
    this.#failIfTold()
    const found = this.deployments.get(this.names.get(ref) ?? ref)
    if (found === undefined)
      throw new RomanError('deployment_not_found', `There is no deployment ${ref}. Look at "roman status".`)
    return found
  }

  async showRollback(eventId: string): Promise<RollbackView> {
    this.#failIfTold()
    const found = this.rollbacks.get(eventId)
    if (found === undefined) throw new RomanError('rollback_not_found', `There is no rollback ${eventId}.`)
    return found
  }

  async approve(ref: string, body: Say, key: string) {
    return this.#decide('approve', ref, body, key, 'approved' as const)
  }

  async reject(ref: string, body: Say, key: string) {
    return this.#decide('reject', ref, body, key, 'rejected' as const)
  }

  async startRollback(body: Parameters<RomanApi['startRollback']>[0], key: string) {
    this.asked.push({ call: 'rollback', ref: body.deployment_id, body, key })
    return { event_id: this.#start(key, { trigger_reason: body.trigger_reason }) }
  }

  async override(eventId: string, body: Say & { violations: string[] }, key: string) {
    this.asked.push({ call: 'override', ref: eventId, body, key })
    return { event_id: this.#start(key, { trigger_reason: body.reason, refused_event_id: eventId }) }
  }

  /** Changes a rollback, the newest when none is named. */
  set(view: RollbackView): void {
    this.rollbacks.set(view.event_id, view)
  }

  newest(): RollbackView {
    const view = [...this.rollbacks.values()].at(-1)
    if (view === undefined) throw new Error('No rollback was started.')
    return view
  }

  #decide<S extends 'approved' | 'rejected'>(call: string, ref: string, body: Say, key: string, status: S) {
    this.#failIfTold()
    this.asked.push({ call, ref, body, key })
    const shown = this.deployments.get(ref)
    const decision = shown?.guard?.decision
    if (shown === undefined || decision == null) {
      throw new RomanError('nothing_waiting', `Nothing waits for a decision on deployment ${ref}.`)
    }
    this.deployments.set(ref, { ...shown, guard: { ...shown.guard!, decision: null } })
    const event_id = status === 'approved' ? this.#start(key, { trigger_reason: decision.reason }) : null
    return { success: true as const, decision_id: decision.decision_id, status, event_id }
  }

  #start(key: string, change: Partial<RollbackView>): string {
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    const view = rollback(change)
    this.#byKey.set(key, view.event_id)
    this.set(view)
    return view.event_id
  }

  #failIfTold(): void {
    const failure = this.failures.shift()
    if (failure !== undefined) throw failure
  }
}

/** The announcements' store in memory, over the same rollbacks. */
export class StoreDouble implements AnnouncementStore {
  readonly announcements = new Map<string, Announcement>()
  readonly kept = new Map<string, { channel_id: string; message_id: string }>()
  readonly #roman: RomanDouble
  /** Thrown by the next `keepMessage`: the process dies between posting and recording. */
  diesBeforeKeeping = false

  constructor(roman: RomanDouble) {
    this.#roman = roman
  }

  add(change: Partial<Announcement> & Pick<Announcement, 'kind'>): string {
    const announcement_id = randomUUID()
    this.announcements.set(announcement_id, {
      announcement_id,
      service: 'storefront',
      environment: 'production',
      deployment_id: BAD,
      event_id: null,
      decision_id: null,
      payload: {},
      created_at: '2025-12-15T14:35:00Z',
      ...change,
    })
    return announcement_id
  }

  async readAnnouncement(id: string) {
    return this.announcements.get(id) ?? null
  }

  async readRollback(eventId: string) {
    return this.#roman.rollbacks.get(eventId) ?? null
  }

  async readDeployment(id: string) {
    return this.#roman.deployments.get(id) ?? null
  }

  async readMessage(id: string, part: string) {
    return this.kept.get(`${id} ${part}`) ?? null
  }

  async keepMessage(message: { announcement_id: string; part: string; channel_id: string; message_id: string }) {
    if (this.diesBeforeKeeping) {
      this.diesBeforeKeeping = false
      throw new Error('The process died.')
    }
    const { announcement_id, part, channel_id, message_id } = message
    this.kept.set(`${announcement_id} ${part}`, { channel_id, message_id })
  }
}
