import { type Database, reasonOf } from '@roman/db'
import type { Logger, RomanConfigSource, RuntimeEnv } from '@roman/runtime'
import { allowedVariables, withoutSecrets } from '@roman/snapshots'
import { readHealth, reportOf } from '../health.ts'
import { configuredNow, databaseVariable } from '../policy.ts'
import { audit } from '../store/audit.ts'
import { holdDatabases, type ServiceDatabase } from './databases.ts'
import {
  findSnapshot,
  readRecordedMigrations,
  type SnapshotSubject,
  type SnapshotType,
  storeSnapshot,
} from './store.ts'

export type SnapshotTaken = { kind: 'taken'; snapshot_id: string } | { kind: 'failed'; reason: string }

export interface Snapshots {
  /**
   * Snapshots the state of a deployment's database, its health and its configuration. One for each event (or deployment)
   * and type: a retried step finds the one it took before. Never throws and never takes longer than ten seconds; one that
   * could not be taken leaves no half row, but a line on the audit trail.
   */
  take(deploymentId: string, type: SnapshotType, eventId?: string | null): Promise<SnapshotTaken>
  /** Opens a connection to the database of every service that is configured now, and keeps it. */
  hold(): void
  close(): Promise<void>
}

export interface SnapshotParts {
  /** Of its own, with its connections kept open: for reading, and for writing it down. */
  db: Database
  config: RomanConfigSource
  env: Pick<RuntimeEnv, 'variables' | 'secret'>
  /** Whose variables are read: `api`, `worker`. */
  takenBy: string
  log: Logger
}

const ATTEMPT_TIMEOUT_MS = 8_500
/** Together with the attempt: less than ten seconds. */
const AUDIT_TIMEOUT_MS = 1_000

export const createSnapshots = (parts: SnapshotParts): Snapshots => {
  const { db, config, log } = parts
  const told = new Set<string>()
  const databases = holdDatabases(db, `roman-${parts.takenBy}-snapshots`)

  const attempt = async (subject: SnapshotSubject, signal: AbortSignal): Promise<string> => {
    const startedAt = performance.now()
    const before = await findSnapshot(db, subject)
    if (before !== null) return before
    const [reading] = await readHealth(db, [subject.deployment_id])
    if (reading === undefined) throw new Error('The deployment is not recorded')
    const database = databaseOf(parts, reading.service, reading.environment)
    // One after the other: a full server may have left us one connection.
    const recorded = await readRecordedMigrations(db, reading.service, reading.environment)
    const state = await databases.capture(database)
    // Said to have failed already: a row now would contradict it.
    signal.throwIfAborted()
    return storeSnapshot(db, subject, {
      state,
      recorded,
      key_metrics: {
        ...reportOf(reading),
        // Those of the database that was looked at, which need not be ours.
        database_connections: state.connections.used,
        database_connection_utilization: state.connections.used / state.connections.max,
        active_queries: state.connections.active,
      },
      environment_config: {
        taken_by: parts.takenBy,
        database: { source: database === 'ops' ? 'ops' : database.url_env, ...state.database },
        variables: allowedVariables(config.current().snapshots.environment, parts.env.variables),
        policy: reading.policy,
      },
      took_ms: Math.round(performance.now() - startedAt),
    })
  }

  const failed = async (subject: SnapshotSubject, error: unknown): Promise<SnapshotTaken> => {
    const reason = withoutSecrets(reasonOf(error))
    log.warn({ ...subject, reason }, 'The snapshot could not be taken')
    const record = db.transaction((tx) =>
      audit(tx, {
        event_type: 'snapshot_failed',
        severity: 'warning',
        source: 'snapshots',
        description: `The ${subject.snapshot_type} snapshot could not be taken: ${reason}`,
        deployment_id: subject.deployment_id,
        metadata: { event_id: subject.event_id, snapshot_type: subject.snapshot_type, reason },
      }),
    )
    await within(AUDIT_TIMEOUT_MS, () => record).catch((cause: Error) =>
      log.warn({ ...subject, reason: reasonOf(cause) }, 'That the snapshot failed could not be written down'),
    )
    return { kind: 'failed', reason }
  }

  return {
    async take(deploymentId, type, eventId = null) {
      const subject = { deployment_id: deploymentId, snapshot_type: type, event_id: eventId }
      try {
        const snapshotId = await within(ATTEMPT_TIMEOUT_MS, (signal) => attempt(subject, signal))
        return { kind: 'taken', snapshot_id: snapshotId }
      } catch (error) {
        return failed(subject, error)
      }
    },
    hold() {
      for (const [service, { environments }] of Object.entries(config.current().services)) {
        for (const environment of Object.keys(environments)) {
          try {
            databases.hold(databaseOf(parts, service, environment))
          } catch (error) {
            const { message: reason } = error as Error
            if (!told.has(reason)) log.warn({ service, environment, reason }, 'No snapshots can be taken here')
            told.add(reason)
          }
        }
      }
    },
    close: () => databases.close(),
  }
}

/** The service's own database, where its health is read from one; else ours, which it then shares. */
const databaseOf = ({ config, env, takenBy }: SnapshotParts, service: string, environment: string): ServiceDatabase => {
  const urlEnv = databaseVariable(configuredNow(config, service, environment))
  if (urlEnv === undefined) return 'ops'
  const url = env.secret(urlEnv)
  if (url === undefined) throw new Error(`${urlEnv} is not set where the ${takenBy} runs; set it there`)
  return { url_env: urlEnv, url }
}

const within = async <T>(timeoutMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
  const over = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`It took longer than ${timeoutMs / 1000} seconds`)
      over.abort(error)
      reject(error)
    }, timeoutMs)
  })
  try {
    return await Promise.race([work(over.signal), late])
  } finally {
    clearTimeout(timer)
  }
}
