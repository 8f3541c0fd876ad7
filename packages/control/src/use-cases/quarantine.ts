import { sameCommit } from '@roman/constitution'
import type { ListQuarantineResponse, ReleaseRequest, ReleaseResponse } from '@roman/contracts'
import { environmentOf } from '@roman/runtime'
import type { ControlContext } from '../context.ts'
import type { Call } from '../port.ts'
import { audit, json } from '../store/audit.ts'
import { requireUser } from '../store/deployments.ts'

/** Lets a person deploy a commit again that was rolled back here. What a running rollback holds stays held. */
export const releaseQuarantine = (
  context: ControlContext,
  input: ReleaseRequest,
  call: Call,
): Promise<ReleaseResponse> => {
  const { service } = environmentOf(context.config.current(), input.service, input.environment)
  return context.db.transaction(async (tx) => {
    await requireUser(tx, 'initiated_by', call.actor.user_id)
    const held = await tx.quarantine.findMany({
      where: { service, environment: input.environment, status: 'quarantined' },
    })
    const ids = held.filter((row) => sameCommit(row.git_commit, input.git_commit)).map((row) => row.id)
    const { count } = await tx.quarantine.updateMany({
      where: { id: { in: ids }, status: 'quarantined' },
      data: {
        status: 'released',
        released_at: new Date(),
        released_by: json({ actor: call.actor, reason: input.reason }),
      },
    })
    if (count > 0) {
      await audit(tx, {
        event_type: 'quarantine_released',
        severity: 'warning',
        source: 'control',
        description: `Commit ${input.git_commit} may be deployed to ${service} in ${input.environment} again: ${input.reason}`,
        deployment_id: null,
        actor: call.actor,
        metadata: { service, environment: input.environment, git_commit: input.git_commit },
      })
    }
    return { success: true, released: count }
  })
}

export const listQuarantine = async (context: ControlContext): Promise<ListQuarantineResponse> => {
  const rows = await context.db.prisma.quarantine.findMany({
    where: { status: { not: 'released' } },
    orderBy: { id: 'desc' },
    take: 500,
  })
  return {
    quarantine: rows.map((row) => ({
      service: row.service,
      environment: row.environment,
      git_commit: row.git_commit,
      status: row.status as 'hold' | 'quarantined',
      event_id: row.event_id,
      created_at: row.created_at.toISOString(),
    })),
  }
}
