import createClient from 'openapi-fetch'
import { apiErrorOf } from './errors.ts'
import { type FollowOptions, follow } from './follow.ts'
import type { paths } from './generated/api.ts'
import { type CallOptions, createTransport } from './transport.ts'
import type * as T from './types.ts'

export interface RomanClientOptions {
  /** Where the API listens, `http://127.0.0.1:4400` for one. */
  url: string
  /** The service key. */
  key: string
  fetch?: typeof globalThis.fetch
  /**
   * How often a call that may be repeated is sent again when no answer comes or the server is away (503); 3 unless given.
   * One that is refused because too much comes in (429) is sent again after its Retry-After, for as long as the call may
   * take. 0: neither.
   */
  repetitionsMax?: number
}

export interface CommandOptions extends CallOptions {
  /** The same key with the same body is the same request; a new one for each call unless given. */
  idempotencyKey?: string | undefined
}

export interface ExecuteOptions extends CommandOptions {
  /** How long the server may wait for the end before it answers `running`, 0 to 55; 25 unless given. */
  waitSeconds?: number | undefined
}

/** How a rollback request ended, as far as the wait allowed to see. */
export type RollbackAnswer =
  | { kind: 'verified' | 'running' | 'failed'; body: T.RollbackResult }
  | { kind: 'rejected' | 'no_target'; body: T.RollbackRejected }

export type RomanClient = ReturnType<typeof createRomanClient>

/**
 * R.O.M.A.N.'s API, a method per call. Methods throw `RomanApiError` when the API refuses and `RomanConnectionError`
 * when no answer comes; every call is bounded in time.
 */
