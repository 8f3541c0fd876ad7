import { type ChangeDeploymentRequest, type RecordDeploymentResponse, RomanError } from '@roman/contracts'
import type { Tx } from '@roman/db'
import type { ControlContext } from '../context.ts'
import { examineScripts, recordMigrations } from '../migrations/record.ts'
import type { Call } from '../port.ts'
import { audit } from '../store/audit.ts'
import { resolveDeployment } from '../store/deployments.ts'
import { lockLive } from '../store/live.ts'
import { moveDeployment } from '../store/statuses.ts'
import { beginGuarding, describeRecorded, goLive, wasLive } from './record-deployment.ts'

/** The second step of a recording: the intended deployment is live now, or its deploy failed before it was. */
export const changeDeployment = async (
  context: ControlContext,
  ref: string,
  input: ChangeDeploymentRequest,
  call: Call,
): Promise<RecordDeploymentResponse> => {
  const found = await resolveDeployment(context.db, ref)
  const { given, warnings: faults } = examineScripts(
    { migrations: input.migrations ?? [], tool: input.migrations_tool },
    'live',
  )
  const change = async (tx: Tx): Promise<{ warnings: string[]; keys: string[] }> => {
    const live = await lockLive(tx, found.service, found.environment)
    const row = await tx.deployments.findUniqueOrThrow({ where: { deployment_id: found.deployment_id } })
    if (input.status === 'in_progress') {
      // Told twice is told once, also after the guard's verdict.
      if (row.status === 'in_progress' || row.status === 'success') return { warnings: [], keys: [] }
      // That it is live now is a fact, whatever was said of its deploy before; but not where it had its time.
      if (row.status === 'failed' && (await wasLive(tx, row))) {
        throw new RomanError(
          'illegal_transition',
          `Deployment ${row.deployment_id} was live and has failed since. Mark it verified with "roman verify", or record what is deployed now as a new one.`,
        )
      }
      return goLive(tx, live, row, call.actor)
    }
    if (row.status === 'failed') return { warnings: [], keys: [] }
    if (row.status === 'in_progress' || row.status === 'success') {
      throw new RomanError(
        'illegal_transition',
        `Deployment ${row.deployment_id} is ${row.status}, and only one that never went live can be marked failed. Roll it back instead.`,
      )
    }
    await moveDeployment(tx, row.deployment_id, 'failed', { completed_at: new Date() })
    await audit(tx, {
      event_type: 'deployment_failed',
      severity: 'warning',
      source: 'control',
      description: `The deploy of ${row.service} ${row.version} to ${row.environment} failed before it went live${input.reason === undefined ? '' : `: ${input.reason}`}`,
      deployment_id: row.deployment_id,
      actor: call.actor,
    })
    return { warnings: [], keys: [] }
  }
  const outcome = await context.db.transaction(async (tx) => {
    const { warnings, keys } = await change(tx)
    const noted = await recordMigrations(tx, found, given, call.actor)
    return { keys, warnings: [...warnings, ...faults, ...noted] }
  })
  if (outcome.keys.length > 0) await beginGuarding(context, found.deployment_id, outcome.keys)
  return describeRecorded(context, found.deployment_id, outcome.warnings)
}
