import { judgeSample } from '@roman/constitution'
import { RomanError } from '@roman/contracts'
import { isDatabaseUnavailable, isDiskFull, pendingMigrations, refuseNewerSchema } from '@roman/db'
import type { ControlContext } from './context.ts'
import { createErrorNotifier } from './error-notifier.ts'
import { migrationsAtStake } from './evidence.ts'
import { readHealth, reportOf } from './health.ts'
import { createIntake } from './intake.ts'
import { withKnownActors } from './known-actors.ts'
import type { Control } from './port.ts'
import { resolveDeployment } from './store/deployments.ts'
import { noRollback, resolveRollback } from './store/rollbacks.ts'
import { abortRollback } from './use-cases/abort-rollback.ts'
import { addActor, listActors, removeActor } from './use-cases/actors.ts'
import { runBacktest } from './use-cases/backtest.ts'
import { changeDeployment } from './use-cases/change-deployment.ts'
import { decide } from './use-cases/decide.ts'
import { executeRollback } from './use-cases/execute-rollback.ts'
import { freeze, labelDeployment, listFreezes, unfreeze } from './use-cases/freeze.ts'
import { ingestErrors } from './use-cases/ingest-errors.ts'
import { overrideRollback } from './use-cases/override-rollback.ts'
import { listQuarantine, releaseQuarantine } from './use-cases/quarantine.ts'
import { recordDeployment } from './use-cases/record-deployment.ts'
import { createAuditVerification, readAuditAnchor } from './use-cases/verify-audit.ts'
import { verifyDeployment } from './use-cases/verify-deployment.ts'
import { listDeployments, readDeployment } from './views/deployments.ts'
import { readExplanation } from './views/explanation.ts'
import { readHistory, readRollback } from './views/rollbacks.ts'
import { diffSnapshots, listSnapshots, readSnapshot } from './views/snapshots.ts'
import { readSummary } from './views/summary.ts'
import { readThresholds } from './views/thresholds.ts'

/** The use-cases over their real parts. */
export const createControl = (context: ControlContext): Control => {
  const notifier = createErrorNotifier(context.db)
  const intake = createIntake()
  const control: Control = {
    recordDeployment: (input, call) => recordDeployment(context, input, call),
    changeDeployment: (ref, input, call) => changeDeployment(context, ref, input, call),
    listDeployments: (query) => listDeployments(context.db, query),
    async showDeployment(ref, where) {
      const { deployment_id } = await resolveDeployment(context.db, ref, where)
      return (await readDeployment(context.db, deployment_id))!
    },
    async ingestErrors(rows) {
      const result = await ingestErrors(context, intake, rows)
      if (result.accepted > result.duplicates) notifier.notify()
      return result
    },
    executeRollback: (input, call, wait) => executeRollback(context, input, call, wait),
    async checkDeployment(input) {
      const deployment = await resolveDeployment(context.db, input.deployment_id, input)
      const [reading] = await readHealth(context.db, [deployment.deployment_id])
      if (reading === undefined)
        throw new RomanError(
          'deployment_not_found',
          `Deployment ${input.deployment_id} has no health to check. Check what is live: "roman status" lists it.`,
        )
      const verdict = judgeSample(reading.sample, reading.policy.thresholds)
      const warning = await migrationsAtStake(context, deployment)
      return {
        should_rollback: verdict.state === 'breach',
        reason: verdict.reason,
        health: reportOf(reading),
        ...(warning === null ? {} : { warnings: [warning] }),
      }
    },
    history: (query) => readHistory(context.db, query),
    async showRollback(ref) {
      const view = await readRollback(context.db, await resolveRollback(context.db, ref))
      if (view === null) throw noRollback(ref)
      return view
    },
    override: (ref, input, call) => overrideRollback(context, ref, input, call),
    abort: (ref, input, call) => abortRollback(context, ref, input, call),
    approve: async (ref, input, call) => ({
      success: true,
      ...(await decide(context, 'approve', ref, input.reason, call)),
    }),
    reject: async (ref, input, call) => ({
      success: true,
      ...(await decide(context, 'reject', ref, input.reason, call)),
    }),
    verify: (ref, input, call) => verifyDeployment(context, ref, input, call),
    freeze: (input, call) => freeze(context, input, call),
    unfreeze: (input, call) => unfreeze(context, input, call),
    listFreezes: async () => ({ freezes: await listFreezes(context) }),
    async explainDeployment(ref, where) {
      const { deployment_id } = await resolveDeployment(context.db, ref, where)
      return readExplanation(context.db, deployment_id)
    },
    async explainRollback(ref) {
      const event_id = await resolveRollback(context.db, ref)
      const event = await context.db.prisma.rollback_events.findUnique({ where: { event_id } })
      if (event?.deployment_id == null) throw noRollback(ref)
      return readExplanation(context.db, event.deployment_id)
    },
    backtest: (input) => runBacktest(context, input),
    thresholds: (query) => readThresholds(context, query),
    listSnapshots: async (query) => ({ snapshots: await listSnapshots(context.db, query) }),
    showSnapshot: (ref) => readSnapshot(context.db, ref),
    diffSnapshots: (before, after) => diffSnapshots(context.db, before, after),
    listQuarantine: () => listQuarantine(context),
    releaseQuarantine: (input, call) => releaseQuarantine(context, input, call),
    label: (ref, input, call) => labelDeployment(context, ref, input, call),
    listActors: () => listActors(context),
    addActor: (input, call) => addActor(context, input, call),
    removeActor: (input, call) => removeActor(context, input, call),
    verifyAudit: createAuditVerification(context),
    auditAnchor: () => readAuditAnchor(context),
    summary: () => readSummary(context.db),
    async readiness() {
      const check = async (probe: () => Promise<string>) => {
        try {
          return { ok: true, detail: await probe() }
        } catch (error) {
          return { ok: false, detail: (error as Error).message }
        }
      }
      const [database, migrations, temporal] = await Promise.all([
        check(async () => {
          await context.db.pool.query('SELECT 1')
          return 'answers'
        }),
        check(async () => {
          const pending = await pendingMigrations(context.db.pool)
          if (pending.length > 0) throw new Error(`Not applied: ${pending.join(', ')}. Run "roman migrate".`)
          // Also ready: between the migration and the restart of an upgrade, the version before it must go on serving.
          return refuseNewerSchema(context.db.pool).then(
            () => 'up to date',
            (error: Error) => error.message,
          )
        }),
        check(async () => {
          await context.temporal.ping()
          return 'answers'
        }),
      ])
      return { ready: database.ok && migrations.ok && temporal.ok, checks: { database, migrations, temporal } }
    },
  }
  return translated(withKnownActors(context.db, control))
}

/** PostgreSQL being away is one clear error, whichever use-case met it. */
const translated = (control: Control): Control =>
  new Proxy(control, {
    get(target, name: keyof Control) {
      const method = target[name]
      if (typeof method !== 'function') return method
      return async (...args: unknown[]) => {
        try {
          return await (method as (...given: unknown[]) => Promise<unknown>).apply(target, args)
        } catch (error) {
          if (!(error instanceof RomanError) && isDatabaseUnavailable(error)) {
            throw new RomanError(
              'database_unavailable',
              isDiskFull(error)
                ? 'PostgreSQL has no disk space left, and nothing of this was written. Free some, then send it again.'
                : 'PostgreSQL does not answer. Nothing was lost; try again in a moment.',
              undefined,
              { cause: error },
            )
          }
          throw error
        }
      }
    },
  })