export function createRomanClient({ url, key, fetch, repetitionsMax = 3 }: RomanClientOptions) {
  const baseUrl = checkedUrl(url)
  if (key === '') throw new Error('The service key is empty. Pass the key of the API, or set ROMAN_KEY.')
  const api = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${key}` }, ...(fetch && { fetch }) })
  const { exchange, receive } = createTransport(baseUrl, repetitionsMax)
  const reading = (options: CallOptions = {}) => ({ ...options, repeatable: true })
  const command = ({ idempotencyKey = crypto.randomUUID(), ...options }: CommandOptions = {}) =>
    [{ 'idempotency-key': idempotencyKey }, { ...options, repeatable: true }] as const

  const showRollback = (event_id: string, options?: CallOptions): Promise<T.Rollback> =>
    receive(
      (signal) => api.GET('/v1/rollbacks/{event_id}', { params: { path: { event_id } }, signal }),
      reading(options),
    )

  return {
    url: baseUrl,

    recordDeployment(body: T.RecordDeployment, options?: CommandOptions): Promise<T.DeploymentRecorded> {
      const [header, sending] = command(options)
      return receive((signal) => api.POST('/v1/deployments', { body, params: { header }, signal }), sending)
    },
    changeDeployment(id: string, body: T.ChangeDeployment, options?: CommandOptions): Promise<T.DeploymentRecorded> {
      const [header, sending] = command(options)
      const params = { header, path: { id } }
      return receive((signal) => api.PATCH('/v1/deployments/{id}', { body, params, signal }), sending)
    },
    async listDeployments(query: T.ListDeployments = {}, options?: CallOptions): Promise<T.Deployment[]> {
      const send = (signal: AbortSignal) => api.GET('/v1/deployments', { params: { query }, signal })
      return (await receive(send, reading(options))).deployments
    },
    /** `id` is a uuid, a unique prefix of one, or a version; `where` tells equal versions apart. */
    showDeployment(id: string, where: T.Where = {}, options?: CallOptions): Promise<T.Deployment> {
      const params = { path: { id }, query: where }
      return receive((signal) => api.GET('/v1/deployments/{id}', { params, signal }), reading(options))
    },
    approve(id: string, body: T.Reason, options?: CommandOptions): Promise<T.Decision> {
      const [header, sending] = command(options)
      const params = { header, path: { id } }
      return receive((signal) => api.POST('/v1/deployments/{id}/approve', { body, params, signal }), sending)
    },
    reject(id: string, body: T.Reason, options?: CommandOptions): Promise<T.Decision> {
      const [header, sending] = command(options)
      const params = { header, path: { id } }
      return receive((signal) => api.POST('/v1/deployments/{id}/reject', { body, params, signal }), sending)
    },
    verify(id: string, body: T.Reason, options?: CommandOptions): Promise<T.Verified> {
      const [header, sending] = command(options)
      const params = { header, path: { id } }
      return receive((signal) => api.POST('/v1/deployments/{id}/verify', { body, params, signal }), sending)
    },
    /** Says whether the guard was right about a deployment; the newest word counts. */
    label(id: string, body: T.Label, options?: CommandOptions): Promise<T.Labelled> {
      const [header, sending] = command(options)
      const params = { header, path: { id } }
      return receive((signal) => api.POST('/v1/deployments/{id}/label', { body, params, signal }), sending)
    },
    /** Intents are refused and automatic rollbacks ask people; left out, service or environment means all. */
    freeze(body: T.Freeze, options?: CommandOptions): Promise<T.FreezeSet> {
      const [header, sending] = command(options)
      return receive((signal) => api.POST('/v1/freezes', { body, params: { header }, signal }), sending)
    },
    unfreeze(body: T.Freeze, options?: CommandOptions): Promise<T.Unfrozen> {
      const [header, sending] = command(options)
      return receive((signal) => api.POST('/v1/unfreeze', { body, params: { header }, signal }), sending)
    },
    /** Why a deployment was, or was not, rolled back. */
    explainDeployment(id: string, where: T.Where = {}, options?: CallOptions): Promise<T.Explanation> {
      const params = { path: { id }, query: where }
      return receive((signal) => api.GET('/v1/deployments/{id}/explanation', { params, signal }), reading(options))
    },
    explainRollback(event_id: string, options?: CallOptions): Promise<T.Explanation> {
      const params = { path: { event_id } }
      return receive((signal) => api.GET('/v1/rollbacks/{event_id}/explanation', { params, signal }), reading(options))
    },
    /** What other rules would have done over the past; changes nothing. */
    backtest(body: T.BacktestQuestion, options?: CallOptions): Promise<T.Backtest> {
      return receive((signal) => api.POST('/v1/backtests', { body, signal }), reading(options))
    },
    /** The rules in force, and how often they would cry wolf. */
    thresholds(query: T.ThresholdsQuestion, options?: CallOptions): Promise<T.ThresholdsAnswer> {
      return receive((signal) => api.GET('/v1/thresholds', { params: { query }, signal }), reading(options))
    },
    async listQuarantine(options?: CallOptions): Promise<T.Quarantine[]> {
      return (await receive((signal) => api.GET('/v1/quarantine', { signal }), reading(options))).quarantine
    },
    /** Lets a commit that was rolled back be deployed again. */
    releaseQuarantine(body: T.Release, options?: CommandOptions): Promise<T.Released> {
      const [header, sending] = command(options)
      return receive((signal) => api.POST('/v1/quarantine/release', { body, params: { header }, signal }), sending)
    },
    /** Which Discord member or CI identity is which user. */
    async listActors(options?: CallOptions): Promise<T.KnownActor[]> {
      return (await receive((signal) => api.GET('/v1/actors', { signal }), reading(options))).actors
    },
    addActor(body: T.AddActor, options?: CommandOptions): Promise<T.KnownActor> {
      const [header, sending] = command(options)
      return receive((signal) => api.POST('/v1/actors', { body, params: { header }, signal }), sending)
    },
    removeActor(body: T.RemoveActor, options?: CommandOptions): Promise<T.RemovedActor> {
      const [header, sending] = command(options)
      return receive((signal) => api.POST('/v1/actors/remove', { body, params: { header }, signal }), sending)
    },
    async listFreezes(options?: CallOptions): Promise<T.Frozen[]> {
      return (await receive((signal) => api.GET('/v1/freezes', { signal }), reading(options))).freezes
    },
    /** Sent again only if every row carries an `idempotency_key`, since without one a row would be stored twice. */
    reportErrors(errors: T.ReportedError[], options: CallOptions = {}): Promise<T.Ingested> {
      const repeatable = errors.every((error) => error.idempotency_key !== undefined)
      return receive((signal) => api.POST('/v1/errors', { body: { errors }, signal }), { ...options, repeatable })
    },

    /** Asks for a rollback once, however often the request has to be sent. A refusal is an answer, not an error. */
    async executeRollback(body: T.ExecuteRollback, options: ExecuteOptions = {}): Promise<RollbackAnswer> {
      const { waitSeconds = 25, ...rest } = options
      const [idempotency, sending] = command({ timeoutMs: (waitSeconds + 30) * 1000, ...rest })
      const header = { ...idempotency, prefer: `wait=${waitSeconds}` }
      const { data, error, response } = await exchange(
        (signal) => api.POST('/auto-rollback', { body, params: { header }, signal }),
        sending,
      )
      if (data?.event_id !== undefined) return { kind: response.status === 202 ? 'running' : 'verified', body: data }
      const kind = REFUSALS[response.status]
      const named = (error as { event_id?: string } | undefined)?.event_id !== undefined
      if (kind !== undefined && named) return { kind, body: error } as RollbackAnswer
      throw apiErrorOf(baseUrl, response.status, error)
    },
    checkDeployment(body: T.CheckDeployment, options?: CallOptions): Promise<T.CheckResult> {
      return receive((signal) => api.POST('/auto-rollback/check', { body, signal }), reading(options))
    },
    async history(query: T.HistoryFilter = {}, options?: CallOptions): Promise<T.RollbackRow[]> {
      const send = (signal: AbortSignal) => api.GET('/auto-rollback/history', { params: { query }, signal })
      return (await receive(send, reading(options))).rollbacks
    },
    showRollback,
    /** Polls until the rollback has ended; see `follow`. */
    followRollback: (eventId: string, options?: FollowOptions): Promise<T.Rollback> =>
      follow(showRollback, eventId, options),
    override(event_id: string, body: T.Override, options?: CommandOptions): Promise<T.RollbackResult> {
      const [header, sending] = command(options)
      const params = { header, path: { event_id } }
      return receive((signal) => api.POST('/v1/rollbacks/{event_id}/override', { body, params, signal }), sending)
    },
    abort(event_id: string, body: T.Reason, options?: CommandOptions): Promise<T.Aborted> {
      const [header, sending] = command(options)
      const params = { header, path: { event_id } }
      return receive((signal) => api.POST('/v1/rollbacks/{event_id}/abort', { body, params, signal }), sending)
    },

    /**
     * Asks the API to verify the audit trail; whether it is as it was sealed is the answer, not an error. Where the
     * server itself is in doubt, `roman audit verify` reads the database.
     */
    verifyAudit(query: { anchor?: string } = {}, options: CallOptions = {}): Promise<T.AuditVerification> {
      const send = (signal: AbortSignal) => api.GET('/v1/audit/verification', { params: { query }, signal })
      return receive(send, reading({ timeoutMs: 40_000, ...options }))
    },
    /** The head of the audit chain, to be kept where who can write to the database cannot. */
    auditAnchor: (options?: CallOptions): Promise<T.AuditAnchor> =>
      receive((signal) => api.GET('/v1/audit/anchor', { signal }), reading(options)),
    /** States of databases before and after deployments, newest first. */
    async listSnapshots(query: T.ListSnapshots = {}, options?: CallOptions): Promise<T.SnapshotSummary[]> {
      const send = (signal: AbortSignal) => api.GET('/v1/snapshots', { params: { query }, signal })
      return (await receive(send, reading(options))).snapshots
    },
    /** `snapshot` is a uuid, or a unique prefix of one. */
    showSnapshot(snapshot: string, options?: CallOptions): Promise<T.Snapshot> {
      const params = { path: { snapshot } }
      return receive((signal) => api.GET('/v1/snapshots/{snapshot}', { params, signal }), reading(options))
    },
    /** What is different in the second of two snapshots, in words and as data. */
    diffSnapshots(before: string, after: string, options?: CallOptions): Promise<T.SnapshotDiff> {
      const params = { path: { before, after } }
      return receive((signal) => api.GET('/v1/snapshots/{before}/diff/{after}', { params, signal }), reading(options))
    },

    summary: (options?: CallOptions): Promise<T.Summary> =>
      receive((signal) => api.GET('/v1/summary', { signal }), reading(options)),
    /** Asked once: that something is away is the answer. */
    readiness: (options: CallOptions = {}): Promise<T.Readiness> =>
      receive((signal) => api.GET('/readyz', { signal }), { ...options, repeatable: false }),
  }
}

/** Statuses that are the end of a rollback rather than an error, when they name its event. */
const REFUSALS: Record<number, RollbackAnswer['kind']> = { 403: 'rejected', 404: 'no_target', 502: 'failed' }

function checkedUrl(url: string): string {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new Error(`"${url}" is not the URL of an API. Give one that begins with http:// or https://.`)
  }
  return url.replace(/\/+$/, '')
}
